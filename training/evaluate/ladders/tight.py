"""Digits cropped at their bounding box, as detectors and people with a selection tool crop them."""

import math
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.random import Generator

from digitkit.pictures.codec import encode_png
from training.data.mnist import Split
from training.evaluate.exams.exam import Exam
from training.evaluate.ladders.drawing import anywhere, enlarged, levels, log_uniform, painted, some

MARGINS = (0.0, 0.05, 0.1)  # around the ink, as shares of its longer side
SIDES_PX = (40, 320)  # of the page that is cropped, but for its own margin
COUNT = 400
GOAL = 0.01


def tight_crops(digits: Split, draw: Generator) -> Iterator[Exam]:
    """Of digits that are read right on a page, those that are refused or read otherwise once cropped."""
    for margin in MARGINS:
        chosen, whole, cropped = some(digits, draw, COUNT), [], []
        for canvas in chosen.pictures:
            side = log_uniform(draw, *SIDES_PX)
            page = anywhere(enlarged(canvas, round(draw.uniform(0.5, 0.8) * side)), (side, side), draw)
            ink = np.pad(page, math.ceil(MARGINS[-1] * side))
            picture = painted(ink, *levels(draw))
            x, y, across, down = cv2.boundingRect((ink > 0.2).astype(np.uint8))
            edge = round(margin * max(across, down))
            whole.append(encode_png(picture))
            cropped.append(encode_png(picture[y - edge : y + down + edge, x - edge : x + across + edge]))
        name = f"margin {margin:.0%}: lost by the crop"
        yield Exam("tight crops", name, cropped, chosen.labels, GOAL, is_error=True, uncut=whole)
