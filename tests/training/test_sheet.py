"""A page shows what is put on it, and its truth is the share of each pixel that digits' ink covers, nothing else."""

import numpy as np
import pytest

from training.scenes.sheet import STRETCH, Page, cloudy, log_uniform, other_level, scaled, sized, turned

SIGN = np.full((4, 3), 0.5, dtype=np.float32)
BAR = np.full((60, 20), 255, dtype=np.uint8)


@pytest.fixture
def draw() -> np.random.Generator:
    return np.random.default_rng(3)


def test_a_page_begins_as_empty_paper() -> None:
    page = Page(5, 7, 0.25)
    assert page.grey.shape == page.truth.shape == (5, 7)
    assert page.grey.dtype == page.truth.dtype == np.float32
    assert (page.grey == 0.25).all() and not page.truth.any()


def test_a_sign_mixes_its_level_with_the_paper_by_its_share() -> None:
    page = Page(10, 10, 1.0)
    page.put(SIGN, 2, 5, 0.0)
    assert (page.grey[2:6, 5:8] == 0.5).all()
    assert page.grey.sum() == pytest.approx(100 - 0.5 * SIGN.size)
    assert not page.truth.any()


@pytest.mark.parametrize(("top", "left", "rows", "columns"), [(-2, 4, 2, 3), (8, -1, 2, 2), (3, 9, 4, 1), (-9, 2, 0, 0), (2, 40, 0, 0)])
def test_what_reaches_beyond_the_page_is_cut_and_so_is_its_truth(top: int, left: int, rows: int, columns: int) -> None:
    page = Page(10, 10, 1.0)
    page.put(SIGN, top, left, 0.0, is_digit=True)
    assert np.count_nonzero(page.truth) == np.count_nonzero(page.grey < 1) == rows * columns


def test_the_truth_keeps_the_larger_share_where_two_digits_overlap_and_nothing_that_is_drawn_later() -> None:
    page = Page(10, 10, 1.0)
    page.put(SIGN, 0, 0, 0.0, is_digit=True)
    page.put(SIGN * np.float32(0.4), 0, 0, 0.0, is_digit=True)
    page.cover(np.ones((10, 10), dtype=np.float32), 0.9)
    assert page.truth.max() == 0.5
    assert page.grey == pytest.approx(0.9)


def test_a_sized_sign_has_about_the_length_that_was_asked_for(draw: np.random.Generator) -> None:
    widths = []
    for _ in range(100):
        strokes = sized(BAR, 30, draw)
        assert strokes.shape[0] == 30
        assert strokes.dtype == np.float32 and strokes.max() == pytest.approx(1)
        widths.append(strokes.shape[1])
    assert 10 * (1 - STRETCH) - 1 <= min(widths) < 10 < max(widths) <= 10 * (1 + STRETCH) + 1
    assert sized(BAR, 30, draw, stretch=0.0).shape == (30, 10)
    assert scaled(BAR, 7, 9).shape == (7, 9)


def test_a_turned_sign_has_no_margin_and_all_its_ink() -> None:
    upright = turned(BAR, 90)
    assert upright.shape == pytest.approx((20, 60), abs=2)
    slanted = turned(BAR, 30)
    assert slanted.astype(float).sum() == pytest.approx(BAR.astype(float).sum(), rel=0.05)
    assert all(edge.any() for edge in (slanted[0], slanted[-1], slanted[:, 0], slanted[:, -1]))


def test_another_level_differs_by_what_was_asked_and_is_a_level(draw: np.random.Generator) -> None:
    for level in (0.0, 0.3, 0.5, 1.0):
        others = [other_level(level, 0.2, draw) for _ in range(50)]
        assert all(0 <= other <= 1 and abs(other - level) >= 0.2 for other in others)


def test_numbers_are_drawn_evenly_over_their_orders_of_magnitude(draw: np.random.Generator) -> None:
    numbers = np.array([log_uniform(1, 100, draw) for _ in range(2000)])
    assert numbers.min() >= 1 and numbers.max() <= 100
    assert np.mean(numbers < 10) == pytest.approx(0.5, abs=0.05)


def test_clouds_are_about_nothing_and_as_deep_as_they_should_be(draw: np.random.Generator) -> None:
    cloud = cloudy((200, 300), 0.1, 4, draw)
    assert cloud.shape == (200, 300) and cloud.dtype == np.float32
    assert cloud.mean() == pytest.approx(0, abs=0.01)
    assert 0.05 < cloud.std() < 0.12
    assert np.abs(np.diff(cloud, axis=1)).mean() < 0.5 * cloud.std()
