"""Digits of dots, as dot-matrix displays, receipts' printers and ink-jet codes on packages make them."""

import cv2
import numpy as np
from numpy.random import Generator

from digitkit.contract import Picture

HEIGHT_PX = 96
DIAMETER = (0.5, 1.25)  # a dot's, as a share of the distance between two, from and to
ROUND = 0.6  # the share of displays whose dots are round

# Rows from the top, the leftmost dot in the highest bit: 5 x 7 as character displays have them, 7 x 9 as printers, 3 x 5 as small ones.
FIVE_BY_SEVEN = (
    ("0E 11 13 15 19 11 0E", "0E 11 11 11 11 11 0E"),
    ("04 0C 04 04 04 04 0E", "04 0C 14 04 04 04 1F"),
    ("0E 11 01 02 04 08 1F", "0E 11 01 0E 10 10 1F"),
    ("1F 02 04 02 01 11 0E", "0E 11 01 06 01 11 0E"),
    ("02 06 0A 12 1F 02 02", "11 11 11 1F 01 01 01"),
    ("1F 10 1E 01 01 11 0E", "1F 10 10 1E 01 01 1E"),
    ("06 08 10 1E 11 11 0E", "0E 11 10 1E 11 11 0E"),
    ("1F 01 02 04 08 08 08", "1F 01 01 02 04 04 04"),
    ("0E 11 11 0E 11 11 0E", "0E 1B 11 0E 11 1B 0E"),
    ("0E 11 11 0F 01 02 0C", "0E 11 11 0F 01 11 0E"),
)
SEVEN_BY_NINE = (
    ("1C 22 41 41 41 41 41 22 1C", "3E 41 43 45 49 51 61 41 3E"),
    ("08 18 28 08 08 08 08 08 3E",),
    ("3E 41 01 02 0C 10 20 40 7F",),
    ("3E 41 01 01 1E 01 01 41 3E",),
    ("02 06 0A 12 22 42 7F 02 02",),
    ("7F 40 40 7E 01 01 01 41 3E",),
    ("1E 20 40 40 7E 41 41 41 3E",),
    ("7F 01 02 04 08 08 10 10 10",),
    ("3E 41 41 41 3E 41 41 41 3E",),
    ("3E 41 41 41 3F 01 01 02 3C",),
)
THREE_BY_FIVE = (
    ("7 5 5 5 7",), ("2 6 2 2 7",), ("7 1 7 4 7",), ("7 1 7 1 7", "7 1 3 1 7"), ("5 5 7 1 1",),
    ("7 4 7 1 7",), ("7 4 7 5 7",), ("7 1 1 1 1", "7 1 2 2 2"), ("7 5 7 5 7",), ("7 5 7 1 7",),
)  # fmt: skip
MATRICES = ((FIVE_BY_SEVEN, 5, 0.6), (SEVEN_BY_NINE, 7, 0.25), (THREE_BY_FIVE, 3, 0.15))  # with their columns and shares


def dotted(digit: int, draw: Generator) -> Picture:
    """A digit of dots, uint8 (H, W), bright on dark, about HEIGHT_PX tall, with a margin of a dot."""
    table, columns, _ = MATRICES[draw.choice(len(MATRICES), p=[share for _, _, share in MATRICES])]
    rows = table[digit][draw.integers(len(table[digit]))].split()
    pitch = HEIGHT_PX / len(rows)
    across = pitch * draw.uniform(0.75, 1.1)
    radius = draw.uniform(*DIAMETER) * pitch / 2
    is_round, jitter = draw.random() < ROUND, draw.choice([0.0, 0.06]) * pitch
    page = np.zeros((HEIGHT_PX + round(2 * pitch), round((columns + 2) * across)), dtype=np.uint8)
    for row, bits in enumerate(rows):
        for column in range(columns):
            if int(bits, 16) >> (columns - 1 - column) & 1:
                x, y = np.array([(column + 1.5) * across, (row + 1.5) * pitch]) + draw.normal(0, 1, size=2) * jitter
                _dot(page, x, y, radius, is_round)
    return page


def _dot(page: Picture, x: float, y: float, radius: float, is_round: bool) -> None:
    at, size = (round(16 * x), round(16 * y)), round(16 * radius)
    if is_round:
        cv2.circle(page, at, size, 255, -1, cv2.LINE_AA, shift=4)
    else:
        cv2.rectangle(page, (at[0] - size, at[1] - size), (at[0] + size, at[1] + size), 255, -1, cv2.LINE_AA, shift=4)
