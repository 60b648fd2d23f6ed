"""Synthetic canvases of what MNIST lacks: other handwriting, print, scans and photos, and pictures that are no digit.

All are made from a seed, none is shipped. Every picture goes through to_canvas, so that training sees it as a worker would.
"""

from collections.abc import Callable
from itertools import pairwise

import cv2
import numpy as np
from numpy.random import Generator

from digitkit.contract import Picture
from digitkit.errors import BlankPicture
from digitkit.readers.digits.canvas import centre, fit, to_canvas
from digitkit.readers.digits.digit import LABELS, SIDE_PX, Canvas
from training.augment.fonts import printed
from training.augment.pen import written
from training.augment.photo import photographed, scanned
from training.data.mnist import Split
from training.glyphs.dots import dotted
from training.glyphs.glyphs import finished
from training.glyphs.pens import MARGIN_PX, PenHand
from training.glyphs.segments import segmented
from training.glyphs.spoil import DISPLAYS

NO_DIGIT = len(LABELS)  # the label of the eleventh class, whose logit is fixed at 0
# Letters and signs that cannot be taken for a digit in some hand or font; O, l, Z, S and their like are left out.
NON_DIGITS = "ABCDEFGHJKLMNPQRTUVWXYacdefhkmnprtuvwxyz&@#%?$*+=<>{}[]^~"
TURNED = {2: (1, 3), 3: (1, 3), 4: (1, 2, 3), 5: (1, 3), 7: (1, 3)}  # by digit, the quarter turns after which it is a digit no more

Sign = tuple[Picture, int]  # strokes, bright on dark, and their label
Source = Callable[[Split, Generator], Sign]


def synthetic(train: Split, count: int, seed: int) -> Split:
    """`count` canvases and their labels, NO_DIGIT for those that are no digit.

    Args:
        train: the digits that some of them are made from.
        count: how many.
        seed: the seed of everything random in them.
    """
    draw = np.random.default_rng(seed)
    canvases: list[Canvas] = []
    labels: list[int] = []
    while len(canvases) < count:
        picture, label = _picture(train, draw)
        try:
            canvases.append(to_canvas(picture))
        except BlankPicture:
            continue
        labels.append(label)
    return Split(np.stack(canvases), np.array(labels))


def _picture(train: Split, draw: Generator) -> Sign:
    """A sign of one of SOURCES, drawn by their shares, as it is, scanned or photographed; a digit of a display; or an empty cell."""
    if draw.random() < EMPTY:
        return photographed([], draw), NO_DIGIT
    if draw.random() < DISPLAYED:
        return _displayed(draw)
    sign, label = _sign(train, draw)
    way = draw.random()
    if way < 0.2:
        return sign, label
    if way < 0.5:
        return scanned(sign, draw), label
    neighbours = [_sign(train, draw)[0] for _ in range(draw.integers(0, 3))]
    return photographed([sign, *neighbours], draw), label


def _sign(train: Split, draw: Generator) -> Sign:
    return list(SOURCES)[draw.choice(len(SOURCES), p=list(SOURCES.values()))](train, draw)


def _from_mnist(train: Split, draw: Generator) -> Sign:
    chosen = int(draw.integers(len(train)))
    return train.pictures[chosen], int(train.labels[chosen])


def _penned(_: Split, draw: Generator) -> Sign:
    digit = int(draw.integers(len(LABELS)))
    return written(digit, draw), digit


def _by_hand(_: Split, draw: Generator) -> Sign:
    """A digit of a writer of any country, in a manner of his own."""
    digit = int(draw.integers(len(LABELS)))
    return np.pad(PenHand(draw).digit(digit, draw).strokes, MARGIN_PX), digit


def _printed(_: Split, draw: Generator) -> Sign:
    digit = int(draw.integers(len(LABELS)))
    return printed(str(digit), draw), digit


