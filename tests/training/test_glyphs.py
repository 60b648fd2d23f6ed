"""What scenes are made of: glyphs of digits and of other ink."""

import cv2
import numpy as np
import pytest
from matplotlib import font_manager
from numpy.random import Generator
from numpy.typing import NDArray

from digitkit.contract import Picture
from digitkit.readers.digits.digit import LABELS
from training.augment.pen import points_of
from training.data.mnist import Split
from training.glyphs import glyphs, signs, spoil
from training.glyphs.dots import MATRICES, dotted
from training.glyphs.faces import MISSING, drawn, faces, faces_with, has
from training.glyphs.glyphs import FAINT, HEIGHT_PX, LONGEST_PX, cropped, digit_glyph
from training.glyphs.hands import HANDS, handwritten
from training.glyphs.segments import LIT, segmented
from training.glyphs.signs import MARKS, SCRIPTS, other_glyph
from training.scenes.contact import COLUMNS, sheets


@pytest.fixture(scope="module")
def train(ten_digits: NDArray[np.uint8]) -> Split:
    return Split(np.repeat(ten_digits, 20, axis=0), np.repeat(np.array(LABELS), 20))


def drawing(seed: int = 0) -> Generator:
    return np.random.default_rng(seed)


def is_cropped(glyph: Picture) -> bool:
    """Whether every side of the glyph touches ink."""
    return all(edge.max() > FAINT for edge in (glyph[0], glyph[-1], glyph[:, 0], glyph[:, -1]))


def test_a_digits_glyph_has_its_label_and_no_margin(train: Split) -> None:
    draw = drawing()
    made = [digit_glyph(train, draw) for _ in range(300)]
    assert {digit for _, digit in made} == set(LABELS)
    for glyph, _ in made:
        assert glyph.dtype == np.uint8
        assert is_cropped(glyph)
        assert glyph.max() > 80  # a stroke thinner than a pixel is fainter than others
        assert max(glyph.shape) <= LONGEST_PX * 1.3  # a slant makes it wider
    heights = [glyph.shape[0] for glyph, _ in made]
    assert HEIGHT_PX[0] * 0.8 < np.quantile(heights, 0.1) < np.quantile(heights, 0.9) < HEIGHT_PX[1] * 1.1


def test_other_ink_has_no_margin_either() -> None:
    draw = drawing()
    made = [other_glyph(draw) for _ in range(200)]
    assert all(is_cropped(glyph) and glyph.max() > 60 for glyph in made)
    assert len({glyph.tobytes() for glyph in made}) == 200


def test_one_seed_makes_the_same_glyphs_and_another_seed_others(train: Split) -> None:
    first, again, other = ([digit_glyph(train, draw) for _ in range(40)] for draw in (drawing(5), drawing(5), drawing(6)))
    assert all(np.array_equal(a[0], b[0]) and a[1] == b[1] for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a[0], b[0]) for a, b in zip(first, other, strict=True))
    signs_twice = [[other_glyph(draw) for _ in range(40)] for draw in (drawing(5), drawing(5))]
    assert all(np.array_equal(a, b) for a, b in zip(*signs_twice, strict=True))


def test_mnists_glyph_is_still_its_digit_and_sharper_than_when_it_is_just_enlarged(train: Split) -> None:
    draw = drawing()
    shares, alike = [], []
    for picture in train.pictures:
        small = cropped(picture)
        glyph = cropped(glyphs.resized(small, draw))
        plain = cv2.resize(small, glyph.shape[::-1], interpolation=cv2.INTER_CUBIC)
        alike.append(np.corrcoef(glyph.ravel(), plain.ravel())[0, 1])
        shares.append([np.mean((drawn > 50) & (drawn < 200)) / np.mean(drawn >= 200) for drawn in (glyph, plain)])
    assert np.median(alike) > 0.7  # it leans
    sharpened, enlarged = np.median(shares, axis=0)
    assert sharpened < 0.7 * enlarged


@pytest.mark.parametrize("digit", LABELS)
@pytest.mark.parametrize("make", [handwritten, segmented, dotted])
def test_each_maker_draws_each_digit_inside_its_page_and_never_the_same(make: object, digit: int) -> None:
    assert callable(make)
    draw = drawing()
    pages = [make(digit, draw) for _ in range(20)]
    assert all(page.max() == 255 and not page[[0, -1]].any() and not page[:, [0, -1]].any() for page in pages)
    assert len({page.tobytes() for page in pages}) > 15


