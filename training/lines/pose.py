"""How a strip lies in the picture: its size, tilt and perspective, and how much room there is around it."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.lines.strip import Span
from training.scenes.sheet import log_uniform

DIGIT_PX = (11.0, 52.0)  # the height of digits in a picture, from and to
HEIGHT_PX, WIDTH_PX, MOST_PX = (12, 200), 1400, 70_000  # a picture's height from and to, its most width and its most pixels
TILTED, TILT, STEEP = 0.1, 1.6, 15.0  # the share of lines that are steep, the deviation of the others' tilt, and the steepest, in degrees
LONG = 7.0  # a line longer than this many heights of its digits is less steep, as it would need a high picture
STRETCH = 0.2  # standard deviation of the logarithm of a line's width, as a factor
STRETCHES = (0.6, 1.8)


class Pose(NamedTuple):
    """Where a strip lies.

    Attributes:
        matrix: (3, 3), from the strip's pixels to the picture's.
        shape: of the picture, height and width.
        quad: (4, 2), the span's corners in the picture.
    """

    matrix: NDArray[np.float64]
    shape: tuple[int, int]
    quad: NDArray[np.float32]

    @property
    def digit_px(self) -> float:
        """The height of the digits in the picture."""
        return float(np.linalg.norm(self.quad[3] - self.quad[0]) + np.linalg.norm(self.quad[2] - self.quad[1])) / 2


def posed(span: Span, rising: float, draw: Generator) -> Pose:
    """A pose for a strip's span.

    Args:
        rising: standard deviation of how steep the line was written, in degrees, beside the picture's own tilt.
    """
    digit_px = log_uniform(*DIGIT_PX, draw)
    corners = span.corners()
    angle = np.deg2rad(_tilt(span.width / span.height, draw) + draw.normal(0, rising))
    stretch = float(np.clip(np.exp(draw.normal(0, STRETCH)), *STRETCHES))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn @ np.array([[stretch, draw.normal(0, 0.06)], [0, 1]]) * (digit_px / span.height)
    placed = (corners - corners.mean(axis=0)) @ linear.T
    if draw.random() < 0.4:
        placed = placed + draw.normal(0, 0.045, size=(4, 2)) * digit_px
    left, above, right, below = _margins(draw) * digit_px
    low, high = placed.min(axis=0) - np.array([left, above]), placed.max(axis=0) + np.array([right, below])
    width, height = high - low
    limit = min(1.0, HEIGHT_PX[1] / height, WIDTH_PX / width, (MOST_PX / (width * height)) ** 0.5)
    limit = max(limit, HEIGHT_PX[0] / height) if limit < 1 else max(1.0, HEIGHT_PX[0] / height)
    quad = ((placed - low) * limit).astype(np.float32)
    shape = int(np.clip(round(height * limit), *HEIGHT_PX)), max(6, round(width * limit))
    return Pose(np.asarray(cv2.getPerspectiveTransform(corners, quad), dtype=np.float64), shape, quad)


def _tilt(length: float, draw: Generator) -> float:
    """The picture's tilt in degrees."""
    steep = STEEP * min(1.0, LONG / length)
    if draw.random() < TILTED:
        return float(draw.uniform(-steep, steep))
    return float(np.clip(draw.normal(0, TILT), -4, 4)) * min(1.0, 3 * LONG / length)


def _margins(draw: Generator) -> NDArray[np.float64]:
    """The room left, above, right and below the text, in heights of its digits: cropped tight, with some room, or with much."""
    way = draw.random()
    if way < 0.3:
        return draw.uniform(-0.05, 0.16, size=4)
    if way < 0.72:
        return draw.uniform(0.08, 0.65, size=4)
    if way < 0.86:
        return draw.uniform(0.1, 1.4, size=4)
    aside = draw.uniform(0.2, 6, size=2) * draw.permutation([1.0, draw.random()])
    down = draw.uniform(0.05, 0.7, size=2)
    return np.array([aside[0], down[0], aside[1], down[1]])
