"""Digits on and in something: discs, rings, badges, boxes, patches of another grey, and figures of matplotlib."""

import io
from collections.abc import Callable, Iterator

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.random import Generator

from digitkit.contract import Picture
from digitkit.pictures.codec import encode_png
from training.data.mnist import Split
from training.evaluate.exams.exam import Exam
from training.evaluate.ladders.drawing import Ink, centred, enlarged, levels, log_uniform, painted, some

SIDES_PX = (32, 640)
FIGURES_PX = (160, 640)  # widths, of which the height is three quarters, as matplotlib has it
COUNT, FIGURES = 150, 50  # digits of each kind
GOAL = 0.98
Shape = Callable[[int, Generator], tuple[Ink, Ink]]  # of a side in pixels: where the surface that is written on lies, and its rim


def surrounded(digits: Split, draw: Generator) -> Iterator[Exam]:
    """A digit in the middle of each kind of surface, at sides of SIDES_PX, in both polarities."""
    for kind, shape in SHAPES.items():
        chosen = some(digits, draw, COUNT)
        files = [encode_png(on_surface(canvas, shape, draw)) for canvas in chosen.pictures]
        yield Exam("surrounded", kind, files, chosen.labels, GOAL)


def figures(digits: Split, draw: Generator) -> Iterator[Exam]:
    """MNIST's canvases as notebooks save them: imshow in a figure."""
    for kind, (colours, has_axes) in {
        "grey": ("gray", False), "grey, with axes": ("gray", True), "viridis": ("viridis", False), "viridis, with axes": ("viridis", True),
    }.items():  # fmt: skip
        chosen = some(digits, draw, FIGURES)
        files = [shown(canvas, colours, has_axes, log_uniform(draw, *FIGURES_PX)) for canvas in chosen.pictures]
        yield Exam("imshow", kind, files, chosen.labels, GOAL)


def on_surface(canvas: Picture, shape: Shape, draw: Generator) -> Picture:
    """A digit on a surface, whose grey differs from the page's around it."""
    side = log_uniform(draw, *SIDES_PX)
    surface, rim = shape(side, draw)
    level, colour = levels(draw, contrast=120)
    around = float(draw.choice([value for value in range(256) if abs(value - level) >= 60]))
    digit = centred(enlarged(canvas, round(draw.uniform(0.38, 0.5) * side)), (side, side))
    return painted(np.maximum(digit, rim), around + (level - around) * surface, colour)


def disc(side: int, _: Generator) -> tuple[Ink, Ink]:
    return _round(side, 0.44), _nothing(side)


def ring(side: int, draw: Generator) -> tuple[Ink, Ink]:
    return np.ones((side, side), dtype=np.float32), _round(side, 0.44) - _round(side, 0.44 - draw.uniform(0.03, 0.08))


def badge(side: int, draw: Generator) -> tuple[Ink, Ink]:
    """A disc with a rim of the digit's own colour."""
    return _round(side, 0.46), _round(side, 0.46) - _round(side, 0.46 - draw.uniform(0.03, 0.07))


def box(side: int, draw: Generator) -> tuple[Ink, Ink]:
    inset = draw.uniform(0.05, 0.12)
    return np.ones((side, side), dtype=np.float32), _square(side, inset) - _square(side, inset + draw.uniform(0.03, 0.06))


def patch(side: int, draw: Generator) -> tuple[Ink, Ink]:
    return _square(side, draw.uniform(0.06, 0.2)), _nothing(side)


SHAPES: dict[str, Shape] = {"filled disc": disc, "ring": ring, "badge": badge, "box": box, "patch with a margin": patch}


def shown(canvas: Picture, colours: str, has_axes: bool, width: int) -> bytes:
    """A PNG file of a canvas that imshow has drawn."""
    figure = Figure(figsize=(width / 100, 0.75 * width / 100), dpi=100)
    axes = figure.add_subplot()
    axes.imshow(canvas, cmap=colours)
    if not has_axes:
        axes.set_axis_off()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _nothing(side: int) -> Ink:
    return np.zeros((side, side), dtype=np.float32)


def _round(side: int, radius: float) -> Ink:
    """A disc in the middle, its radius a share of the side."""
    page = np.zeros((side, side), dtype=np.uint8)
    cv2.circle(page, (8 * side - 8, 8 * side - 8), round(16 * radius * side), 255, -1, cv2.LINE_AA, shift=4)
    return np.asarray(page / 255, dtype=np.float32)


def _square(side: int, inset: float) -> Ink:
    """All but a margin, which is a share of the side and at least a pixel."""
    edge = max(1, round(inset * side))
    page = np.zeros((side, side), dtype=np.float32)
    page[edge:-edge, edge:-edge] = 1
    return page
