"""The lines that the reader of numbers is trained on: strips as the server makes them, in memory, by their width."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from digitkit.pictures.line import ALPHABET, STRIP_PX
from digitkit.readers.numbers.number import View
from digitkit.readers.numbers.strips import FILL, FILLED, LEVEL, LONGEST, cut_out, first_view
from training.data import mnist
from training.drawn.parts import Columns, draw_parts
from training.lines.line_composing import DrawnLine, LineComposer

USUAL_PX = 160  # the width of a strip that counts as one; a batch has as many more of narrower ones
CLOSER = 0.8  # the share of lines, small or leaning, that are shown as the server looks at them again
ROUGHLY = (0.06, 0.04, 0.012)  # standard deviations of what that look misses: of its height, its place and its slope
FIRM = 6.0  # the slope of a line longer than this many of its heights is missed by less, as more of it is seen
LEAST_PX = 10.0  # a line lower than this in its strip can't be read; it is only to be found
STEEPEST = 0.12  # one that leans more than this, as well
FAINTEST = 8  # grey levels between the darkest and the brightest pixel; with less there is nothing to be seen
PLACES = 6  # a line's left and right in columns of its strip; its top left, top right, bottom left, bottom right in shares of its height


class Lines(torch.utils.data.Dataset[tuple[Tensor, Tensor]]):
    """N lines.

    Attributes:
        strips: by width, uint8 (n, 32, width).
        truths: by width, float32 (n, 2 + PLACES + the longest text): whether it can be read, its text's length, its places, its classes.
    """

    def __init__(self, parts: list[Path]) -> None:
        columns = [np.load(part) for part in parts]
        longest = max(part["truths"].shape[1] for part in columns)
        truths = np.concatenate([np.pad(rows := part["truths"], ((0, 0), (0, longest - rows.shape[1]))) for part in columns])
        pixels, widths = (np.concatenate([part[name] for part in columns]) for name in ("pixels", "widths"))
        starts = np.concatenate([[0], np.cumsum(widths.astype(np.int64) * STRIP_PX)])
        self.strips, self.truths = dict[int, Tensor](), dict[int, Tensor]()
        for width in np.unique(widths).tolist():
            own = np.flatnonzero(widths == width)
            strips = np.stack([pixels[starts[i] : starts[i + 1]] for i in own]).reshape(len(own), STRIP_PX, width)
            self.strips[width], self.truths[width] = torch.from_numpy(strips), torch.from_numpy(truths[own])

    def __len__(self) -> int:
        return sum(len(strips) for strips in self.strips.values())

    def steps(self, size: int) -> int:
        return sum(math.ceil(len(strips) / count_of(size, width)) for width, strips in self.strips.items())

    def batches(self, size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        """One pass over the lines, those of one width together, in an order drawn from the seed, each in one of the two polarities."""
        draw = torch.Generator().manual_seed(seed)
        chosen = [
            (width, own)
            for width, strips in self.strips.items()
            for own in torch.randperm(len(strips), generator=draw).split(count_of(size, width))
        ]
        for at in torch.randperm(len(chosen), generator=draw).tolist():
            width, own = chosen[at]
            strips = self.strips[width][own]
            is_inverted = torch.rand(len(strips), 1, 1, generator=draw) < 0.5
            yield torch.where(is_inverted, 255 - strips, strips), self.truths[width][own]


def count_of(size: int, width: int) -> int:
    """How many strips of a width cost what `size` usual ones do."""
    return max(2, size * USUAL_PX // width)


def draw_lines(folder: Path, count: int, seed: int, *, data_root: Path, is_validation: bool = False) -> Lines:
    """`count` lines; the arguments are those of draw_parts."""
    return Lines(draw_parts(folder, count, seed, _drawn, data_root=data_root, is_validation=is_validation))


def _drawn(split: mnist.Split, seed: tuple[int, int], count: int) -> Columns:
    composer, draw = LineComposer(split, seed), np.random.default_rng((*seed, 1))
    strips: list[NDArray[np.uint8]] = []
    truths: list[list[float]] = []
    while len(strips) < count:
        line = composer.line()
        if (view := seen(line, draw)) is not None:
            strips.append(view.strip)
            truths.append(truth_of(line, view))
    rows = np.zeros((count, max(map(len, truths))), dtype=np.float32)
    for row, truth in zip(rows, truths, strict=True):
        row[: len(truth)] = truth
    widths = np.array([strip.shape[1] for strip in strips], dtype=np.int32)
    return {"pixels": np.concatenate([strip.ravel() for strip in strips]), "widths": widths, "truths": rows}


def seen(line: DrawnLine, draw: Generator) -> View | None:
    """A line as the net is shown it: the whole picture, or roughly what a closer look at it would be; None where nobody could see it."""
    picture, (left, right, tall) = line.picture, edges(line.quad)
    if int(picture.max()) - int(picture.min()) < FAINTEST or picture.shape[1] > LONGEST * picture.shape[0]:
        return None
    slope = (right[1] - left[1]) / max(1.0, right[0] - left[0])
    is_close = tall >= FILLED * picture.shape[0] and abs(slope) <= LEVEL
    if not line.text or is_close or draw.random() > CLOSER:
        return first_view(picture)
    height, place, lean = (draw.normal(0, spread) for spread in ROUGHLY)
    along = (right - left) / max(1.0, float(np.hypot(*(right - left))))
    start, end = left - draw.uniform(0.2, 0.8) * tall * along, right + draw.uniform(0.2, 0.8) * tall * along
    start[1] += place * tall
    end[1] += place * tall + lean * min(end[0] - start[0], FIRM * tall)
    return cut_out(picture, start, end - start, tall * float(np.exp(height)) / FILL)


def edges(quad: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """The middles of a quad's left and right sides, (2,) each, and its height."""
    corners = quad.astype(np.float64)
    left, right = (corners[0] + corners[3]) / 2, (corners[1] + corners[2]) / 2
    return left, right, float(np.hypot(*(corners[3] - corners[0])) + np.hypot(*(corners[2] - corners[1]))) / 2


def truth_of(line: DrawnLine, view: View) -> list[float]:
    """A row of Lines.truths, without what fills it up."""
    to_strip = np.linalg.inv(np.vstack([view.to_picture, [0, 0, 1]]))[:2]
    corners = np.column_stack([line.quad.astype(np.float64), np.ones(4)]) @ to_strip.T
    (left, top_left), (right, top_right), (_, low_right), (_, low_left) = corners.tolist()
    height, slope = (low_left + low_right - top_left - top_right) / 2, abs(top_right - top_left) / max(1.0, right - left)
    is_legible = not line.text or (height >= LEAST_PX and slope <= STEEPEST)
    places = [left, right, *(edge / STRIP_PX for edge in (top_left, top_right, low_left, low_right))]
    return [float(is_legible), len(line.text), *places, *(ALPHABET.index(sign) for sign in line.text)]