def _displayed(draw: Generator) -> Sign:
    """The canvas of a digit of seven segments or of dots, with all of its parts, as the eye finds them and the rules often do not."""
    digit, make = int(draw.integers(len(LABELS))), (segmented, dotted)[draw.integers(2)]
    return centre(fit(finished(make(digit, draw), draw, DISPLAYS))).reshape(SIDE_PX, SIDE_PX), digit


def _letter(_: Split, draw: Generator) -> Sign:
    return printed(NON_DIGITS[draw.integers(len(NON_DIGITS))], draw), NO_DIGIT


def _turned(train: Split, draw: Generator) -> Sign:
    digit = int(draw.choice(list(TURNED)))
    chosen = draw.choice(np.flatnonzero(train.labels[:5000] == digit))
    return np.ascontiguousarray(np.rot90(train.pictures[chosen], draw.choice(TURNED[digit]))), NO_DIGIT


def _pair(train: Split, draw: Generator) -> Sign:
    """Two digits of about one height side by side, that overlap, touch or stand apart."""
    left, right = (_digit_of_height(train, draw.uniform(20, 26), draw) for _ in range(2))
    start = max(4, left.shape[1] + int(draw.integers(-5, 10)))
    page = np.zeros((SIDE_PX, start + right.shape[1]), dtype=np.uint8)
    page[: left.shape[0], : left.shape[1]] = left[:, : page.shape[1]]
    place = page[-right.shape[0] :, start:]
    np.maximum(place, right, out=place)
    return np.pad(page, 4), NO_DIGIT


def _candidates(train: Split, draw: Generator) -> Sign:
    """Three to seven small digits in the places of a 3 x 3 grid, as solvers of puzzles note them."""
    page = np.zeros((3 * 24, 3 * 24), dtype=np.uint8)
    for place in draw.choice(9, size=draw.integers(3, 8), replace=False):
        small = _digit_of_height(train, draw.uniform(14, 22), draw)[:, :24]
        top, left = 24 * (place // 3) + draw.integers(0, 25 - small.shape[0]), 24 * (place % 3) + draw.integers(0, 25 - small.shape[1])
        page[top : top + small.shape[0], left : left + small.shape[1]] = small
    return page, NO_DIGIT


def _digit_of_height(train: Split, height: float, draw: Generator) -> Picture:
    """A digit of MNIST's, a pen's or a font's, cropped to its strokes and scaled to a height in pixels."""
    source = (_from_mnist, _penned, _printed)[draw.integers(3)]
    sign, _ = source(train, draw)
    x, y, across, down = cv2.boundingRect(sign)
    size = (max(2, round(across * height / down)), max(2, round(height)))
    return np.asarray(cv2.resize(sign[y : y + down, x : x + across], size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _scribble(_: Split, draw: Generator) -> Sign:
    """A few smooth strokes that cross: curves through random points, as wide as a pen's."""
    page = np.zeros((2 * SIDE_PX, 2 * SIDE_PX), dtype=np.uint8)
    for _stroke in range(draw.integers(2, 6)):
        corners = draw.uniform(6, 2 * SIDE_PX - 6, size=(draw.integers(2, 5), 2))
        steps = np.linspace(0, 1, 16)[:, None]
        curve = corners[:1] + 0 * steps
        for a, b in pairwise(corners):
            bow = (a + b) / 2 + draw.normal(0, 6, size=2)
            curve = np.concatenate([curve, (1 - steps) ** 2 * a + 2 * steps * (1 - steps) * bow + steps**2 * b])
        cv2.polylines(page, [curve.round().astype(np.int32)], False, 255, int(draw.integers(3, 6)), cv2.LINE_AA)
    return page, NO_DIGIT


DISPLAYED = 0.1  # the share of digits of displays and dot matrices
EMPTY = 0.06  # the share of photos of empty cells, most of which are blank and so left out
SOURCES: dict[Source, float] = {
    _from_mnist: 0.22, _penned: 0.13, _by_hand: 0.25, _printed: 0.15,
    _letter: 0.08, _turned: 0.03, _pair: 0.06, _candidates: 0.05, _scribble: 0.03,
}  # fmt: skip
