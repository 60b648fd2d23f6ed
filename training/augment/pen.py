"""Handwritten digits in shapes that are rare in MNIST, whose writers were American: crossed sevens, ones with a long upstroke or
a base, open fours, nines that end in a hook.

A digit is a few strokes through points of the unit square; each is drawn with its own smooth warp and pen.
"""

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitkit.contract import Picture

HEIGHT_PX = 56
MARGIN_PX = 12
STEPS = 8  # straight pieces that a curve is drawn with between two points of a stroke
WARP = 0.07  # standard deviation of each coefficient of the warp, in sides of the unit square
PEN = (0.05, 0.2)  # the pen's width as a share of the digit's height, from and to
ASPECT = (0.4, 1.1)  # width by height of the unit square, from and to; a one is narrower by its shape

# The shapes of each digit: strokes of points "x,y" in hundredths of the unit square, y down; a point given twice is a corner.
SHAPES = {
    0: (
        "70,5 35,2 8,30 8,65 30,97 65,95 90,65 92,30 70,5 45,3",
        "80,12 40,2 8,40 25,95 60,100 92,60 85,25 65,10",
    ),
    1: (
        "50,0 50,100",
        "15,30 55,0 55,0 55,100",
        "0,60 60,0 60,0 62,100",
        "0,85 50,0 50,0 85,100",
        "0,95 55,10 50,0 50,0 60,70 95,100",
        "15,30 55,0 55,0 55,100 / 15,100 95,100",
    ),
    2: (
        "10,25 30,2 75,5 85,30 60,60 10,95 10,95 95,95",
        "10,20 40,0 80,15 70,50 25,90 8,86 20,75 45,88 70,98 100,88",
        "15,15 50,0 85,20 65,55 5,100 5,100 50,92 100,100",
    ),
    3: (
        "10,12 45,0 80,20 60,44 35,48 35,48 70,52 90,75 60,100 10,90",
        "10,2 10,2 85,2 85,2 40,42 40,42 80,50 90,78 60,100 10,92",
    ),
    4: (
        "72,100 72,0 72,0 5,68 5,68 100,68",
        "15,0 10,55 10,55 95,50 / 75,10 70,100",
        "55,0 5,62 5,62 100,58 / 78,30 65,100",
        "10,0 12,45 40,55 85,40 / 88,0 80,100",
        "50,0 10,50 20,62 85,35 85,35 70,100",
        "50,0 5,55 5,60 95,60 / 80,40 75,100",
        "45,0 10,50 10,58 80,52 80,35 80,35 70,100",
        "60,0 12,40 8,62 30,74 70,68 90,58 90,58 80,100",
        "50,0 15,30 8,55 25,68 60,64 92,48 92,48 75,100",
    ),
    5: (
        "25,5 20,45 20,45 60,40 90,65 70,95 30,100 5,88 / 25,5 90,3",
        "25,5 20,45 20,45 60,40 90,65 70,95 30,100 5,88 / 35,6 100,0",
        "90,2 30,4 30,4 18,40 60,42 88,68 60,100 8,95",
    ),
    6: (
        "75,2 35,25 10,65 30,97 70,97 88,75 65,55 25,62 12,78",
        "30,0 10,60 20,92 55,100 88,80 60,58 15,75",
        "90,10 50,2 12,45 15,85 50,100 85,80 70,52 30,52 12,70",
    ),
    7: (
        "5,5 5,5 90,5 90,5 55,50 40,100",
        "5,5 5,5 90,5 90,5 55,50 40,100 / 25,50 85,48",
        "8,22 8,3 8,3 92,5 92,5 60,50 50,100",
        "8,22 8,3 8,3 92,5 92,5 60,50 50,100 / 30,52 90,48",
        "2,12 25,2 60,10 92,2 92,2 50,55 38,100 / 20,55 80,50",
    ),
    8: (
        "80,15 45,0 15,20 50,47 85,75 50,100 12,78 50,47 82,22 70,5",
        "50,0 20,20 50,46 80,20 50,0 / 50,46 10,73 50,100 90,73 50,46",
    ),
    9: (
        "85,20 50,0 12,22 30,50 70,42 85,15 85,15 85,50 80,100",
        "85,20 50,0 12,22 30,50 70,42 85,15 85,15 88,50 75,90 40,100 10,92",
        "85,20 50,0 12,22 30,50 70,42 85,15 85,15 80,60 50,95 0,95",
        "75,5 30,5 15,35 50,48 80,10 85,10 80,60 55,100",
        "85,20 50,0 15,25 35,50 75,35 85,15 65,60 10,95 10,95 90,95",
        "85,15 45,0 15,20 40,45 80,20 85,12 70,60 70,85 40,98 5,92 25,78",
        "60,5 20,8 15,30 50,38 70,20 75,5 75,5 95,70 85,97 0,100",
        "75,8 35,2 15,20 40,42 75,30 80,8 80,8 60,45 95,75 85,98 5,100",
        "45,12 50,32 80,28 100,8 70,0 45,12 45,12 0,100",
        "10,5 5,30 40,40 75,25 80,0 80,0 85,70 60,98 5,95",
        "80,30 60,2 10,8 10,35 50,50 85,35 70,50 100,100",
    ),
}


