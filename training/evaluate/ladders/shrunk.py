"""Small photos of a written digit, shrunk to any side, on paper that the light falls off across."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.random import Generator

from digitkit.contract import Picture
from digitkit.pictures.codec import encode_png
from training.data.mnist import Split
from training.evaluate.exams.exam import Exam
from training.evaluate.ladders.drawing import anywhere, enlarged, painted, some

SIDES_PX = ((16, 23), (24, 32), (33, 48), (49, 64))
PHOTO_PX = 320  # side of the photo before it is shrunk
FALL = 80  # grey levels from the lightest to the darkest paper
COUNT = 200
GOAL = 0.97


def shrunk(digits: Split, draw: Generator) -> Iterator[Exam]:
    """The ladder of sides."""
    for low, high in SIDES_PX:
        chosen = some(digits, draw, COUNT)
        files = [encode_png(photo(canvas, int(draw.integers(low, high + 1)), draw)) for canvas in chosen.pictures]
        yield Exam("small photo, light falling by 80", f"sides of {low} to {high} px", files, chosen.labels, GOAL)


def photo(canvas: Picture, side: int, draw: Generator) -> Picture:
    """A digit in dark ink on paper lit from one side, blurred and grained by a camera, shrunk to `side`."""
    size = (PHOTO_PX, PHOTO_PX)
    ink = anywhere(enlarged(canvas, round(draw.uniform(0.6, 0.8) * PHOTO_PX)), size, draw)
    angle = draw.uniform(0, 2 * np.pi)
    across, down = np.meshgrid(*[np.linspace(-0.5, 0.5, PHOTO_PX)] * 2)
    slope = across * np.cos(angle) + down * np.sin(angle)
    paper = draw.uniform(170, 210) + FALL * slope / np.ptp(slope)
    lit = painted(ink, paper, 0) * 0.75 + paper * 0.25 * (1 - ink * draw.uniform(0, 0.8))
    grained = cv2.GaussianBlur(lit, (0, 0), draw.uniform(0.5, 3)) + draw.normal(0, 6, size)
    return np.asarray(cv2.resize(np.clip(grained, 0, 255).astype(np.uint8), (side, side), interpolation=cv2.INTER_AREA), dtype=np.uint8)
