"""From a text map to the lines that it shows: cells of one number are grouped, and tell together where it is."""

from math import hypot
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from digitkit.pictures.text_map import BELOW, CELL_PX, COSINE, FAR, HEIGHT, LEFT, RIGHT, SCORE, SINE, USUAL_PX, TextMap

SEEN: Final = -1.6  # logit of a cell that lies in a number where it touches surer ones
SURE: Final = -0.8  # logit that the surest cell of a number reaches
STACKED: Final = 0.45  # heights between the middle lines of two numbers, one over the other, whose cells touch
LONG: Final = 1.5  # heights from which on a number's cells tell its direction better than what each of them says of it
SURE_END: Final = 0.9  # a cell that tells of an end nearer than this share of FAR knows where it is
END: Final = 1.0  # heights from the first cell along: those cells tell together where the number begins
INSET: Final = 0.25  # heights from a number's end to its first cell, where no cell tells

GAP: Final = 0.8  # heights between two parts of a number, as between groups of its digits
OVERLAID: Final = 1.5  # heights by which parts of one number may overlap
ASIDE: Final = 0.35  # heights that one part may lie off the other's middle line
TURNED: Final = np.cos(np.radians(20))  # parts whose directions differ by more are two numbers
UNLIKE: Final = 1.5  # parts of which one is this many times as high as the other as well


class TextLine(NamedTuple):
    """A number on a page, in pixels.

    Attributes:
        start, end: the ends of its middle line, (2,) x, y.
        height: of its digits.
        score: the mean logit of its cells.
    """

    start: NDArray[np.float64]
    end: NDArray[np.float64]
    height: float
    score: float

    @property
    def width(self) -> float:
        return hypot(*(self.end - self.start).tolist())

    @property
    def ahead(self) -> NDArray[np.float64]:
        """The direction that it is read in, of length 1."""
        return np.asarray((self.end - self.start) / max(1e-6, self.width))

    @property
    def middle(self) -> NDArray[np.float64]:
        return np.asarray((self.start + self.end) / 2)

    def quad(self, *, above: float = 0.0, beside: float = 0.0) -> NDArray[np.float32]:
        """Its corners (4, 2) from the top left on clockwise, with room above and below and at both sides, in heights."""
        ahead = self.ahead * self.height
        down = np.array([-ahead[1], ahead[0]]) * (0.5 + above)
        start, end = self.start - beside * ahead, self.end + beside * ahead
        return np.array([start - down, end - down, end + down, start + down], dtype=np.float32)

    def scaled(self, scale: float) -> "TextLine":
        return TextLine(self.start * scale, self.end * scale, self.height * scale, self.score)


def lines_in(found: TextMap) -> list[TextLine]:
    """The numbers that a text map shows, in no order."""
    score = found[SCORE]
    count, labels = cv2.connectedComponents((score > SEEN).astype(np.uint8), connectivity=8)
    rows, columns = np.nonzero(labels)
    own = labels[rows, columns]
    order = np.argsort(own, kind="stable")
    cells = np.column_stack([columns[order], rows[order], found[:, rows[order], columns[order]].T.astype(np.float64)])
    groups = np.split(cells, np.cumsum(np.bincount(own, minlength=count)[1:])[:-1]) if len(cells) else []
    return joined([line for group in groups if group[:, 2 + SCORE].max() > SURE for line in _lines_of(group)])


