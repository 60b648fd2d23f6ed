"""Patterns without writing: noise of every grain, gradients, stripes, chequers, dots, bar codes and codes of squares.

Each takes a height and a width and returns float32 (height, width), 0 to 1.
"""

from functools import cache

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Field = NDArray[np.float32]

SHEET_PX = 512  # side of the sheets of noise that are cut up; whoever cuts is given a place and a polarity of its own
SLOPES = (0.0, 0.5, 1.0, 1.5, 2.0, 2.6)  # exponents of the noises' spectra: white, between, pink, brown, and smoother


def noise(height: int, width: int, draw: Generator) -> Field:
    """Uniform, Gaussian or salt noise, its grains from one pixel to a third of the picture."""
    grain = max(1.0, min(height, width) / 3) ** draw.random()
    size = (max(2, round(height / grain)), max(2, round(width / grain)))
    if draw.random() < 0.4:
        field = draw.random(size, dtype=np.float32)
    elif draw.random() < 0.6:
        field = (0.5 + 0.2 * draw.standard_normal(size, dtype=np.float32)).clip(0, 1)
    else:
        field = (draw.random(size, dtype=np.float32) < draw.uniform(0.01, 0.5)).astype(np.float32)
    kind = (cv2.INTER_NEAREST, cv2.INTER_LINEAR)[draw.integers(2)]
    return np.asarray(cv2.resize(field, (width, height), interpolation=kind), dtype=np.float32)


def plasma(height: int, width: int, draw: Generator) -> Field:
    """Clouds: coloured noise of one of SLOPES."""
    sheet = _sheet(int(draw.integers(len(SLOPES))), int(draw.integers(4)))
    top, left = draw.integers(0, SHEET_PX - height + 1), draw.integers(0, SHEET_PX - width + 1)
    part = sheet[top : top + height, left : left + width]
    return _stretched(part)


def blobs(height: int, width: int, draw: Generator) -> Field:
    """Clouds above a threshold, with edges from sharp to soft."""
    cloud = plasma(height, width, draw) - draw.uniform(0.3, 0.7)
    return np.asarray(np.clip(cloud * 2 ** draw.uniform(1, 6) + 0.5, 0, 1), dtype=np.float32)


def gradient(height: int, width: int, draw: Generator) -> Field:
    """Light that falls off in one direction, or about a point."""
    y, x = _axes(height, width)
    if draw.random() < 0.5:
        angle = draw.uniform(0, 2 * np.pi)
        field = np.cos(angle) * x + np.sin(angle) * y
    else:
        field = np.hypot(x - draw.uniform(-1, 1), y - draw.uniform(-1, 1))
    return _stretched(field)


def stripes(height: int, width: int, draw: Generator) -> Field:
    """Parallel stripes in any direction, from a few pixels to half the picture wide, straight or wavy."""
    y, x = _axes(height, width)
    angle = draw.choice([0.0, np.pi / 2, draw.uniform(0, np.pi)])
    along = np.cos(angle) * x + np.sin(angle) * y + draw.choice([0.0, 0.1]) * np.sin(draw.uniform(2, 9) * (x - y))
    wave = np.sin(along * np.pi * np.exp(draw.uniform(0.7, np.log(min(height, width) / 3))) + draw.uniform(0, 6))
    return np.asarray(np.clip(wave * 2 ** draw.uniform(-1, 4) + draw.uniform(0.1, 0.9), 0, 1), dtype=np.float32)


def chequers(height: int, width: int, draw: Generator) -> Field:
    """A chequered board or tiles with joints, turned a little at times."""
    y, x = _axes(height, width)
    angle, size = draw.choice([0.0, draw.normal(0, 0.2)]), draw.uniform(0.12, 0.8)
    u, v = (np.cos(angle) * x + np.sin(angle) * y) / size, (np.cos(angle) * y - np.sin(angle) * x) / size
    if draw.random() < 0.5:
        return np.asarray((np.floor(u) + np.floor(v)) % 2, dtype=np.float32)
    joint = draw.uniform(0.04, 0.15)
    return np.asarray((u % 1 > joint) & (v % 1 > joint), dtype=np.float32)


def dotted_sheet(height: int, width: int, draw: Generator) -> Field:
    """A regular sheet of dots, as of a screen print or a grille."""
    y, x = _axes(height, width)
    size = draw.uniform(0.1, 0.5)
    u, v = x / size, y / size
    off = np.hypot((u + 0.5 * draw.integers(2) * (np.floor(v) % 2)) % 1 - 0.5, v % 1 - 0.5)
    return np.asarray(np.clip((draw.uniform(0.15, 0.45) - off) * 12, 0, 1), dtype=np.float32)


def bar_code(height: int, width: int, draw: Generator) -> Field:
    """Upright bars of one to four units, with a quiet zone at times."""
    unit = max(1, round(width / draw.uniform(20, 110)))
    widths = draw.integers(1, 5, size=width // unit + 1) * unit
    colours = np.repeat(np.arange(len(widths)) % 2, widths)[:width]
    field = np.tile(colours.astype(np.float32), (height, 1))
    quiet = round(height * draw.uniform(0, 0.2))
    field[:quiet] = 1
    field[height - quiet :] = 1
    return field


def square_code(height: int, width: int, draw: Generator) -> Field:
    """Random black and white squares, with the finders of a QR code in three corners at times."""
    count = int(draw.integers(9, 34))
    cells = draw.integers(0, 2, size=(count, count)).astype(np.float32)
    if count >= 17 and draw.random() < 0.8:
        finder = np.ones((8, 8), dtype=np.float32)
        finder[:7, :7] = 0
        finder[1:6, 1:6] = 1
        finder[2:5, 2:5] = 0
        cells[:8, :8], cells[:8, -8:], cells[-8:, :8] = finder, finder[:, ::-1], finder[::-1]
    return np.asarray(cv2.resize(cells, (width, height), interpolation=cv2.INTER_NEAREST), dtype=np.float32)


def _stretched(field: Field) -> Field:
    low, high = float(field.min()), float(field.max())
    return np.asarray((field - low) / max(high - low, 1e-6), dtype=np.float32)


def _axes(height: int, width: int) -> tuple[Field, Field]:
    """Columns and rows in halves of the shorter side, from the middle."""
    half = min(height, width) / 2
    y = (np.arange(height, dtype=np.float32) - height / 2) / np.float32(half)
    x = (np.arange(width, dtype=np.float32) - width / 2) / np.float32(half)
    return y[:, None], x[None, :]


@cache
def _sheet(slope: int, which: int) -> Field:
    """Noise whose spectrum falls by one of SLOPES, made by its place in the table."""
    white = np.random.default_rng((slope, which)).standard_normal((SHEET_PX, SHEET_PX))
    frequency = np.hypot(np.fft.fftfreq(SHEET_PX)[:, None], np.fft.rfftfreq(SHEET_PX)[None, :])
    frequency[0, 0] = 1
    return np.fft.irfft2(np.fft.rfft2(white) / frequency ** SLOPES[slope], s=white.shape).astype(np.float32)
