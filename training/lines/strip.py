"""A row of signs before it lies on any page, and the hand that sets sign beside sign."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Picture
from training.scenes.sheet import Field

ROW_PX = 48  # the height of full-height digits in a row that is drawn sign by sign
ROOM_PX = 30  # above and below them, for what rises over or hangs under the line
INKED = 90  # grey level from which a pixel counts as ink when signs are set close
NEAR_PX = 3  # signs keep their distance also from ink this many rows above or below
OVERHANG = 0.45  # how far a sign may reach over or under its neighbour, as a share of the narrower one's width
NOWHERE = 10_000  # columns away: a row without ink keeps nobody off


class Span(NamedTuple):
    """The upright box of a text in a strip, in pixels; top and base are those of full-height digits."""

    left: float
    top: float
    right: float
    base: float

    @property
    def height(self) -> float:
        return self.base - self.top

    @property
    def width(self) -> float:
        return self.right - self.left

    def corners(self) -> NDArray[np.float32]:
        """(4, 2) x, y: top left, top right, bottom right, bottom left."""
        left, top, right, base = self
        return np.array([[left, top], [right, top], [right, base], [left, base]], dtype=np.float32)


class Strip(NamedTuple):
    """A row of signs.

    Attributes:
        picture: uint8 (H, W), the share of each pixel that ink covers, 255 for all of it; of a panel its grey levels.
        text: what is written, as DrawnLine has it.
        is_panel: whether the row brings its own ground: a display's window, a plate, drums.
    """

    picture: Picture
    text: str
    span: Span
    is_panel: bool = False


class Sign(NamedTuple):
    """The strokes of one sign, uint8 (H, W), bright on dark, cropped, and how many pixels their top is below that of digits."""

    strokes: Picture
    top: int


class Setter:
    """Sets signs one after the other, each as far from the ink before it as it is told, and keeps the ink of all."""

    def __init__(self, count: int) -> None:
        self.page = np.zeros((ROW_PX + 2 * ROOM_PX, (count + 4) * 3 * ROW_PX), dtype=np.uint8)
        self.edge = np.full(len(self.page), -NOWHERE, dtype=np.int32)  # the last column with ink of each row
        self.first, self.right, self.width = NOWHERE, ROW_PX, 0

    def put(self, sign: Sign, gap_px: float) -> int:
        """Set a sign `gap_px` to the right of the nearest ink, over it where that is negative; the column where it begins."""
        height, width = sign.strokes.shape
        top = int(np.clip(ROOM_PX + sign.top, 0, max(0, len(self.page) - height)))
        strokes = sign.strokes[: len(self.page) - top]
        rows = np.s_[top : top + len(strokes)]
        inked = strokes > INKED
        has_ink = inked.any(axis=1)
        first = np.where(has_ink, inked.argmax(axis=1), NOWHERE)
        last = np.where(has_ink, width - 1 - inked[:, ::-1].argmax(axis=1), -NOWHERE)
        near = cv2.dilate(self.edge.astype(np.float32)[:, None], np.ones((2 * NEAR_PX + 1, 1), dtype=np.uint8))[rows, 0]
        nearest = int((near - first).max())
        left = max(nearest + 1, self.right - round(OVERHANG * min(width, self.width))) + round(gap_px)
        left = int(max(left, self.right - self.width + 1, 1))
        place = self.page[rows, left : left + width]
        np.maximum(place, strokes[:, : place.shape[1]], out=place)
        self.edge[rows] = np.maximum(self.edge[rows], left + last)
        self.first, self.right, self.width = min(self.first, left), max(self.right, left + width), width
        return left

    def skip(self, px: float) -> None:
        """Leave empty room, as between groups of digits."""
        self.right += round(px)
        self.edge[:] = self.right
        self.width = 0

    def as_strip(self, text: str, margin: int = 6) -> Strip:
        """All that was set, with a margin at either side."""
        left = max(0, self.first - margin)
        cut = self.page[:, left : self.right + margin]
        return Strip(cut, text, Span(self.first - left, ROOM_PX, self.right - left, ROOM_PX + ROW_PX))


def stretched(strip: Strip, wide: float) -> Strip:
    """A row whose signs are `wide` times as wide."""
    height, width = strip.picture.shape
    across = max(1, round(wide * width))
    left, top, right, base = strip.span
    picture = cv2.resize(strip.picture, (across, height), interpolation=cv2.INTER_AREA if wide < 1 else cv2.INTER_LINEAR)
    return strip._replace(picture=np.asarray(picture, dtype=np.uint8), span=Span(left * across / width, top, right * across / width, base))


def scaled_share(picture: Picture, scale: float) -> Field:
    """Ink at another size, as shares of 1."""
    return as_share(np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8))


def as_share(picture: Picture) -> Field:
    """Grey levels from 0 to 1."""
    return np.multiply(picture, 1 / 255, dtype=np.float32)


def as_grey(page: Field) -> Picture:
    """Grey levels from 0 to 255."""
    return np.clip(255 * page, 0, 255).astype(np.uint8)


def paint(grey: Field, ink: Field, top: int, left: int, level: float) -> None:
    """Draw ink with a level, as far as it lies on the page."""
    place = grey[max(0, top) : max(0, top + ink.shape[0]), max(0, left) : max(0, left + ink.shape[1])]
    part = ink[max(0, -top) :, max(0, -left) :][: place.shape[0], : place.shape[1]]
    place += (level - place) * part
