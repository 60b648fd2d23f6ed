"""Digits of seven-segment displays: a source of pictures that no training of ours has seen."""

import cv2
import numpy as np

# The segments of a seven-segment display from the top down and from left to right, as points of a 2 x 1 grid; which are lit.
SEGMENTS = [((0, 0), (0, 1)), ((0, 0), (1, 0)), ((0, 1), (1, 1)), ((1, 0), (1, 1)), ((1, 0), (2, 0)), ((1, 1), (2, 1)), ((2, 0), (2, 1))]
LIT = ["012456", "25", "02346", "02356", "1235", "01356", "013456", "025", "0123456", "012356"]


def display(digit: int, draw: np.random.Generator) -> np.ndarray:
    """A digit of a seven-segment display, uint8 (80, 60), dark on light; it leans more than the pens that training knows."""
    page = np.full((80, 60), int(draw.integers(190, 250)), dtype=np.uint8)
    height, width, lean = draw.uniform(18, 26), draw.uniform(14, 30), draw.uniform(-0.6, 0.6)
    origin, ink, pen = draw.uniform((6, 12), (14, 20)), int(draw.integers(0, 70)), int(draw.integers(3, 8))
    for number in LIT[digit]:
        (y0, x0), (y1, x1) = SEGMENTS[int(number)]
        ends = np.array([[x0 * width - lean * y0 * height, y0 * height], [x1 * width - lean * y1 * height, y1 * height]])
        cv2.line(page, *(ends + origin[::-1]).round().astype(int).tolist(), ink, pen)
    return page
