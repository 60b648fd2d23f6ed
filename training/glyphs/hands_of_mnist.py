"""MNIST's digits sorted by how they are written, so that the digits of one line can be of one hand.

MNIST does not say who wrote what. Digits of like slant and like stroke width stand for one writer, who bends all of them alike. Its
writers were American: others cross their sevens.
"""

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitkit.contract import Picture
from digitkit.readers.digits.digit import LABELS
from training.data.mnist import Split
from training.glyphs.manner import Manner
from training.glyphs.row import ROW_PX, Sign

WIDTHS, SLANTS = 5, 7  # how many classes of stroke width and of slant there are
INK = 127
SEVEN = 7
SHARPER = 1.6  # how much steeper the edges of an enlarged digit are made
EDGES = (70, 150)  # the grey level at which an edge stays in its place, from and to: a higher one makes strokes thinner
VARIANTS = 2  # pictures of each digit that one writer uses
BENT, BENT_ANEW = 0.07, 0.02  # standard deviation of each coefficient of the bend: of a writer's digits, and of each one
ROOM = 0.2  # around a digit that is bent, as a share of its height
CROSSED = 0.4  # the share of writers who cross their sevens


class MnistStyles:
    """Which of MNIST's training digits are alike."""

    def __init__(self, train: Split) -> None:
        self.train = train
        widths, slants = _stroke_widths(train.pictures), _slants(train.pictures)
        self.members: dict[tuple[int, int, int], NDArray[np.int64]] = {}
        for digit in LABELS:
            of_digit = np.flatnonzero(train.labels == digit)
            by_width = of_digit[np.argsort(widths[of_digit], kind="stable")]
            for i, alike in enumerate(np.array_split(by_width, WIDTHS)):
                by_slant = alike[np.argsort(slants[alike], kind="stable")]
                for j, members in enumerate(np.array_split(by_slant, SLANTS)):
                    self.members[digit, i, j] = members if len(members) else of_digit

    def writer(self, draw: Generator) -> "MnistHand":
        return MnistHand(self, draw)


class MnistHand:
    """One writer: a few pictures of each digit, all of one stroke width and slant."""

    def __init__(self, styles: MnistStyles, draw: Generator) -> None:
        self.train = styles.train
        style = int(draw.integers(WIDTHS)), int(draw.integers(SLANTS))
        self.chosen = {digit: draw.choice(styles.members[digit, *style], size=VARIANTS) for digit in LABELS}
        self.manner, self.bend = Manner(draw), draw.normal(0, BENT, size=(5, 2))
        self.stretch = float(np.exp(draw.normal(0, 0.14)))
        self.uneven = draw.uniform(0.02, 0.12)
        self.edge = draw.uniform(*EDGES)
        self.crosses, self.pen = draw.random() < CROSSED, max(2, round(ROW_PX * (0.05 + 0.025 * style[0])))

    def digit(self, digit: int, draw: Generator) -> Sign:
        """The strokes of a digit of this hand, about ROW_PX tall."""
        picture = self.train.pictures[self.chosen[digit][draw.integers(VARIANTS)]]
        height = self.manner.tall[digit] * ROW_PX * float(np.exp(draw.normal(0, self.uneven)))
        strokes = enlarged(picture, height, self.stretch * self.manner.wide[digit] ** 0.5, self.edge)
        if digit == SEVEN and self.crosses:
            strokes = _crossed(strokes, self.pen, draw)
        strokes = _bent(strokes, self.bend + draw.normal(0, BENT_ANEW, size=(5, 2)))
        return Sign(strokes, round((ROW_PX - len(strokes)) * draw.uniform(0.2, 1.1)))


def enlarged(picture: Picture, height_px: float, stretch: float, edge: float) -> Picture:
    """One of MNIST's digits at a height, cropped to its ink, its edges as steep as a pen's again, where the grey level is `edge`."""
    x, y, width, height = cv2.boundingRect((picture > 40).astype(np.uint8))
    scale = height_px / max(height, 1)
    scale = min(scale, 2.2 * ROW_PX / max(width, 1))
    cut = cv2.copyMakeBorder(picture[y : y + height, x : x + width], 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    large = cv2.resize(cut, None, fx=scale * stretch, fy=scale, interpolation=cv2.INTER_CUBIC)
    steep = np.asarray(cv2.addWeighted(large, 1 + SHARPER, large, 0, -SHARPER * edge), dtype=np.uint8)
    return _cropped(steep)


def _cropped(strokes: Picture) -> Picture:
    x, y, width, height = cv2.boundingRect(strokes)
    return strokes[y : y + height, x : x + width]


def _crossed(seven: Picture, pen: int, draw: Generator) -> Picture:
    """A seven with a stroke through its stem."""
    height, width = seven.shape
    row = round(height * draw.uniform(0.4, 0.65))
    inked = np.flatnonzero(seven[row] > INK)
    stem, reach = (float(inked.mean()) if len(inked) else width / 2), height * draw.uniform(0.16, 0.35)
    aside = max(0, round(max(reach - stem, stem + reach - width)) + pen)
    page = cv2.copyMakeBorder(seven, 0, 0, aside, aside, cv2.BORDER_CONSTANT, value=0)
    rise = round(height * draw.normal(0.03, 0.05))
    cv2.line(page, (round(stem - reach) + aside, row + rise), (round(stem + reach) + aside, row - rise), 255, pen, cv2.LINE_AA)
    return _cropped(np.asarray(page, dtype=np.uint8))


def _bent(strokes: Picture, bend: NDArray[np.float64]) -> Picture:
    """A digit whose places are moved by polynomials of x and y, (5, 2): by x, y, x y, x x, y y."""
    room = round(ROOM * len(strokes))
    page = cv2.copyMakeBorder(strokes, room, room, room, room, cv2.BORDER_CONSTANT, value=0)
    height, width = page.shape
    y, x = np.mgrid[:height, :width].astype(np.float32) / np.float32(height)
    x, y = x - np.float32(width / height / 2), y - np.float32(0.5)
    across, down = (np.stack([x, y, x * y, x * x, y * y], axis=2) @ bend.astype(np.float32)).transpose(2, 0, 1) + np.stack([x, y])
    to_x, to_y = height * across + np.float32(width / 2), height * down + np.float32(height / 2)
    return _cropped(np.asarray(cv2.remap(page, to_x, to_y, cv2.INTER_LINEAR), dtype=np.uint8))


def _stroke_widths(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Twice the area by the length of the edge: about the width of the strokes, (N,)."""
    inked = pictures > INK
    inner = inked.copy()
    inner[:, 1:] &= inked[:, :-1]
    inner[:, :-1] &= inked[:, 1:]
    inner[:, :, 1:] &= inked[:, :, :-1]
    inner[:, :, :-1] &= inked[:, :, 1:]
    area, edge = inked.sum(axis=(1, 2)), (inked & ~inner).sum(axis=(1, 2))
    return np.asarray(2 * area / np.maximum(edge, 1), dtype=np.float32)


def _slants(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How far the strokes lean: the second moment across by that down, (N,)."""
    weight = (pictures > INK).astype(np.float32)
    total = np.maximum(weight.sum(axis=(1, 2)), 1)
    at = np.arange(pictures.shape[1], dtype=np.float32)
    columns, rows = weight.sum(axis=1), weight.sum(axis=2)
    x, y = columns @ at / total, rows @ at / total
    both = np.einsum("nyx,y,x->n", weight, at, at, optimize=True) / total - x * y
    down = rows @ (at * at) / total - y * y
    return np.asarray(both / np.maximum(down, 1e-3), dtype=np.float32)
