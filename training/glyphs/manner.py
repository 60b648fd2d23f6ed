"""How one writer departs from the shapes that all learnt: where points lie, how a pen comes and leaves, how wide and tall digits are."""

from functools import cache

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitkit.readers.digits.digit import LABELS
from training.augment.pen import points_of

Strokes = list[NDArray[np.float64]]  # (N, 2) points of each, about the middle of the unit square

LOOSE, UNSTEADY = (0.005, 0.07), (0.003, 0.02)  # standard deviation of a point's place: of a writer's own shape, and each time anew
ROUND = 0.45  # the share of writers who go round all corners
WIDE, TALL = 0.28, 0.08  # standard deviation of the logarithm of how wide and tall a writer makes one digit beside the others
FLAT_ZEROS, FLAT = 0.3, (0.5, 0.95)  # the share of writers with low zeros, and how low
ENTRIES, EXITS = 0.4, 0.25  # the shares of a writer's digits that the pen comes to, or leaves, in a curl
COMING, LEAVING = (0.03, 0.13), (0.03, 0.07)  # the length of each of a curl's steps
STEPS = 3
TURN = (1.0, 5.0)  # how far a curl turns, in radians
LEFT_STRAIGHT = (1, 4, 7)  # a curl at their ends would make them a 2 or a 9
NARROW = 1  # the digit that has its width by its shape


class Manner:
    """One writer's ways, the same in all that he writes.

    Attributes:
        wide, tall: of each digit, how wide and tall it is beside the others.
    """

    def __init__(self, draw: Generator) -> None:
        self.loose, self.unsteady = draw.uniform(*LOOSE), draw.uniform(*UNSTEADY)
        self.is_round = draw.random() < ROUND
        self.wide = {digit: 1.0 if digit == NARROW else float(np.exp(draw.normal(0, WIDE))) for digit in LABELS}
        self.tall = {digit: float(np.exp(draw.normal(0, TALL))) for digit in LABELS}
        if draw.random() < FLAT_ZEROS:
            self.tall[0] *= draw.uniform(*FLAT)
        self.own: dict[tuple[int, str], Strokes] = {}

    def strokes(self, digit: int, shape: str, draw: Generator) -> Strokes:
        """The strokes of a shape of a digit as this writer draws them this time."""
        own = self.own.get((digit, shape))
        if own is None:
            own = self.own[digit, shape] = self._own(digit, shape, draw)
        return [points + draw.normal(0, self.unsteady, size=points.shape) for points in own]

    def _own(self, digit: int, shape: str, draw: Generator) -> Strokes:
        strokes = [self._loosened(points, draw) for points in centred(shape)]
        if draw.random() < ENTRIES:
            strokes[0] = curled(strokes[0][::-1], draw.uniform(*COMING), draw)[::-1]
        if digit not in LEFT_STRAIGHT and draw.random() < EXITS:
            strokes[-1] = curled(strokes[-1], draw.uniform(*LEAVING), draw)
        return strokes

    def _loosened(self, points: NDArray[np.float64], draw: Generator) -> NDArray[np.float64]:
        """Each point somewhere else; the two points of a corner stay one, or become a bend."""
        is_again = np.concatenate([[False], (points[1:] == points[:-1]).all(axis=1)])
        if self.is_round:
            points, is_again = points[~is_again], is_again[~is_again]
        moves = draw.normal(0, self.loose, size=points.shape)
        moves[is_again] = moves[np.flatnonzero(is_again) - 1]
        return points + moves


@cache
def centred(shape: str) -> tuple[NDArray[np.float64], ...]:
    """The points of a shape's strokes about the middle of the unit square."""
    return tuple(points - 0.5 for points in points_of(shape))


def curled(points: NDArray[np.float64], step: float, draw: Generator) -> NDArray[np.float64]:
    """A stroke that goes on in a curl at its end, mostly towards the middle of the digit."""
    end, before = points[-1], points[-2] if (points[-2] != points[-1]).any() else points[-3]
    heading = np.arctan2(*(end - before)[::-1])
    to_middle = np.arctan2(*(-end)[::-1]) - heading
    side = np.sign(np.sin(to_middle)) or 1.0
    turn = side * draw.uniform(*TURN) * (1 if draw.random() < 0.8 else -1)
    headings = heading + turn * (np.arange(STEPS) + 0.7) / STEPS
    curl = end + step * np.cumsum(np.stack([np.cos(headings), np.sin(headings)], axis=1), axis=0)
    return np.concatenate([points, curl])
