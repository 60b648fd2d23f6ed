"""Digits of several parts: stencils, a 4 whose strokes do not meet, dot matrices, and seven segments."""

from collections.abc import Callable, Iterator
from functools import partial

import cv2
import numpy as np
from numpy.random import Generator

from digitkit.contract import Picture
from digitkit.pictures.codec import encode_png
from digitkit.readers.digits.digit import LABELS
from training.data.mnist import Split
from training.evaluate.exams.exam import Exam
from training.evaluate.ladders.drawing import RUNG, Ink, anywhere, centred, enlarged, levels, log_uniform, painted, some

HEIGHT_PX, GAP_PX, EVERY_PX = 168, 6, 40  # of a stencilled digit: its height, the width of its gaps, and how often they come
SEGMENT_HEIGHTS_PX = (20, 40, 80, 200)
GOAL = 0.95

# Rows of a 5 x 7 matrix from the top, the leftmost dot in the highest bit, as on the character displays of the HD44780.
DOTS = (
    (14, 17, 19, 21, 25, 17, 14), (4, 12, 4, 4, 4, 4, 14), (14, 17, 1, 2, 4, 8, 31), (31, 2, 4, 2, 1, 17, 14),
    (2, 6, 10, 18, 31, 2, 2), (31, 16, 30, 1, 1, 17, 14), (6, 8, 16, 30, 17, 17, 14), (31, 1, 2, 4, 8, 8, 8),
    (14, 17, 17, 14, 17, 17, 14), (14, 17, 17, 15, 1, 2, 12),
)  # fmt: skip
# Which of the segments a to g are lit, in the order of SEGMENTS.
LIT = ("abcdef", "bc", "abdeg", "abcdg", "bcfg", "acdfg", "acdefg", "abc", "abcdefg", "abcdfg")
# The middle line of each segment, (x, y) to (x, y), in a box of one by two.
SEGMENTS = {
    "a": ((0, 0), (1, 0)), "b": ((1, 0), (1, 1)), "c": ((1, 1), (1, 2)), "d": ((0, 2), (1, 2)),
    "e": ((0, 1), (0, 2)), "f": ((0, 0), (0, 1)), "g": ((0, 1), (1, 1)),
}  # fmt: skip


def broken(digits: Split, draw: Generator) -> Iterator[Exam]:
    """Digits of MNIST cut by gaps, and digits that are made of parts from the beginning."""
    for ways, part in ((1, "one way"), (2, "both ways")):
        chosen = some(digits, draw)
        files = [_on_page(stencilled(canvas, ways, draw), draw) for canvas in chosen.pictures]
        yield Exam("strokes with gaps", f"{GAP_PX} px every {EVERY_PX} of {HEIGHT_PX}, {part}", files, chosen.labels, GOAL)
    yield Exam("strokes with gaps", "a 4 in three pieces", [_on_page(open_four(draw), draw) for _ in range(RUNG)], np.full(RUNG, 4), GOAL)
    yield _of_all("dot matrix", "40 to 200 px", partial(dotted, draw=draw), draw)


def segments(_: Split, draw: Generator) -> Iterator[Exam]:
    """Seven segments at several heights."""
    for height in SEGMENT_HEIGHTS_PX:
        yield _of_all("seven segments", f"{height} px high", partial(segmented, height=height, draw=draw), draw)


def _of_all(name: str, part: str, drawn: Callable[[int], Ink], draw: Generator) -> Exam:
    truths = np.resize(np.array(LABELS), RUNG)
    return Exam(name, part, [_on_page(drawn(int(digit)), draw) for digit in truths], truths, GOAL)


def _on_page(ink: Ink, draw: Generator) -> bytes:
    """The ink on a page that is larger by a fifth to a whole of it."""
    height, width = ink.shape
    side = round(draw.uniform(1.2, 2) * max(height, width))
    return encode_png(painted(anywhere(ink, (side, side), draw), *levels(draw)))


