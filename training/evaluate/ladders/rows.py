"""Two to nine digits in a row, which are no single digit however far apart they stand."""

from collections.abc import Iterator

import numpy as np
from numpy.random import Generator

from digitkit.pictures.codec import encode_png
from training.augment.synthetic import NO_DIGIT
from training.data.mnist import Split
from training.evaluate.exams.exam import Exam
from training.evaluate.ladders.drawing import RUNG, Ink, anywhere, centred, enlarged, levels, log_uniform, painted, some

GAPS = (0.15, 0.3, 0.6, 1.0)  # between neighbours, as shares of the digits' height
HEIGHTS_PX = (16, 120)
GOAL = 0.02


def rows(digits: Split, draw: Generator) -> Iterator[Exam]:
    """How many rows are accepted as a digit."""
    for gap in GAPS:
        files = []
        for _ in range(RUNG):
            ink = in_a_row(some(digits, draw, int(draw.integers(2, 10))), log_uniform(draw, *HEIGHTS_PX), gap)
            margin = round(draw.uniform(0.1, 1) * len(ink))
            page = anywhere(ink, (ink.shape[0] + margin, ink.shape[1] + margin), draw)
            files.append(encode_png(painted(page, *levels(draw))))
        yield Exam("two to nine digits", f"gaps of {gap} of their height: accepted", files, np.full(RUNG, NO_DIGIT), GOAL, is_error=True)


def in_a_row(digits: Split, height: int, gap: float) -> Ink:
    """Digits of one size beside one another."""
    inks = [enlarged(canvas, height) for canvas in digits.pictures]
    parts = [centred(ink, (height, ink.shape[1])) for ink in inks]
    space = np.zeros((height, max(1, round(gap * height))), dtype=np.float32)
    return np.hstack([piece for part in parts for piece in (part, space)][:-1])
