"""Looks at pictures of any size: their proportions, what stands around them, and where a closer look goes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from digitkit.pictures.look import CLOSE_UP, LOOK_PX, NEAR, box_of, closer, look_at, resized

PAPER, PEN = 200, 20
Sides = tuple[int, int]

sides = st.tuples(st.integers(1, 300), st.integers(1, 300))


def page(shape: Sides, box: tuple[int, int, int, int] | None = None) -> NDArray[np.uint8]:
    """Paper of a height and width, with ink in the box x, y, width, height."""
    picture = np.full(shape, PAPER, dtype=np.uint8)
    if box is not None:
        x, y, width, height = box
        picture[y : y + height, x : x + width] = PEN
    return picture


def ink_of(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What a perfect eye would see in the look at a page."""
    return np.where(look_at(picture, ground=PAPER) < (PAPER + PEN) // 2, np.uint8(255), np.uint8(0))


def boxed(*box: int) -> NDArray[np.uint8]:
    """The ink of a look that fills a box x, y, width, height."""
    return np.uint8(255) - page((LOOK_PX, LOOK_PX), (box[0], box[1], box[2], box[3])) // PAPER * np.uint8(255)


@pytest.mark.parametrize(("shape", "size"), [((64, 64), (64, 64)), ((128, 64), (64, 32)), ((30, 300), (6, 64)), ((10, 5), (64, 32))])
def test_a_picture_keeps_its_proportions_and_stands_in_the_middle(shape: Sides, size: Sides) -> None:
    seen = look_at(np.full(shape, PEN, dtype=np.uint8), ground=PAPER) == PEN
    rows, columns = seen.any(axis=1).nonzero()[0], seen.any(axis=0).nonzero()[0]
    assert (len(rows), len(columns)) == size
    assert seen.sum() == size[0] * size[1]
    assert abs(rows[0] + rows[-1] - LOOK_PX + 1) <= 1
    assert abs(columns[0] + columns[-1] - LOOK_PX + 1) <= 1


def test_the_ground_is_the_median_of_the_border() -> None:
    picture = page((40, 80), (20, 10, 30, 20))
    picture[:, :3] = 90  # a shadow along one side is not the paper
    look = look_at(picture)
    assert set(np.unique(look[:15])) == set(np.unique(look[-15:])) == {PAPER}
    assert (look_at(picture, ground=7)[:15] == 7).all()


@given(sides)
def test_a_picture_of_any_size_gives_a_look(shape: Sides) -> None:
    look = look_at(np.full(shape, PEN, dtype=np.uint8))
    assert (look.shape, look.dtype.name) == ((LOOK_PX, LOOK_PX), "uint8")
    assert (look == PEN).all()


@given(sides, st.tuples(*[st.integers(0, LOOK_PX - 1)] * 2), st.tuples(*[st.integers(1, LOOK_PX)] * 2))
def test_a_closer_look_is_a_part_of_the_picture_or_none(shape: Sides, corner: Sides, size: Sides) -> None:
    """Wherever the ink is, in the margin around the picture too."""
    part = closer(page(shape), boxed(*corner, *size))
    if part is not None:
        assert 0 < part.size < shape[0] * shape[1]
        assert min(part.shape) > 0


def test_a_look_without_any_ink_is_no_reason_to_divide_by_nothing() -> None:
    nothing = np.zeros((LOOK_PX, LOOK_PX), dtype=np.uint8)
    assert box_of(nothing) == (0, 0, 0, 0)
    part = closer(page((300, 200)), nothing)
    assert part is None or min(part.shape) > 0


@pytest.mark.parametrize("shape", [(640, 640), (640, 320), (320, 640), (480, 640)])
@pytest.mark.parametrize("place", [(0.1, 0.2), (0.5, 0.5), (0.8, 0.7)])
def test_a_small_digit_fills_its_share_of_the_closer_look_and_stands_in_its_middle(shape: Sides, place: tuple[float, float]) -> None:
    width, height = 60, 90
    x, y = int(place[0] * (shape[1] - width)), int(place[1] * (shape[0] - height))
    picture = page(shape, (x, y, width, height))
    part = closer(picture, ink_of(picture))
    assert part is not None
    assert (part == PEN).sum() == width * height  # all of the digit and nothing cut off
    pixel = max(shape) / LOOK_PX  # of the look that the box was taken from
    sides_px = [min(height / NEAR, 2 * (y + height / 2), 2 * (shape[0] - y - height / 2)), height / NEAR]
    assert max(part.shape) <= sides_px[1] + 4 * pixel
    if min(place) > 0.2 and max(place) < 0.7:
        assert part.shape == pytest.approx((sides_px[1], sides_px[1]), abs=3 * pixel)
        inked = (part == PEN).nonzero()
        assert (inked[0].mean(), inked[1].mean()) == pytest.approx((part.shape[0] / 2, part.shape[1] / 2), abs=2 * pixel)


def test_a_digit_that_is_large_enough_is_not_looked_at_again() -> None:
    enough = int(CLOSE_UP * LOOK_PX) + 1
    picture = page((LOOK_PX * 10, LOOK_PX * 10))
    assert closer(picture, boxed(10, 10, 5, enough)) is None
    assert closer(picture, boxed(10, 10, enough, 5)) is None
    assert closer(picture, boxed(10, 10, 5, enough - 2)) is not None


def test_the_box_is_of_strong_ink_and_of_the_strongest_where_all_is_faint() -> None:
    ink = boxed(10, 20, 30, 5) // 3  # 85
    assert box_of(ink) == (10, 20, 30, 5)
    ink[40:44, 50:52] = 255
    assert box_of(ink) == (50, 40, 2, 4)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (2, 3000), (3000, 2)])
def test_a_line_of_pixels_is_scaled_and_looked_at(shape: Sides) -> None:
    picture = page(shape)
    assert look_at(picture).shape == (LOOK_PX, LOOK_PX)
    assert resized(picture, LOOK_PX / max(shape)).shape == tuple(max(1, round(side * LOOK_PX / max(shape))) for side in shape)
    part = closer(picture, boxed(30, 30, 4, 4))
    assert part is None or min(part.shape) >= 1


def test_a_large_picture_is_scaled_to_the_mean_of_its_pixels() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (640, 960), dtype=np.uint8)
    mean = picture.reshape(40, 16, 60, 16).mean(axis=(1, 3))
    assert np.abs(resized(picture, 1 / 16) - mean).max() <= 2  # each halving rounds