def stencilled(canvas: Picture, ways: int, draw: Generator) -> Ink:
    """A digit cut by level or upright gaps, or in both `ways`, as a stencil's bridges cut it."""
    ink = enlarged(canvas, HEIGHT_PX)
    for lines in ((ink, ink.T), (ink.T, ink))[draw.integers(2)][:ways]:
        for start in range(int(draw.integers(EVERY_PX)), len(lines), EVERY_PX):
            lines[start : start + GAP_PX] = 0
    return ink


def open_four(draw: Generator) -> Ink:
    """A 4 of three strokes that do not meet: a slanted one, a bar below it, and a stem to the right."""
    side, gap = log_uniform(draw, 48, 240), float(draw.uniform(0.06, 0.1))
    bar, stem = draw.uniform(0.55, 0.68), draw.uniform(0.6, 0.72)
    width = float(draw.uniform(0.05, 0.1))
    space = gap + width  # strokes have round ends, which reach half a width further
    strokes = [
        ((draw.uniform(0.25, 0.4), 0.05), (0.1, bar - space)),
        ((0.08, bar), (stem - space, bar + draw.uniform(-0.03, 0.03))),
        ((stem + draw.uniform(-0.02, 0.04), draw.uniform(0.1, 0.4)), (stem, 0.95)),
    ]
    page = np.zeros((side, side), dtype=np.uint8)
    for start, end in strokes:
        first, last = ([round(16 * side * float(value)) for value in point] for point in (start, end))
        cv2.line(page, first, last, 255, max(1, round(width * side)), cv2.LINE_AA, shift=4)
    return np.asarray(page / 255, dtype=np.float32)


def dotted(digit: int, draw: Generator) -> Ink:
    """A digit of round dots in a 5 x 7 matrix."""
    height = log_uniform(draw, 40, 200)
    pitch = height / 7
    page = np.zeros((height, round(5 * pitch)), dtype=np.uint8)
    radius = draw.uniform(0.28, 0.4) * pitch
    for row, bits in enumerate(DOTS[digit]):
        for column in range(5):
            if bits >> (4 - column) & 1:
                centre = [round(16 * pitch * (place + 0.5)) for place in (column, row)]
                cv2.circle(page, centre, max(8, round(16 * radius)), 255, -1, cv2.LINE_AA, shift=4)
    return np.asarray(page / 255, dtype=np.float32)


def segmented(digit: int, height: int, draw: Generator) -> Ink:
    """A digit of seven pointed segments with gaps between them, upright or slanted as on displays."""
    scale = 8  # drawn larger and shrunk, so that gaps under a pixel wide come out as they are
    tall = height * scale
    thick, gap, slant = draw.uniform(0.12, 0.2), draw.uniform(0.02, 0.05), draw.uniform(0, 0.16)
    page = np.zeros((tall, tall), dtype=np.uint8)
    for name in LIT[digit]:
        outline = [(x * 0.9, y) for x, y in _outline(SEGMENTS[name], thick, gap)]
        placed_points = [((x + thick / 2 + slant * (2 - y)) * tall / (2 + thick), (y + thick / 2) * tall / (2 + thick)) for x, y in outline]
        cv2.fillPoly(page, [np.array(placed_points).round().astype(np.int32)], 255)
    x, _, across, _ = cv2.boundingRect(page)
    size = (max(2, round(across / scale)), height)
    shrunk = cv2.resize(page[:, x : x + across], size, interpolation=cv2.INTER_AREA)
    return centred(np.asarray(shrunk / 255, dtype=np.float32), (height, max(size[0], height // 2)))


def _outline(middle: tuple[tuple[float, float], tuple[float, float]], thick: float, gap: float) -> list[tuple[float, float]]:
    """The six corners of a segment that points at both ends to the corners of the figure and stops `gap` before them."""
    (x, y), (to_x, to_y) = middle
    along, across = (to_x - x, to_y - y), (to_y - y, to_x - x)
    corners = [(gap, 0), (gap + thick / 2, thick / 2), (1 - gap - thick / 2, thick / 2), (1 - gap, 0)]
    corners += [(1 - gap - thick / 2, -thick / 2), (gap + thick / 2, -thick / 2)]
    return [(x + along[0] * far + across[0] * off, y + along[1] * far + across[1] * off) for far, off in corners]
