"""Strips: what the net is shown of a picture, first whole and then closer and level."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digitkit.errors import BlankPicture, TooLarge
from digitkit.pictures.line import BUCKET_PX, FRAME_PX, STRIP_PX
from digitkit.readers.numbers.number import View
from digitkit.readers.numbers.strips import FILL, closer_view, first_view, padded, text_line, weights_of

PAPER, PEN = 230, 20


def page(height: int, width: int) -> NDArray[np.uint8]:
    return np.full((height, width), PAPER, dtype=np.uint8)


def bar(height: int, width: int, *, angle: float, long: int, tall: int) -> NDArray[np.uint8]:
    """A page with a dark bar in its middle, turned by degrees; downwards to the right where they are positive."""
    box = cv2.boxPoints(((width / 2 - 0.5, height / 2 - 0.5), (long, tall), angle))
    return np.asarray(cv2.fillPoly(page(height, width), [np.round(box).astype(np.int32)], PEN), dtype=np.uint8)


def seen(view: View) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Extents and blanks as a net gives them that sees all that is darker than paper."""
    frames = -(-view.width // FRAME_PX)
    extents, blanks = np.tile(np.array([0.4, 0.6], dtype=np.float32), (frames, 1)), np.ones(frames)
    darkness = PAPER - np.minimum(view.strip, PAPER).astype(float)
    for t in range(frames):
        column = darkness[:, max(0, t - 1) * FRAME_PX : (t + 2) * FRAME_PX].mean(axis=1)  # a frame tells of its neighbours too
        if (column > 40).any():
            middle, half = (column * np.arange(0.5, STRIP_PX)).sum() / column.sum(), column.sum() / column.max() / 2
            extents[t], blanks[t] = ((middle - half) / STRIP_PX, (middle + half) / STRIP_PX), 0.0
    known = np.flatnonzero(blanks == 0)
    for t in range(frames):  # beside the text the net goes on as at its ends
        extents[t] = extents[known[np.abs(known - t).argmin()]] if len(known) else extents[t]
    return extents, blanks


@pytest.mark.parametrize(
    ("shape", "width"), [((32, 100), 100), ((64, 100), 50), ((16, 100), 200), ((300, 10), 1), ((1, 60), 1920), ((200, 50), 8)]
)
def test_a_picture_becomes_a_strip_with_its_proportions_kept_and_a_width_of_its_bucket(shape: tuple[int, int], width: int) -> None:
    picture = page(*shape)
    picture[:, 0] = PEN
    view = first_view(picture)
    assert view.width == width
    assert view.strip.shape == (STRIP_PX, -(-width // BUCKET_PX) * BUCKET_PX)
    assert view.to_picture @ (view.width, STRIP_PX, 1) == pytest.approx(shape[::-1])


def test_what_fills_a_bucket_is_the_last_column() -> None:
    strip = np.arange(STRIP_PX * 5, dtype=np.uint8).reshape(STRIP_PX, 5)
    filled = padded(strip)
    assert np.array_equal(filled[:, :5], strip)
    assert np.array_equal(filled[:, 5:], np.repeat(strip[:, 4:], BUCKET_PX - 5, axis=1))


@pytest.mark.parametrize("low", [0, 250])
def test_the_contrast_is_left_as_it_is(low: int) -> None:
    picture = np.full((32, 64), low, dtype=np.uint8)
    picture[:, 8:16] = low + 5 if low else 6
    picture[:, 20] = low + 0 if low else 0
    if low:
        with pytest.raises(BlankPicture):
            first_view(picture)
    else:
        assert np.array_equal(first_view(picture).strip, picture)


def test_a_picture_that_is_longer_than_any_line_is_refused() -> None:
    picture = page(10, 601)
    picture[0, 0] = PEN
    with pytest.raises(TooLarge, match="the picture is 601 x 10 pixels; a line may be up to 60 times as wide as it is high"):
        first_view(picture)


def test_a_line_is_fitted_though_some_frames_see_something_else() -> None:
    frames = np.arange(40)
    middles = 0.3 + 0.005 * frames
    middles[::9] = 0.9
    extents = np.stack([middles - 0.1, middles + 0.1], axis=1).astype(np.float32)
    slope, top, bottom = text_line(extents, np.ones(40))
    assert slope == pytest.approx(0.005, abs=5e-4)
    assert (top, bottom) == pytest.approx((0.2, 0.4), abs=0.02)


def test_frames_without_text_count_nothing() -> None:
    extents = np.tile(np.array([0.2, 0.8], dtype=np.float32), (20, 1))
    extents[10:] = (0.0, 0.1)
    blanks = np.where(np.arange(20) < 5, 0.0, 1.0)
    assert text_line(extents, weights_of(blanks)) == pytest.approx((0.0, 0.2, 0.8), abs=1e-6)


def test_text_is_spread_over_the_frames_beside_the_one_that_names_it() -> None:
    blanks = np.ones(12)
    blanks[5] = 0.2
    assert weights_of(blanks).tolist() == pytest.approx([0, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0, 0])


@pytest.mark.parametrize("angle", [-6.0, -2.0, 0.0, 3.0, 8.0])
@pytest.mark.parametrize("size", [(80, 300), (500, 1600)])
def test_small_text_that_leans_is_looked_at_level_and_closer(angle: float, size: tuple[int, int]) -> None:
    height, width = size
    long, tall = width // 2, height // 5
    picture = bar(height, width, angle=angle, long=long, tall=tall)
    view: View | None = first_view(picture)
    for _ in range(2):
        assert view is not None
        last = view
        view = closer_view(picture, view, *seen(view))
    slope, top, bottom = text_line(seen(last)[0], weights_of(seen(last)[1]))
    assert abs(np.degrees(np.arctan(slope * STRIP_PX / FRAME_PX))) < 1.5
    assert bottom - top == pytest.approx(FILL, abs=0.12)
    assert (top + bottom + slope * len(seen(last)[0])) / 2 == pytest.approx(0.5, abs=0.06)
    middle = last.to_picture @ (last.width / 2, STRIP_PX / 2, 1)
    assert middle == pytest.approx((width / 2, height / 2), abs=0.04 * height)


def test_text_that_fills_a_level_strip_is_not_looked_at_again() -> None:
    picture = bar(40, 300, angle=0, long=200, tall=32)
    view = first_view(picture)
    assert closer_view(picture, view, *seen(view)) is None


def test_a_picture_without_text_is_not_looked_at_again() -> None:
    picture = page(40, 300)
    view = View(padded(picture[:STRIP_PX]), 300, np.eye(2, 3))
    assert closer_view(picture, view, *seen(view)) is None


def test_a_point_of_a_closer_look_is_where_its_pixel_came_from() -> None:
    picture = page(200, 600)
    picture[90:110, 150:450] = PEN
    picture[95:105, 300:310] = 128  # a mark
    view = first_view(picture)
    near = closer_view(picture, view, *seen(view))
    assert near is not None
    inside = np.argwhere(np.abs(near.strip[:, : near.width].astype(int) - 128) < 20)
    y, x = inside.mean(axis=0) + 0.5
    assert near.to_picture @ (x, y, 1) == pytest.approx((305, 100), abs=2)
