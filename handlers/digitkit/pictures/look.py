"""Looks: a picture, or the part of it where something is, at the one size that the eye sees."""

import cv2
import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Picture

LOOK_PX = 64  # a look is 64 x 64

Look = NDArray[np.uint8]  # (64, 64), grey: a picture as large as fits, on a ground like its border
Ink = NDArray[np.uint8]  # (H, W), 0 for no ink of the digit, 255 for ink

SEEN = 100  # ink from this level on makes the digit's box
CLOSE_UP = 0.4  # a digit whose longer side is less than this share of a look is looked at again, closer
NEAR = 0.6  # the digit's longer side in a closer look, as a share of the look's


def look_at(picture: Picture, *, ground: int | None = None) -> Look:
    """A picture scaled to LOOK_PX with its proportions kept.

    Args:
        picture: uint8 (H, W), at least 1 x 1.
        ground: the grey level around it where it is not square, the median of its border where none is given.
    """
    small = resized(picture, LOOK_PX / max(picture.shape))
    if ground is None:
        ground = int(np.median(np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])))
    look = np.full((LOOK_PX, LOOK_PX), ground, dtype=np.uint8)
    top, left = ((LOOK_PX - side) // 2 for side in small.shape)
    look[top : top + small.shape[0], left : left + small.shape[1]] = small
    return look


def closer(picture: Picture, ink: Ink) -> Picture | None:
    """The part of a picture around its digit, where that is small in it; None where it is not, or where nothing is left to enlarge.

    Args:
        ink: of the look at `picture`, uint8 (LOOK_PX, LOOK_PX).
    """
    x, y, width, height = box_of(ink)
    if max(width, height) >= CLOSE_UP * LOOK_PX:
        return None
    scale = max(picture.shape) / LOOK_PX
    reach = max(width, height) * scale / NEAR / 2
    part = []
    for start, longer, side in ((y, height, picture.shape[0]), (x, width, picture.shape[1])):
        margin = (LOOK_PX - max(1, round(side / scale))) // 2  # of the look, above or before the picture
        middle = (start - margin + longer / 2) * scale
        part.append(slice(min(max(0, int(middle - reach)), side - 1), max(1, int(middle + reach) + 1)))
    around = picture[part[0], part[1]]
    return around if around.size < picture.size else None


def box_of(ink: Ink) -> tuple[int, int, int, int]:
    """(x, y, width, height) of the ink that is seen, or of the strongest where none is strong."""
    level = min(SEEN, max(1, int(ink.max()) // 2))
    x, y, width, height = cv2.boundingRect((ink >= level).astype(np.uint8))
    return x, y, width, height


def resized(picture: Picture, scale: float) -> Picture:
    """A picture scaled, its proportions kept, each side at least one pixel."""
    width, height = (max(1, round(side * scale)) for side in picture.shape[::-1])
    while 2 * max(width, height) <= max(picture.shape) and min(picture.shape) > 1:  # halving first: 0.6 of the time at 320 x 240 px
        tall, wide = (side // 2 for side in picture.shape)
        picture = np.asarray(cv2.resize(picture[: 2 * tall, : 2 * wide], (wide, tall), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (width, height), interpolation=kind), dtype=np.uint8)
