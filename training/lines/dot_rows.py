"""Rows of dots: what printers with needles print, ink-jets mark on packages, and dot-matrix displays show."""

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitkit.contract import Picture
from training.glyphs.dots import DIAMETER, MATRICES
from training.lines.numbers import as_text
from training.lines.strip import Span, Strip

PITCH_PX = 8
BLANK = 2  # columns and rows of no dots around a row
# Separators as columns of dots, the topmost dot of seven in the highest bit; other matrices take their lower or middle part.
MARKS = {".": "01", ",": "01 06", "-": "08 08 08", "/": "03 0C 18 60", ":": "14", " ": "00 00", "+": "08 1C 08", "x": "22 14 08 14 22"}


def printed(written: str, draw: Generator) -> Strip:
    """A row of dots that touch or nearly do, as printers make them; signs that a matrix lacks are left out."""
    return dotted_row(written, draw, room=int(draw.integers(1, 3)))


def dotted_row(written: str, draw: Generator, *, room: int = 1) -> Strip:
    """Signs of one matrix of dots, with `room` empty columns between two."""
    table, columns, _ = MATRICES[draw.choice(len(MATRICES), p=[share for _, _, share in MATRICES])]
    shapes = [rows[draw.integers(len(rows))].split() for rows in table]
    tall = len(shapes[0])
    shown = "".join(sign for sign in written if sign.isdigit() or sign in MARKS).strip() or "0"
    parts = [np.zeros((tall, BLANK), dtype=np.uint8)]
    for sign in shown:
        parts += [_matrix(shapes[int(sign)], columns) if sign.isdigit() else _mark(sign, tall), np.zeros((tall, room), dtype=np.uint8)]
    dots = np.concatenate([*parts[:-1], parts[0]], axis=1)
    dots = cv2.copyMakeBorder(dots, BLANK, BLANK, 0, 0, cv2.BORDER_CONSTANT, value=0)
    page = np.kron(dots, _dot(draw)).astype(np.uint8)
    inked = np.flatnonzero(page.any(axis=0))
    span = Span(inked[0], BLANK * PITCH_PX, inked[-1] + 1, (BLANK + tall) * PITCH_PX)
    return Strip(page, as_text(shown), span)


def _matrix(rows: list[str], columns: int) -> NDArray[np.uint8]:
    return np.array([[int(bits, 16) >> (columns - 1 - column) & 1 for column in range(columns)] for bits in rows], dtype=np.uint8)


def _mark(sign: str, tall: int) -> NDArray[np.uint8]:
    """A separator of seven rows, set on the foot of a matrix of `tall` rows, or shortened to it from the top."""
    bits = np.array([[int(column, 16) >> (6 - row) & 1 for column in MARKS[sign].split()] for row in range(7)], dtype=np.uint8)
    if tall >= 7:
        return np.concatenate([np.zeros((tall - 7, bits.shape[1]), dtype=np.uint8), bits])
    return bits[1 : 1 + tall] if sign in "-+x/:" else bits[7 - tall :]


def _dot(draw: Generator) -> Picture:
    """One dot on its square of PITCH_PX, round or square."""
    square = np.zeros((PITCH_PX, PITCH_PX), dtype=np.uint8)
    radius = PITCH_PX / 2 * draw.uniform(0.7, DIAMETER[1])
    middle = (PITCH_PX - 1) / 2
    if draw.random() < 0.5:
        cv2.circle(square, (round(16 * middle), round(16 * middle)), round(16 * radius), 255, -1, cv2.LINE_AA, shift=4)
    else:
        inset = max(0, round(middle - radius + 0.5))
        square[inset : PITCH_PX - inset, inset : PITCH_PX - inset] = 255
    return square
