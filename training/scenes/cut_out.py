"""Digits cut out of rows by their boxes: what stands beside them is of the same hand, as near as it writes, and leans into the cut."""

from typing import NamedTuple, Protocol

import cv2
import numpy as np
from numpy.random import Generator

from digitkit.contract import Picture
from digitkit.readers.digits.digit import LABELS
from training.glyphs.row import ROW_PX, Setter, Sign

LONGEST = 4  # digits in a row, at most
GAP = (-0.15, 0.35)  # between two signs, in heights of a row, from and to
MARGIN = (-0.05, 0.3)  # of the cut around the digit on each side, in heights of the digit, from and to
LEAN = (0.1, 0.2)  # mean and standard deviation of how far a row leans over its foot, beside what its hand leans, in heights
DOTTED = 0.3  # the share of rows that end in a point
OWN = 0.62  # a neighbour of which more than this share is seen would be a digit of its own


class Hand(Protocol):
    """A writer."""

    def digit(self, digit: int, draw: Generator) -> Sign: ...


class CutOut(NamedTuple):
    """A digit and what is seen of its neighbours in the cut.

    Attributes:
        strokes, others: uint8 (H, W), bright on dark: the ink of the digit and that of all else.
        digit: 0 to 9.
    """

    strokes: Picture
    others: Picture
    digit: int


def cut_out(hand: Hand, point: Sign, draw: Generator) -> CutOut | None:
    """A digit cut out of a row; None where a neighbour is seen whole.

    Args:
        point: what stands at the end of some rows.
    """
    digits = [int(digit) for digit in draw.integers(len(LABELS), size=draw.integers(2, LONGEST + 1))]
    chosen, gap = int(draw.integers(len(digits))), ROW_PX * draw.uniform(*GAP)
    setter, inks = Setter(len(digits)), []
    lean = draw.normal(*LEAN)
    signs = [hand.digit(digit, draw) for digit in digits] + [point] * (draw.random() < DOTTED)
    for sign in signs:
        left = setter.put(sign, gap + ROW_PX * draw.normal(0, 0.03))
        ink = np.zeros_like(setter.page)
        place = ink[setter.top :, left : left + sign.strokes.shape[1]]
        place[: len(sign.strokes)] = sign.strokes[: len(place), : place.shape[1]]
        inks.append(_leaning(ink, lean))
    rows, columns = (np.flatnonzero(inks[chosen].any(axis=axis)) for axis in (1, 0))
    height = rows[-1] - rows[0] + 1
    above, below, before, after = np.rint(height * draw.uniform(*MARGIN, size=4)).astype(int).tolist()
    cut = np.s_[max(0, rows[0] - above) : rows[-1] + 1 + below, max(0, columns[0] - before) : columns[-1] + 1 + after]
    neighbours = [ink for i, ink in enumerate(inks) if i != chosen and i < len(digits)]
    if any(np.count_nonzero(ink[cut]) > OWN * np.count_nonzero(ink) for ink in neighbours):
        return None
    others = np.max([ink for i, ink in enumerate(inks) if i != chosen], axis=0)
    return CutOut(inks[chosen][cut], others[cut], digits[chosen])


def _leaning(ink: Picture, lean: float) -> Picture:
    """A row whose top is moved to the right by `lean` of its height, as far as it stays on its page."""
    height, width = ink.shape
    return np.asarray(cv2.warpAffine(ink, np.array([[1, -lean, lean * height / 2], [0, 1, 0]]), (width, height)), dtype=np.uint8)