def written(digit: int, draw: Generator) -> Picture:
    """A digit in one of its shapes, uint8 (H, W), bright on dark, about HEIGHT_PX tall, with a margin."""
    return penned(SHAPES[digit][draw.integers(len(SHAPES[digit]))], draw)


def penned(shape: str, draw: Generator, *, height_px: int = HEIGHT_PX, pens: tuple[float, float] = PEN) -> Picture:
    """One of SHAPES, or another in their notation, as a hand may write it.

    Args:
        shape: the strokes.
        draw: the source of the warp, the slant, the aspect and the pen's width.
        height_px: about the height of the strokes.
        pens: the pen's width as a share of the height, from and to.
    Returns:
        uint8 (H, W), bright on dark, with a margin.
    """
    strokes = points_of(shape)
    warp = draw.normal(0, WARP, size=(6, 2))
    size = np.array([height_px * draw.uniform(*ASPECT), height_px])
    slant = draw.normal(0.1, 0.2)
    curves = []
    for stroke in strokes:
        x, y = stroke.T - 0.5
        moved = np.stack([x - slant * y, y], axis=1) + np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=1) @ warp
        curves.append(curve_of((moved + draw.normal(0, 0.01, size=2)) * size))
    corner = np.min([curve.min(axis=0) for curve in curves], axis=0) - MARGIN_PX
    width, height = np.ceil(np.max([curve.max(axis=0) for curve in curves], axis=0) - corner + MARGIN_PX).astype(int)
    page = np.zeros((height, width), dtype=np.uint8)
    pen = max(2, round(height_px * draw.uniform(*pens)))
    cv2.polylines(page, [np.round(8 * (c - corner)).astype(np.int32) for c in curves], False, 255, pen, cv2.LINE_AA, shift=3)
    return page


def points_of(shape: str) -> list[NDArray[np.float64]]:
    """The points (N, 2) of each stroke of one of SHAPES, 0 to 1."""
    return [np.array([point.split(",") for point in stroke.split()], dtype=float) / 100 for stroke in shape.split("/")]


def curve_of(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(M, 2) points of the Catmull-Rom spline through (N, 2) points."""
    padded = np.concatenate([points[:1], points, points[-1:]])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 4, axis=0)  # (N - 1, 2, 4)
    t = np.linspace(0, 1, STEPS + 1)[:, None] ** np.arange(4)  # (STEPS + 1, 4)
    weights = t @ (np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2)
    return np.asarray(np.einsum("tk,nck->ntc", weights, windows).reshape(-1, 2))