def test_shapes_of_hands_and_marks_are_strokes_of_points() -> None:
    assert set(HANDS) == set(LABELS)
    for shape in [*(shape for shapes in HANDS.values() for shape in shapes), *MARKS]:
        for stroke in points_of(shape):
            assert stroke.shape[1] == 2 and len(stroke) >= 2
            assert stroke.min() >= -0.01 and stroke.max() <= 1.3


def test_segments_and_dots_differ_between_any_two_digits() -> None:
    assert set(LIT) == set(LABELS)
    ways = [frozenset(way) for digit in LABELS for way in LIT[digit]]
    assert len(set(ways)) == len(ways)
    for table, columns, _ in MATRICES:
        rows = [variant for variants in table for variant in variants]
        assert len(table) == 10 and len(set(rows)) == len(rows)
        assert max(int(bits, 16) for variant in rows for bits in variant.split()) < 2**columns


def test_the_shares_of_sources_and_scripts_are_whole() -> None:
    for shares in (signs.KINDS, SCRIPTS):
        assert sum(shares.values()) == pytest.approx(1)
    assert sum(source.share for source in glyphs.SOURCES) == pytest.approx(1)
    assert sum(share for _, _, share in MATRICES) == pytest.approx(1)


@pytest.mark.parametrize("ways", [spoil.PENS, spoil.DISPLAYS])
def test_as_many_glyphs_are_spoilt_as_the_shares_say(ways: spoil.Ways) -> None:
    glyph, draw = np.full((60, 40), 255, dtype=np.uint8), drawing()
    named = tuple((lambda picture, _, i=i: picture[: i + 1], share) for i, (_, share) in enumerate(ways))
    rows = [len(spoil.spoilt(glyph, named, draw)) for _ in range(4000)]
    for i, (_, share) in enumerate(ways):
        assert rows.count(i + 1) / 4000 == pytest.approx(share, abs=0.03)
    assert rows.count(60) / 4000 == pytest.approx(1 - sum(share for _, share in ways), abs=0.03)


def test_no_sign_is_a_digit_or_the_box_of_a_missing_character() -> None:
    assert not any(sign.isascii() and sign.isdigit() for script in SCRIPTS for sign in script)
    assert not set("OoIilQZzSsGgbqBJy") & {sign for script in SCRIPTS for sign in script}
    lacking = [path for path in faces() if not has(path, "ಅ")]
    assert lacking
    assert all(drawn("ಅ", path) is None for path in lacking[:20])
    assert all(drawn(MISSING, path) is None for path in faces()[:20])


@pytest.mark.parametrize("way", [way for way, _ in spoil.PENS] + [spoil.outlined, spoil.stencilled])
def test_a_spoilt_glyph_keeps_some_of_its_ink_and_adds_none_far_away(way: spoil.Way, train: Split) -> None:
    draw = drawing()
    changed = 0
    for i in range(0, len(train), 4):
        glyph = np.pad(glyphs.resized(cropped(train.pictures[i]), draw), 1)
        spoilt = way(glyph, draw)
        assert spoilt.dtype == np.uint8
        ink = int(spoilt.sum(dtype=np.int64)) / int(glyph.sum(dtype=np.int64))
        assert 0.05 < ink < 2.2
        changed += spoilt.shape != glyph.shape or not np.array_equal(spoilt, glyph)
    assert changed >= 20


def test_a_blank_glyph_stays_blank_whatever_spoils_it() -> None:
    for way, _ in spoil.PENS:
        assert not way(np.zeros((60, 40), dtype=np.uint8), drawing()).any()


@pytest.mark.slow
def test_there_is_a_sheet_for_every_source(train: Split) -> None:
    made = dict(sheets(train, drawing()))
    assert {"mnist", "nothing", "lines", "pages", "_segmented", "_lettered", "thin"} <= set(made)
    assert len(made) == 4 + len(glyphs.SOURCES) + len(spoil.PENS) + len(signs.KINDS)
    made.pop("pages")  # pieces are shown at their own size
    assert all(picture.shape[1] == made["mnist"].shape[1] and picture.shape[1] % COLUMNS == 0 for picture in made.values())


def test_letters_and_print_are_drawn_where_the_machine_has_no_font_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(font_manager, "findSystemFonts", list)
    for cached in (faces, faces_with, glyphs.digit_fonts):
        cached.cache_clear()
    try:
        assert 10 < len(faces()) < 60
        draw = drawing()
        assert all(signs._lettered(draw).any() and glyphs._printed(draw)[0].any() for _ in range(50))
    finally:
        for cached in (faces, faces_with, glyphs.digit_fonts):
            cached.cache_clear()
