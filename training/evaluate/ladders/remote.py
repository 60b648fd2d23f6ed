"""Digits that are a small part of their picture: off the middle of long strips, or drawn by a pen of one pixel on large canvases."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.random import Generator
from skimage.morphology import skeletonize

from digitkit.contract import Picture
from digitkit.pictures.codec import encode_png
from training.data.mnist import Split
from training.evaluate.exams.exam import Exam
from training.evaluate.ladders.drawing import Ink, anywhere, enlarged, levels, painted, placed, some

STRIP_HEIGHT_PX, STRIP_WIDTHS_PX = 100, (600, 800, 1000)
CANVAS_SIDES_PX = (800, 1000, 1280)
THIN = 100  # digits of a thin pen, whose skeletons take long
GOAL = 0.95


def strips(digits: Split, draw: Generator) -> Iterator[Exam]:
    """A digit in the left or the right third of a strip."""
    for width in STRIP_WIDTHS_PX:
        chosen, files = some(digits, draw), []
        for canvas in chosen.pictures:
            ink = enlarged(canvas, int(draw.integers(50, 85)))
            off = int(draw.integers(4, width // 3 - ink.shape[1]))
            left = off if draw.random() < 0.5 else width - off - ink.shape[1]
            top = int(draw.integers(4, STRIP_HEIGHT_PX - ink.shape[0] - 3))
            files.append(encode_png(painted(placed(ink, (STRIP_HEIGHT_PX, width), top, left), *levels(draw))))
        yield Exam("off the middle of a strip", f"{width} x {STRIP_HEIGHT_PX} px", files, chosen.labels, GOAL)


def thin_pens(digits: Split, draw: Generator) -> Iterator[Exam]:
    """A digit that fills a third to three quarters of a large canvas, drawn by a pen of one pixel."""
    for side in CANVAS_SIDES_PX:
        chosen = some(digits, draw, THIN)
        inks = (one_pixel_wide(canvas, round(draw.uniform(0.4, 0.8) * side)) for canvas in chosen.pictures)
        files = [encode_png(painted(anywhere(ink, (side, side), draw), *levels(draw, contrast=200))) for ink in inks]
        yield Exam("pen of 1 px", f"{side} x {side} px", files, chosen.labels, GOAL)


def one_pixel_wide(canvas: Picture, height: int) -> Ink:
    """The middle line of a digit's strokes."""
    small = enlarged(canvas, height // 4)
    line = skeletonize(cv2.GaussianBlur(np.pad(small, 4), (0, 0), 2) > 0.5)
    points = cv2.findNonZero(line.astype(np.uint8)).reshape(-1, 2)
    page = np.zeros((4 * line.shape[0], 4 * line.shape[1]), dtype=np.uint8)
    for x, y in points.tolist():  # each pixel is joined to its neighbours to the right and below: the line at four times the size
        for to_x, to_y in ((x + 1, y), (x - 1, y + 1), (x, y + 1), (x + 1, y + 1)):
            if line[to_y, to_x]:
                cv2.line(page, (4 * x, 4 * y), (4 * to_x, 4 * to_y), 255, 1)
    x, y, across, down = cv2.boundingRect(page)
    return np.asarray(page[y : y + down, x : x + across] / 255, dtype=np.float32)
