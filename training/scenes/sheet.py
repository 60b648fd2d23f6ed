"""A page that is being drawn, and beside it the truth: which share of each pixel is the digit's own ink."""

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitkit.contract import Picture

Field = NDArray[np.float32]  # (H, W), 0 to 1

STRETCH = 0.2  # a sign's width is scaled by 1 - STRETCH to 1 + STRETCH


class Page:
    """Grey levels 0 (black) to 1 (white) of a page, on which signs and lines are drawn one over the other.

    Attributes:
        grey: what is seen, (H, W).
        paper: the level that the page began with.
        ground: the level right around the digit, which differs from the paper where the digit stands on a patch.
        truth: (H, W), the share of each pixel that the ink of digits covers.
    """

    def __init__(self, height: int, width: int, paper: float) -> None:
        self.height, self.width, self.paper, self.ground = height, width, paper, paper
        self.grey: Field = np.full((height, width), paper, dtype=np.float32)
        self.truth: Field = np.zeros((height, width), dtype=np.float32)

    def cover(self, share: Field, level: float) -> None:
        """Paint the whole page, each pixel by its share, with a level."""
        self.grey += (level - self.grey) * share

    def put(self, sign: Field, top: int, left: int, level: float, *, is_digit: bool = False) -> None:
        """Draw a sign, which may reach beyond the page, with a level."""
        height, width = sign.shape
        seen = np.s_[max(0, top) : max(0, top + height), max(0, left) : max(0, left + width)]
        place = self.grey[seen]
        if not place.size:
            return
        part = sign[max(0, -top) :, max(0, -left) :][: place.shape[0], : place.shape[1]]
        place += (level - place) * part
        if is_digit:
            np.maximum(self.truth[seen], part, out=self.truth[seen])


def sized(sign: Picture, longer: float, draw: Generator, *, stretch: float = STRETCH) -> Field:
    """A sign's strokes with about `longer` pixels on their longer side, a little wider or narrower than they were."""
    scale = longer / max(sign.shape)
    width = max(1, round(sign.shape[1] * scale * draw.uniform(1 - stretch, 1 + stretch)))
    return scaled(sign, max(1, round(sign.shape[0] * scale)), width)


def scaled(sign: Picture, height: int, width: int) -> Field:
    """A sign's strokes at a size in pixels, as shares of 1."""
    kind = cv2.INTER_AREA if height * width < sign.size else cv2.INTER_LINEAR
    return np.multiply(cv2.resize(sign, (width, height), interpolation=kind), 1 / 255, dtype=np.float32)


def turned(sign: Picture, degrees: float) -> Picture:
    """A sign turned about its middle, cropped to its strokes again."""
    height, width = sign.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    cos, sin = abs(turn[0, 0]), abs(turn[0, 1])
    size = int(height * sin + width * cos) + 2, int(height * cos + width * sin) + 2
    turn[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    whole = cv2.warpAffine(sign, turn, size, flags=cv2.INTER_LINEAR)
    x, y, across, down = cv2.boundingRect(whole)
    return np.asarray(whole[y : y + down, x : x + across], dtype=np.uint8)


def other_level(level: float, least: float, draw: Generator) -> float:
    """A grey level that differs from `level` by `least` or more."""
    while True:
        found = level + draw.choice([-1, 1]) * draw.uniform(least, 1)
        if 0 <= found <= 1:
            return float(found)


def log_uniform(low: float, high: float, draw: Generator) -> float:
    """A number between two bounds whose logarithm is uniformly distributed."""
    return float(low * (high / low) ** draw.random())


def cloudy(shape: tuple[int, ...], depth: float, cell_px: float, draw: Generator) -> Field:
    """Smooth noise about 0 with a standard deviation of `depth`, its patches about `cell_px` wide."""
    nodes = [max(2, int(side / cell_px)) for side in shape]
    coarse = draw.normal(0, depth, size=nodes).astype(np.float32)
    return np.asarray(cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC), dtype=np.float32)
