"""Where a template's page lies in a picture: it is all of it, or a frame that is plain to see, as a card on a table."""

from collections.abc import Iterator
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Picture
from digitkit.readers.numbers.number import Quad
from digitkit.readers.numbers.pages.template import Box

ALIKE: Final = 1.15  # times that the aspect of a picture, or of a frame in it, may differ from the template's
LEAST_AREA: Final = 0.15  # of a frame, as a share of the picture's
LOOK_PX: Final = 640  # the longer side of the picture in which frames are looked for
STRAIGHT: Final = 0.02  # how far an outline may lie off four straight sides, as a share of its length

Corners: TypeAlias = NDArray[np.float32]  # (4, 2), from the upper left one on clockwise
UNIT: Final = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], dtype=np.float32)


def page_corners(picture: Picture, aspect: float | None) -> Corners:
    """The corners of a template's page: of the picture where its aspect is the template's, or else of the largest frame with that aspect.

    A picture without such a frame counts as the page.
    """
    height, width = picture.shape
    whole = np.asarray(UNIT * (width, height), dtype=np.float32)
    if aspect is None or _is_alike(whole, aspect):
        return whole
    frames = (frame for frame in _frames(picture) if _is_alike(frame, aspect))
    return max(frames, key=cv2.contourArea, default=whole)


def placed(box: Box, page: Corners) -> Quad:
    """The corners in the picture of a box of the page whose corners are known."""
    left, top, right, bottom = box
    corners = np.array([[(left, top), (right, top), (right, bottom), (left, bottom)]], dtype=np.float32)
    found = cv2.perspectiveTransform(corners, cv2.getPerspectiveTransform(UNIT, page))[0]
    return tuple((float(x), float(y)) for x, y in found)


def _is_alike(frame: Corners, aspect: float) -> bool:
    across, down, back, up = np.linalg.norm(np.roll(frame, -1, axis=0) - frame, axis=1)
    ratio = float((across + back) / max(down + up, 1e-6)) / aspect
    return 1 / ALIKE <= ratio <= ALIKE


def _frames(picture: Picture) -> Iterator[Corners]:
    """All outlines of four straight sides, in pixels of the picture: of what is lighter or darker around it, and of drawn lines."""
    scale = min(1.0, LOOK_PX / max(picture.shape))
    small = cv2.GaussianBlur(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), (5, 5), 0)
    _, light = cv2.threshold(small, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    lines = cv2.dilate(cv2.Canny(small, 40, 120), np.ones((3, 3), dtype=np.uint8))
    for seen in (light, 255 - light, lines):
        outlines, _ = cv2.findContours(seen, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        for outline in outlines:
            if cv2.contourArea(outline) < LEAST_AREA * small.size:
                continue
            sides = cv2.approxPolyDP(outline, STRAIGHT * cv2.arcLength(outline, True), True)[:, 0].astype(np.float32)
            if len(sides) == 4 and cv2.isContourConvex(sides):
                yield np.asarray(_in_order(sides) / scale, dtype=np.float32)


def _in_order(corners: Corners) -> Corners:
    """Four corners from the upper left one on clockwise."""
    sums, differences = corners.sum(axis=1), np.diff(corners, axis=1)[:, 0]
    return corners[[sums.argmin(), differences.argmin(), sums.argmax(), differences.argmax()]]
