"""A page while it is drawn: grey levels, and beside them where the numbers are."""

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.lines.strip import Strip, as_share, paint, scaled_share
from training.scenes.clutter import Box
from training.scenes.sheet import Field, log_uniform

LEAF_PX = 384  # its sides: a square of 256 px fits into it at any angle
LEAST_INK = 0.17  # the least difference of ink from its ground


class Leaf:
    """A square of paper.

    Attributes:
        grey: what is seen, 0 (black) to 1 (white), (LEAF_PX, LEAF_PX).
        quads: the corners of each number, each (4, 2) x, y: top left, top right, bottom right, bottom left of its digits.
        taken: where something is written.
        ink: the level of what is written, where nothing else is said.
    """

    def __init__(self, grey: Field, draw: Generator) -> None:
        self.grey, self.draw = grey, draw
        self.quads: list[NDArray[np.float32]] = []
        self.taken: list[Box] = []
        ground = float(grey.mean())
        self.ink = ink_on(ground, draw)

    def put(self, strip: Strip, left: float, base: float, digit_px: float, *, is_number: bool, level: float | None = None) -> float:
        """Write a strip upright, its digits as high as told, from a column on and on a base line; where its text ends."""
        scale = digit_px / strip.span.height
        height, width = strip.picture.shape
        if scale * min(height, width) < 1:
            return left
        x, y = round(left - scale * strip.span.left), round(base - scale * strip.span.base)
        paint(self.grey, scaled_share(strip.picture, scale), y, x, self.ink if level is None else level)
        if is_number:
            self.quads.append(strip.span.corners() * np.float32(scale) + np.array([x, y], dtype=np.float32))
        return left + scale * strip.span.width

    def place(self, strip: Strip, digit_px: float, degrees: float) -> bool:
        """Write a strip with a number anywhere where nothing is yet, turned; whether there was room."""
        scale = digit_px / strip.span.height
        small = np.asarray(cv2.resize(strip.picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        height, width = small.shape
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
        cos, sin = abs(turn[0, 0]), abs(turn[0, 1])
        across, down = round(width * cos + height * sin), round(width * sin + height * cos)
        if across >= LEAF_PX or down >= LEAF_PX:
            return False
        turn[:, 2] += (across - width) / 2, (down - height) / 2
        left, top = (int(self.draw.integers(0, LEAF_PX - side)) for side in (across, down))
        box = Box(top, left, top + down, left + across)
        if any(meet(box, other) for other in self.taken):
            return False
        self.taken.append(box)
        share = as_share(np.asarray(cv2.warpAffine(small, turn, (across, down), flags=cv2.INTER_LINEAR), dtype=np.uint8))
        ground = self.grey[top : top + down, left : left + across]
        if strip.is_panel:
            cover = cv2.warpAffine(np.ones(small.shape, dtype=np.float32), turn, (across, down), flags=cv2.INTER_LINEAR)
            ground += share - ground * cover
        else:
            ground += (np.float32(ink_on(float(ground.mean()), self.draw)) - ground) * share
        corners = np.column_stack([strip.span.corners() * np.float32(scale), np.ones(4, dtype=np.float32)]) @ turn.T
        self.quads.append(np.asarray(corners + np.array([left, top]), dtype=np.float32))
        return True

    def rule(self, start: tuple[float, float], end: tuple[float, float], width_px: int, level: float) -> None:
        """Draw a straight line."""
        ends = [tuple(np.round(8 * np.array(place)).astype(int).tolist()) for place in (start, end)]
        cv2.line(self.grey, ends[0], ends[1], level, width_px, cv2.LINE_AA, shift=3)


def ink_on(ground: float, draw: Generator) -> float:
    """A level that is seen on a ground: mostly darker, and lighter where there is no room for that."""
    contrast = log_uniform(LEAST_INK, 1.0, draw)
    return max(0.0, ground - contrast) if ground > contrast or ground > 0.5 else min(1.0, ground + contrast)


def meet(one: Box, other: Box) -> bool:
    """Whether two boxes have a part in common."""
    return one.left < other.right and other.left < one.right and one.top < other.bottom and other.top < one.bottom
