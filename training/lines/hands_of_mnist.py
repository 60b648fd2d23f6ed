"""MNIST's digits sorted by how they are written, so that the digits of one line can be of one hand.

MNIST does not say who wrote what. Digits of like slant and like stroke width stand for one writer.
"""

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitkit.contract import Picture
from digitkit.readers.digits.digit import LABELS
from training.data.mnist import Split
from training.lines.strip import ROW_PX, Sign

WIDTHS, SLANTS = 5, 7  # how many classes of stroke width and of slant there are
INK = 127
SHARPER = 1.6  # how much steeper the edges of an enlarged digit are made
EDGE = 110  # the grey level at which an edge stays in its place
VARIANTS = 2  # pictures of each digit that one writer uses


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
        self.stretch = float(np.exp(draw.normal(0, 0.14)))
        self.uneven = draw.uniform(0.02, 0.12)

    def digit(self, digit: int, draw: Generator) -> Sign:
        """The strokes of a digit of this hand, about ROW_PX tall."""
        picture = self.train.pictures[self.chosen[digit][draw.integers(VARIANTS)]]
        height = ROW_PX * float(np.exp(draw.normal(0, self.uneven)))
        strokes = enlarged(picture, height, self.stretch)
        return Sign(strokes, round((ROW_PX - len(strokes)) * draw.uniform(0.2, 1.1)))


def enlarged(picture: Picture, height_px: float, stretch: float) -> Picture:
    """One of MNIST's digits at a height, cropped to its ink, its edges as steep as a pen's again."""
    x, y, width, height = cv2.boundingRect((picture > 40).astype(np.uint8))
    scale = height_px / max(height, 1)
    scale = min(scale, 2.2 * ROW_PX / max(width, 1))
    cut = cv2.copyMakeBorder(picture[y : y + height, x : x + width], 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    large = cv2.resize(cut, None, fx=scale * stretch, fy=scale, interpolation=cv2.INTER_CUBIC)
    steep = np.asarray(cv2.addWeighted(large, 1 + SHARPER, large, 0, -SHARPER * EDGE), dtype=np.uint8)
    x, y, width, height = cv2.boundingRect(steep)
    return steep[y : y + height, x : x + width]


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
