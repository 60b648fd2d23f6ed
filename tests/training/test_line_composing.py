"""Drawn lines show what their truth says: the text, and where it stands."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray

from digitkit.readers.digits.digit import LABELS
from training.data.mnist import Split
from training.glyphs.row import INKED, ROOM_PX, ROW_PX, Setter, Sign
from training.lines import displays, drums, in_print, machine_readable, numbers, plates
from training.lines.handwriting import Writing
from training.lines.line_composing import DrawnLine, LineComposer, warped
from training.lines.numbers import ALPHABET, as_text
from training.lines.pose import HEIGHT_PX, posed
from training.lines.strip import Span, Strip, as_strip, stretched
from training.lines.wear import worn
from training.scenes.contact import LINE_CELL_PX, TEXT_PX, line_cell

COUNT = 300
BLOCK = np.full((ROW_PX, 20), 255, dtype=np.uint8)


@pytest.fixture(scope="module")
def train(ten_digits: NDArray[np.uint8]) -> Split:
    return Split(np.repeat(ten_digits, 20, axis=0), np.repeat(np.array(LABELS), 20))


@pytest.fixture(scope="module")
def lines(train: Split) -> list[DrawnLine]:
    return drawn(train, 0, COUNT)


def drawn(train: Split, seed: int, count: int) -> list[DrawnLine]:
    composer = LineComposer(train, seed)
    return [composer.line() for _ in range(count)]


def ink_box(strip: Strip) -> tuple[int, int]:
    """The first column with ink and the one after the last."""
    columns = np.flatnonzero((strip.picture > INKED).any(axis=0))
    return int(columns[0]), int(columns[-1]) + 1


def test_pictures_are_grey_and_of_the_heights_that_are_promised(lines: list[DrawnLine]) -> None:
    for picture, _, _ in lines:
        assert picture.dtype == np.uint8 and picture.ndim == 2
        assert HEIGHT_PX[0] <= picture.shape[0] <= HEIGHT_PX[1]
        assert picture.shape[1] >= 4


def test_a_text_is_of_digits_separators_and_stars_alone(lines: list[DrawnLine]) -> None:
    for _, text, _ in lines:
        assert set(text) <= set(ALPHABET)
        assert text == text.strip()


def test_every_sign_of_the_alphabet_occurs(lines: list[DrawnLine]) -> None:
    assert set("".join(line.text for line in lines)) == set(ALPHABET)


def test_corners_lie_in_the_picture_or_near_it_and_in_order(lines: list[DrawnLine]) -> None:
    for picture, _, quad in lines:
        height, width = picture.shape
        tall = np.linalg.norm(quad[3] - quad[0])
        assert quad.shape == (4, 2) and quad.dtype == np.float32
        assert np.all(quad >= -0.5 * tall - 2) and np.all(quad <= np.array([width, height]) + 0.5 * tall + 2)
        left_top, right_top, right_base, left_base = quad
        assert left_top[0] < right_top[0] and left_base[0] < right_base[0]
        assert left_top[1] < left_base[1] and right_top[1] < right_base[1]


def test_nothing_has_no_text_and_the_corners_of_the_picture(lines: list[DrawnLine]) -> None:
    empty = [line for line in lines if not line.text]
    assert 0.01 < len(empty) / COUNT < 0.12
    for picture, _, quad in empty:
        assert quad.max(axis=0).tolist() == [picture.shape[1], picture.shape[0]]


def test_one_seed_draws_the_same_lines_and_another_others(train: Split) -> None:
    first, again, other = (drawn(train, seed, 25) for seed in (5, 5, 6))
    for a, b in zip(first, again, strict=True):
        assert np.array_equal(a.picture, b.picture) and a.text == b.text and np.array_equal(a.quad, b.quad)
    assert [line.text for line in first] != [line.text for line in other]


def test_lines_are_dark_on_light_and_light_on_dark(lines: list[DrawnLine]) -> None:
    bright = np.mean([float(np.median(line.picture)) > 127 for line in lines])
    assert 0.3 < bright < 0.7


def test_every_kind_is_drawn(train: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[str] = set()

    def noted(name: str, strip: Strip) -> Strip:
        seen.add(name)
        return strip

    plain = Strip(np.pad(BLOCK, 10), "1", Span(10, 10, 30, 58))
    panel = plain._replace(is_panel=True)
    monkeypatch.setattr(Writing, "row", lambda self, draw: noted("writing", plain))
    monkeypatch.setattr(in_print, "row", lambda draw: noted("printing", plain))
    monkeypatch.setattr(in_print, "letters_only", lambda draw: noted("letters", plain))
    monkeypatch.setattr(displays, "display", lambda draw: noted("displays", panel))
    monkeypatch.setattr(drums, "counter", lambda draw: noted("drums", panel))
    monkeypatch.setattr(plates, "plate", lambda draw: noted("plates", panel))
    drawn(train, 1, 200)
    assert seen == {"writing", "printing", "letters", "displays", "drums", "plates"}


@pytest.mark.parametrize("make", [in_print.row, displays.display, drums.counter, plates.plate])
def test_a_row_has_a_text_and_a_span_inside_its_picture(make: Callable[[Generator], Strip]) -> None:
    draw = np.random.default_rng(3)
    for _ in range(40):
        strip = make(draw)
        height, width = strip.picture.shape
        assert any(sign.isdigit() or sign == "*" for sign in strip.text) and set(strip.text) <= set(ALPHABET)
        assert 0 <= strip.span.left < strip.span.right <= width and 0 <= strip.span.top < strip.span.base <= height


def test_the_span_of_a_written_row_begins_and_ends_with_its_ink(train: Split) -> None:
    writing, draw = Writing(train), np.random.default_rng(2)
    high, low = [], []
    for strip in (writing.free_row("1234", draw) for _ in range(300)):
        left, right = ink_box(strip)
        assert abs(left - strip.span.left) <= 2 and abs(right - strip.span.right) <= 2
        inked = np.flatnonzero((strip.picture > INKED).any(axis=1))
        high.append(abs(inked[0] - strip.span.top) / ROW_PX)
        low.append(abs(inked[-1] - strip.span.base) / ROW_PX)
    assert max(high) < 0.7 and max(low) < 0.7
    assert np.quantile(high, 0.95) < 0.5  # few writers have a digit that rises over the others by more


def test_a_written_text_names_each_sign_that_was_set(train: Split) -> None:
    writing, draw = Writing(train), np.random.default_rng(4)
    texts = {writing.free_row("12/3", draw).text.replace("*", "") for _ in range(20)}
    assert "12/3" in texts


def test_the_corners_in_the_picture_enclose_the_warped_ink() -> None:
    draw = np.random.default_rng(0)
    strip = Strip(np.pad(np.full((48, 200), 255, dtype=np.uint8), 20), "8", Span(20, 20, 220, 68))
    for _ in range(40):
        pose = posed(strip.span, 1.0, draw)
        rows, columns = np.nonzero(warped(strip, pose) > 0.5)
        height, width = pose.shape
        low, high = np.clip(pose.quad.min(axis=0), 0, [width, height]), np.clip(pose.quad.max(axis=0), 0, [width, height])
        assert np.allclose([columns.min(), rows.min()], low, atol=2.5)
        assert np.allclose([columns.max(), rows.max()], high, atol=2.5)


def test_what_a_sender_makes_smaller_scales_the_corners_too() -> None:
    draw, page = np.random.default_rng(1), np.tile(np.linspace(0, 1, 300, dtype=np.float32), (60, 1))
    for _ in range(60):
        picture, (across, down) = worn(page, 40, 0.5, draw)
        assert picture.shape[1] == pytest.approx(300 * across) and picture.shape[0] == pytest.approx(60 * down)


def test_signs_are_set_as_far_apart_as_asked() -> None:
    setter = Setter(3)
    first = setter.put(Sign(BLOCK, 0), 0)
    second = setter.put(Sign(BLOCK, 0), 7)
    third = setter.put(Sign(BLOCK, 0), -4)
    assert second - (first + BLOCK.shape[1]) == pytest.approx(7, abs=1)
    assert third - (second + BLOCK.shape[1]) == pytest.approx(-4, abs=1)
    strip = as_strip(setter, "111")
    assert (strip.span.top, strip.span.base) == (ROOM_PX, ROOM_PX + ROW_PX)
    assert ink_box(strip) == (strip.span.left, strip.span.right)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("12.50", "12.50"),
        ("€9.22", "*9.22"),
        ("TOTAL 7", "***** 7"),
        ("No. 4711", "**. 4711"),
        ("12<<<34", "12***34"),
        ("5 kg ", "5 **"),
        ("137/86", "137/86"),
    ],
)
def test_each_sign_that_is_no_digit_and_no_separator_is_a_star(written: str, text: str) -> None:
    assert as_text(written) == text


@pytest.mark.parametrize("pattern", [*numbers.BY_HAND, *numbers.IN_PRINT, numbers.on_display, numbers.plate, numbers.vehicle_number])
def test_every_pattern_holds_a_digit(pattern: numbers.Pattern) -> None:
    draw = np.random.default_rng(7)
    assert all(any(sign.isdigit() for sign in pattern(draw)) for _ in range(100))


def test_a_vehicles_number_has_seventeen_signs_and_a_zones_line_up_to_44() -> None:
    draw = np.random.default_rng(8)
    assert {len(numbers.vehicle_number(draw)) for _ in range(50)} == {17}
    assert max(len(machine_readable.passport_line(draw)) for _ in range(100)) == 44


def test_letters_alone_have_no_digit_in_their_text() -> None:
    draw = np.random.default_rng(9)
    for _ in range(40):
        assert set(in_print.letters_only(draw).text) <= set("*" + numbers.SEPARATORS)


def test_a_lines_cell_has_the_text_below_the_picture() -> None:
    cell = line_cell(np.full((30, 60), 200, dtype=np.uint8), "123")
    assert cell.shape[0] == LINE_CELL_PX[0] + TEXT_PX
    assert cell[LINE_CELL_PX[0] :].max() == 255


def test_a_stretched_row_keeps_its_height_and_its_text_at_the_places_of_its_ink() -> None:
    strip = Strip(np.pad(np.full((48, 100), 255, dtype=np.uint8), 20), "1", Span(20, 20, 120, 68))
    wide = stretched(strip, 1.5)
    assert wide.picture.shape == (88, 210)
    assert wide.span == pytest.approx((30, 20, 180, 68))
    left, right = ink_box(wide)
    assert (left, right) == pytest.approx((30, 180), abs=1)


def test_places_that_show_nothing_stand_before_the_number_as_ghosts_alone() -> None:
    segments = displays.SegmentRow(3, np.random.default_rng(1))
    segments.pass_over(2)
    segments.put("8", 1.0)
    strip = segments.strip("8")
    left, _ = ink_box(strip)
    assert left == pytest.approx(strip.span.left, abs=2) and left > segments.pitch
    assert segments.ghost[:, : round(segments.pitch)].max() == 255


@pytest.mark.parametrize("binary", [True, False])
def test_pictures_are_black_and_white_where_all_should_be_and_none_where_none_should(binary: bool) -> None:
    page = np.tile(np.linspace(0.2, 0.9, 80, dtype=np.float32), (40, 1))
    draw = np.random.default_rng(0)
    pictures = [worn(page, 40.0, 0.5, draw, binary=float(binary))[0] for _ in range(5)]
    assert any(len(np.unique(picture)) == 2 for picture in pictures) is binary


def test_a_box_stands_for_each_digit_that_a_font_lacks_and_is_no_digit() -> None:
    draw, font = np.random.default_rng(0), in_print.any_font(np.random.default_rng(0))
    assert in_print.typeset(f"{in_print.BOX}{in_print.BOX}.5", font, draw).text == "**.5"
    boxes = in_print.typeset(5 * in_print.BOX, font, draw)
    inked = boxes.picture[:, round(boxes.span.left) : round(boxes.span.right)] > INKED
    assert inked.any(axis=1).sum() == pytest.approx(boxes.span.height, rel=0.4)
    assert inked[inked.any(axis=1)].mean() < 0.7  # empty inside