def joined(lines: list[TextLine]) -> list[TextLine]:
    """Lines of which those that go on in one another, as the groups of a number's digits do, are one."""
    if len(lines) < 2:
        return lines
    starts, ends, aheads = (np.array([getattr(line, name) for line in lines]) for name in ("start", "end", "ahead"))
    heights = np.array([line.height for line in lines])
    off = (starts[None] - ends[:, None]) / heights[:, None, None]  # (N, N, 2) from the end of one to the start of another
    along = (off * aheads[:, None]).sum(axis=2)
    across = off[..., 1] * aheads[:, None, 0] - off[..., 0] * aheads[:, None, 1]
    ratio = np.abs(np.log(heights[:, None] / heights))
    goes_on = (along > -OVERLAID) & (along < GAP) & (np.abs(across) < ASIDE) & (aheads @ aheads.T > TURNED) & (ratio < np.log(UNLIKE))
    goes_on &= ((ends[None] - ends[:, None]) * aheads[:, None]).sum(axis=2) > 0  # not where the other lies inside of the one
    np.fill_diagonal(goes_on, False)
    nearest = np.where(goes_on, np.abs(along), np.inf)
    chains = [[i] for i in range(len(lines))]
    pairs = np.argwhere(goes_on)
    for i, j in pairs[np.argsort(nearest[goes_on], kind="stable")].tolist():
        head, tail = (next(chain for chain in chains if k in chain) for k in (i, j))
        if head is not tail and head[-1] == i and tail[0] == j:
            chains = [chain for chain in chains if chain is not tail]
            head += tail
    return [_one([lines[i] for i in chain]) for chain in chains]


def _one(parts: list[TextLine]) -> TextLine:
    """The line of several parts, in order."""
    widths = [part.width for part in parts]
    height, score = (float(np.average([getattr(part, name) for part in parts], weights=widths)) for name in ("height", "score"))
    return TextLine(parts[0].start, parts[-1].end, height, score)


def _lines_of(cells: NDArray[np.float64]) -> list[TextLine]:
    """The number of cells (K, 2 + CHANNELS) that touch, each with its column and row; two where they lie one over the other."""
    middles, told = CELL_PX * (cells[:, :2] + 0.5), cells[:, 2:]
    weights = 1 / (1 + np.exp(-told[:, SCORE]))
    height = USUAL_PX * 2 ** median(told[:, HEIGHT])
    ahead = weights @ told[:, COSINE : SINE + 1]
    ahead = ahead / max(1e-6, float(np.hypot(*ahead)))
    down = np.array([-ahead[1], ahead[0]])
    across = middles @ down - told[:, BELOW] * height
    order = np.argsort(across)
    parts = np.split(order, np.flatnonzero(np.diff(across[order]) > STACKED * height) + 1)
    return [_line_of(middles[part], told[part], weights[part], ahead) for part in parts if told[part, SCORE].max() > SURE]


def _line_of(middles: NDArray[np.float64], told: NDArray[np.float64], weights: NDArray[np.float64], ahead: NDArray[np.float64]) -> TextLine:
    """The number of cells in its middle, read about in the direction `ahead`."""
    height = USUAL_PX * 2 ** median(told[:, HEIGHT])
    down = np.array([-ahead[1], ahead[0]])
    along, across = middles @ ahead, middles @ down - told[:, BELOW] * height
    if np.ptp(along) > LONG * height:
        slope = _slope(along, across, weights)
        ahead = (ahead + slope * down) / np.hypot(1, slope)
        down = np.array([-ahead[1], ahead[0]])
        along, across = middles @ ahead, middles @ down - told[:, BELOW] * height
    first, last = _end(along, told[:, LEFT], height), -_end(-along, told[:, RIGHT], height)
    offset = median(across) * down
    return TextLine(first * ahead + offset, max(last, first + 1) * ahead + offset, height, float(told[:, SCORE].mean()))


def _slope(along: NDArray[np.float64], across: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """How many pixels a line falls for each that it goes along, by least squares."""
    whole = weights.sum()
    off, rise = along - weights @ along / whole, across - weights @ across / whole
    return float((weights * off) @ rise / ((weights * off) @ off))


def median(values: NDArray[np.float64]) -> float:
    """The median, several times as fast as NumPy's own of so few values."""
    ordered, half = np.sort(values), len(values) // 2
    return float(ordered[half]) if len(values) % 2 else float(ordered[half - 1] + ordered[half]) / 2


def _end(along: NDArray[np.float64], left: NDArray[np.float64], height: float) -> float:
    """Where a number begins along its line, as the cells near that end tell."""
    first = float(along.min())
    near = (along < first + END * height) & (left < SURE_END * FAR)
    return median((along - left * height)[near]) if near.any() else first - INSET * height
