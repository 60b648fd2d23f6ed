"""Scenes show what their truth says: one digit, several or none, and the ink where it is."""

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digitkit.pictures.look import LOOK_PX
from digitkit.readers.digits.digit import LABELS
from training.data.mnist import Split
from training.scenes import composing
from training.scenes.clutter import put_neighbours
from training.scenes.composing import ONES, ROWS, Composer, Content, DrawnScene, full_ink, is_seen
from training.scenes.sheet import Page

COUNT = 500
BLOCK = np.full((40, 30), 255, dtype=np.uint8)


@pytest.fixture(scope="module")
def train(ten_digits: NDArray[np.uint8]) -> Split:
    return Split(np.repeat(ten_digits, 20, axis=0), np.repeat(np.array(LABELS), 20))


@pytest.fixture(scope="module")
def scenes(train: Split) -> list[DrawnScene]:
    return drawn(train, 0, COUNT)


def drawn(train: Split, seed: int, count: int) -> list[DrawnScene]:
    composer = Composer(train, seed)
    return [composer.scene() for _ in range(count)]


def of(kind: Content, scenes: list[DrawnScene]) -> list[DrawnScene]:
    return [scene for scene in scenes if scene.kind == kind]


def contrast(scene: DrawnScene) -> float:
    """How many grey levels the ink differs from its surroundings, in the mean."""
    ink = scene.ink > 0.6 * scene.ink.max()
    around = (cv2.dilate(scene.ink, np.ones((9, 9), dtype=np.uint8)) > 0) & (scene.ink == 0)
    return abs(float(scene.look[ink].mean()) - float(scene.look[around].mean()))


def test_looks_and_inks_are_of_one_size_and_the_digit_is_named_where_it_is_one(scenes: list[DrawnScene]) -> None:
    for look, ink, kind, digit in scenes:
        assert look.shape == ink.shape == (LOOK_PX, LOOK_PX)
        assert look.dtype == ink.dtype == np.uint8
        assert digit in LABELS if kind == Content.ONE else digit == -1
    assert {scene.digit for scene in of(Content.ONE, scenes)} == set(LABELS)


def test_there_is_ink_just_where_there_are_digits(scenes: list[DrawnScene]) -> None:
    assert not any(scene.ink.any() for scene in of(Content.NONE, scenes))
    assert all(scene.ink.max() >= 24 for scene in [*of(Content.ONE, scenes), *of(Content.SEVERAL, scenes)])


def test_the_ink_differs_from_what_is_around_it(scenes: list[DrawnScene]) -> None:
    contrasts = np.array([contrast(scene) for scene in of(Content.ONE, scenes)])
    assert np.mean(contrasts > 3) > 0.95
    assert np.median(contrasts) > 30


def test_the_shares_of_the_kinds_are_those_of_the_constants(scenes: list[DrawnScene]) -> None:
    shares = {kind: len(of(kind, scenes)) / COUNT for kind in Content}
    assert shares[Content.ONE] == pytest.approx(ONES, abs=0.08)
    assert shares[Content.SEVERAL] == pytest.approx(ROWS, abs=0.06)
    assert shares[Content.NONE] == pytest.approx(1 - ONES - ROWS, abs=0.08)


def test_one_seed_draws_the_same_scenes_and_another_others(train: Split) -> None:
    first, again, other = (drawn(train, seed, 30) for seed in (5, 5, 6))
    for a, b in zip(first, again, strict=True):
        assert np.array_equal(a.look, b.look) and np.array_equal(a.ink, b.ink) and a[2:] == b[2:]
    assert not all(np.array_equal(a.look, b.look) for a, b in zip(first, other, strict=True))


def test_the_digit_is_that_of_the_glyph_and_all_its_ink_is_in_the_truth(train: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composing, "digit_glyph", lambda _train, _draw: (BLOCK, 7))
    monkeypatch.setattr(composing, "CUT_OUT", 0)
    monkeypatch.setattr(composing, "MORE_ONES", 0)
    monkeypatch.setattr(composing, "turned", lambda sign, _degrees: sign)
    ones = of(Content.ONE, drawn(train, 1, 150))
    assert {scene.digit for scene in ones} == {7}
    for scene in ones:
        x, y, width, height = cv2.boundingRect((scene.ink > 128).astype(np.uint8))
        assert np.mean(scene.ink[y : y + height, x : x + width] > 128) > 0.8  # a block


def test_neighbours_that_the_sides_cut_are_ink_in_the_look_alone(train: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    added: list[tuple[bool, bool]] = []

    def watched(page: Page, *rest: Any) -> None:
        grey = page.grey.copy()
        put_neighbours(page, *rest)
        added.append((not np.array_equal(page.grey, grey), bool(page.truth.any())))

    monkeypatch.setattr(composing, "put_neighbours", watched)
    drawn(train, 2, 60)
    assert any(is_inked for is_inked, _ in added)
    assert not any(is_truth for _, is_truth in added)


@pytest.mark.parametrize("level", [40, 90, 255])
def test_a_stroke_thinner_than_a_pixel_counts_as_whole_ink(level: int) -> None:
    ink = np.zeros((LOOK_PX, LOOK_PX), dtype=np.uint8)
    ink[10:50, 30] = level
    full = full_ink(ink)
    assert (full[10:50, 30] == 255).all() and np.count_nonzero(full) == 40


def test_no_ink_stays_none_and_the_faintest_is_not_made_full() -> None:
    assert not full_ink(composing.no_ink()).any()
    faint = np.full((LOOK_PX, LOOK_PX), 14, dtype=np.uint8)
    assert full_ink(faint).max() < 160


def test_ink_is_seen_where_it_differs_by_more_than_its_ground_does() -> None:
    ink = np.zeros((LOOK_PX, LOOK_PX), dtype=np.uint8)
    ink[20:40, 28:34] = 255
    paper, noise = np.full_like(ink, 100), np.random.default_rng(0).normal(100, 40, ink.shape).clip(0, 255).astype(np.uint8)
    assert is_seen(np.where(ink > 0, 110, paper).astype(np.uint8), ink)
    assert not is_seen(np.where(ink > 0, 102, paper).astype(np.uint8), ink)
    assert not is_seen(np.where(ink > 0, 108, noise).astype(np.uint8), ink)
    assert is_seen(np.where(ink > 0, 200, noise).astype(np.uint8), ink)
    assert not is_seen(paper, composing.no_ink())
