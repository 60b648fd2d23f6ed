"""A row of signs before it lies on any page."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Picture
from training.glyphs.row import ROOM_PX, ROW_PX, Setter
from training.scenes.sheet import Field


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


def as_strip(setter: Setter, text: str, margin: int = 6) -> Strip:
    """All that was set, with a margin at either side."""
    left = max(0, setter.first - margin)
    cut = setter.page[:, left : setter.right + margin]
    return Strip(cut, text, Span(setter.first - left, ROOM_PX, setter.right - left, ROOM_PX + ROW_PX))


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
