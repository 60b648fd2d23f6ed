"""Where the numbers are on a page: it is seen at several sizes, so that small and large digits are found alike."""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Picture
from digitkit.pictures.ink import FAINTEST
from digitkit.pictures.text_map import CELL_PX, CHANNELS, SIDES_PX, PageRun, TextMap
from digitkit.readers.numbers.finder import Finder, Found
from digitkit.readers.numbers.inked import inked_parts
from digitkit.readers.numbers.strips import FILL, MARGIN
from digitkit.readers.numbers.text_lines import TURNED, TextLine, lines_in

MOST_PX: Final = 2_300_000  # pixels of a page that are looked at: a sheet of A4 at 150 dpi
SMALLER: Final = 2  # from one size to the next
SMALLEST_PX: Final = 48  # the longer side of a page that is worth another look
LARGEST_PX: Final = 50.0  # digits that are higher in a look are left to the next, where they are smaller
SAME: Final = 0.4  # two lines that share this much of the smaller one are one
LONGER: Final = 1.25  # times as long as what it covers is a whole line, of which another size showed parts
UNLIKE: Final = 1.6  # times as high as what it covers is a line of which another size showed strokes
SURER: Final = 0.5  # in logits, that such a line is than its strokes; they may as well be small print in a large frame
ROOM: Final = (1 / FILL - 1) / 2  # above and below a line, in heights, so that its digits fill as much of a strip as in a closer look
NOTHING: Final = -10.0  # in a map, of what is blank: as a logit, no number for certain
AGREED: Final = 0.7  # the share of a page's writing from which on all of it is read the same way up
ROW: Final = 0.6  # heights that a line's middle may lie off that of its row


def finder_of(run: PageRun) -> Finder:
    """A Finder that asks a net."""

    def find(page: Picture) -> list[Found]:
        return [Found(line.quad(above=ROOM, beside=MARGIN)) for line in located(page, run)]

    return find


def located(page: Picture, run: PageRun) -> list[TextLine]:
    """The numbers of a page, in reading order, in its pixels; none where all of it is of one grey, as a page beside its text mostly is."""
    if int(page.max()) - int(page.min()) < FAINTEST:
        return []
    scale, found = min(1.0, (MOST_PX / page.size) ** 0.5), list[TextLine]()
    while True:
        width, height = (max(1, round(side * scale)) for side in page.shape[::-1])
        look = page if scale == 1 else np.asarray(cv2.resize(page, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
        is_last = max(look.shape) < SMALLER * SMALLEST_PX
        lines = [line.scaled(1 / scale) for line in lines_in(seen(padded_page(look), run)) if is_last or line.height <= LARGEST_PX]
        found = with_smaller(found, lines)
        if is_last:
            return in_order(one_way_up(found))
        scale /= SMALLER


def seen(page: Picture, run: PageRun) -> TextMap:
    """The text map of a page whose sides the net takes: that of its parts with ink, and nothing beside them."""
    whole = np.full((CHANNELS, *(side // CELL_PX for side in page.shape)), NOTHING, dtype=np.float32)
    for rows, columns in inked_parts(page):
        there = tuple(slice(side.start // CELL_PX, side.stop // CELL_PX) for side in (rows, columns))
        whole[:, *there] = run(np.ascontiguousarray(page[rows, columns])[None])[0]
    return whole


def padded_page(page: Picture) -> Picture:
    """A page whose last row and column are repeated up to sides that the net takes."""
    down, across = (-side % SIDES_PX for side in page.shape)
    return np.asarray(cv2.copyMakeBorder(page, 0, down, 0, across, cv2.BORDER_REPLICATE), dtype=np.uint8)


def with_smaller(found: list[TextLine], lines: list[TextLine]) -> list[TextLine]:
    """Lines and those of a smaller size of the page; where one of these covers some of those, the better ones alone."""
    if not lines or not found:
        return found + lines
    (middles, reaches), (others, far) = _places(lines), _places(found)
    is_near = np.hypot(*(middles[:, None] - others).transpose(2, 0, 1)) <= reaches[:, None] + far
    new, replaced = list[TextLine](), set[int]()
    for line, near in zip(lines, is_near, strict=True):
        covered = [i for i in np.flatnonzero(near).tolist() if _are_one(line, found[i])]
        if not covered or _is_better(line, [found[i] for i in covered]):
            new.append(line)
            replaced.update(covered)
    return [line for i, line in enumerate(found) if i not in replaced] + new


def _places(lines: Sequence[TextLine]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The middles of lines (N, 2), and how far from there nothing of a line is, (N,)."""
    return np.array([line.middle for line in lines]), np.array([line.width + line.height for line in lines]) / 2


def _is_better(line: TextLine, covered: Sequence[TextLine]) -> bool:
    """Whether a line is what others, which it covers, are parts or strokes of: digits that are large in a look are seen in parts."""
    sure, ratios = max(other.score for other in covered), [line.height / other.height for other in covered]
    is_whole = line.width > LONGER * max(other.width for other in covered) and all(
        1 / UNLIKE < ratio < UNLIKE and line.ahead @ other.ahead > TURNED for ratio, other in zip(ratios, covered, strict=True)
    )
    return (is_whole and line.score >= sure) or (min(ratios) > UNLIKE and line.score >= sure + SURER)


def _are_one(line: TextLine, other: TextLine) -> bool:
    """Whether two lines share most of one of them."""
    shared = cv2.intersectConvexConvex(line.quad(), other.quad())[0]
    return bool(shared > SAME * min(line.height * line.width, other.height * other.width))


def one_way_up(lines: list[TextLine]) -> list[TextLine]:
    """Lines of which those that stand on their heads beside most of the page's writing are turned: a 6 alone may be a 9."""
    if not lines:
        return lines
    whole = np.sum([line.width * line.ahead for line in lines], axis=0)
    agreeing = sum(line.width for line in lines if line.ahead @ whole > 0)
    if agreeing < AGREED * sum(line.width for line in lines):
        return lines
    most = whole / max(1e-6, float(np.hypot(*whole)))
    return [line._replace(start=line.end, end=line.start) if line.ahead @ most < -(0.5**0.5) else line for line in lines]


def in_order(lines: list[TextLine]) -> list[TextLine]:
    """Lines from the first row to the last and along each row, as most of the page's writing goes."""
    if not lines:
        return lines
    ahead: NDArray[np.float64] = np.sum([line.width * line.ahead for line in lines], axis=0)
    down = np.array([-ahead[1], ahead[0]])
    norm = max(1e-6, float(np.hypot(*ahead)))
    rows: list[list[TextLine]] = []
    for line in sorted(lines, key=lambda each: float(each.middle @ down)):
        if rows and (line.middle - rows[-1][0].middle) @ down / norm < ROW * min(line.height, rows[-1][0].height):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda each: float(each.middle @ ahead))]
