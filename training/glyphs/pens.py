"""Writers whose digits and marks are drawn stroke by stroke, in the shapes of training.augment.pen and training.glyphs.hands."""

from copy import copy

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitkit.readers.digits.digit import LABELS
from training.augment.pen import SHAPES, curve_of, points_of
from training.glyphs.hands import HANDS
from training.glyphs.manner import Manner, Strokes, centred
from training.glyphs.row import ROW_PX, Sign

MARGIN_PX = 12
WARP = 0.05  # standard deviation of each coefficient of the warp that all of a writer's digits have
PEN_PX = (1.3, 8.0)  # the pen's width, from and to
SLANTS = (-0.25, 0.45)  # how far a writer's digits lean, at least and at most: a one that leans more is a slash
UPRIGHT_SLASH = 0.1  # a slash is drawn as if by a hand that leans at least so much: upright it would be a one
OTHER = 0.15  # the share of digits that a writer draws in another of the shapes

SLASHES = {"70,0 30,100"}  # shapes of a one that in a line are a slash
ONE, SEVEN = 1, 7
UPSTROKE = 0.25  # how far the pen goes up before it comes down to a one, in heights of the digit, to make it what a seven is elsewhere
ALPHABET = {digit: tuple(shape for shape in SHAPES[digit] + HANDS[digit] if shape not in SLASHES) for digit in LABELS}
CROSSED = ALPHABET | {SEVEN: tuple(shape for shape in ALPHABET[SEVEN] if "/" in shape)}  # of those whose ones have an upstroke

# Marks beside digits: strokes of points in hundredths of the digit's height, y down. A long slash rises over the digits.
MARKS = {
    "$": ("70,20 40,8 15,25 35,48 65,60 60,85 30,92 8,78 / 42,-8 36,108",),
    "#": ("30,10 20,90 / 60,10 50,90 / 5,35 80,35 / 0,65 75,65",),
    "*": ("25,30 25,70 / 5,40 45,60 / 45,40 5,60",),
    "=": ("5,45 60,42 / 5,62 60,58", "0,50 55,45 / 2,58 50,56", "0,32 75,22 / 0,62 75,52", "5,10 45,5 / 5,28 45,24",
          "0,42 65,38 65,38 5,62 5,62 70,58"),
    "(": ("30,-5 10,30 10,70 30,105",),
    ")": ("5,-5 25,30 25,70 5,105",),
    "+": ("30,30 30,80 / 5,55 55,55",),
    "a": ("45,50 25,42 8,60 15,90 40,85 48,50 48,50 48,85 58,95", "50,55 30,45 8,70 20,95 45,80 52,50 50,80 62,97 75,80",
          "40,52 18,50 8,72 18,92 38,88 45,60 44,52 46,88 60,90", "30,60 12,65 10,85 25,95 42,80 42,62 30,60 42,62 45,90 62,85"),
    "b": ("10,0 10,95 / 10,60 40,50 50,75 30,97 10,90", "5,70 25,30 30,0 15,10 12,90 30,98 45,80 42,60 55,58",
          "12,0 8,60 12,95 35,95 42,70 25,58 10,75"),
    "c": ("45,50 20,45 8,70 20,95 48,88",),
    "k": ("10,0 10,100 / 42,45 12,70 12,70 45,100",),
    "x": ("5,45 45,95 / 45,45 5,95",),
    "m": ("5,50 5,95 / 5,62 20,48 28,60 28,95 / 28,62 42,48 52,60 52,95",),
    "E": ("50,5 8,5 8,5 8,95 8,95 50,95 / 8,48 42,48",),
    "R": ("8,100 8,0 8,0 50,10 45,42 10,48 10,48 55,100",),
    "N": ("8,100 8,5 8,5 55,95 55,95 55,0",),
    "e": ("8,72 45,65 30,45 8,65 15,93 45,90",),
    "%": ("18,5 5,18 18,32 30,18 18,5 / 60,0 15,100 / 62,65 48,80 62,95 75,80 62,65",),
    "-": ("0,55 40,53", "0,50 55,52", "0,58 25,55"),
    "/": ("55,-8 0,112", "40,0 5,105", "75,-15 -10,125", "30,5 10,100", "35,20 10,95"),
    ":": ("5,35 6,36 / 4,80 5,81",),
    ".": ("4,95 5,96", "3,92 7,96"),
    ",": ("8,90 0,115", "6,92 7,100 -2,112", "10,85 2,105"),
}  # fmt: skip


class PenHand:
    """One writer: a pen, a slant, a manner, a shape for each digit and a warp that all signs share.

    Who writes ones with an upstroke crosses the sevens: both could not be told apart otherwise.
    """

    def __init__(self, draw: Generator) -> None:
        self.manner = Manner(draw)
        one = _one_of(ALPHABET[ONE], draw)
        self.alphabet = CROSSED if has_upstroke(one) else ALPHABET
        self.shapes = {digit: _one_of(shapes, draw) for digit, shapes in self.alphabet.items()} | {ONE: one}
        self.warp = draw.normal(0, WARP, size=(6, 2))
        self.aspect = draw.uniform(0.4, 0.9)
        self.slant = float(np.clip(draw.normal(0.12, 0.2), *SLANTS))
        self.pen = PEN_PX[0] * (PEN_PX[1] / PEN_PX[0]) ** draw.random()
        self.loose = draw.uniform(0.005, 0.04)
        self.uneven = draw.uniform(0.02, 0.14)

    def digit(self, digit: int, draw: Generator) -> Sign:
        shape = self.shapes[digit] if draw.random() > OTHER else _one_of(self.alphabet[digit], draw)
        size = ROW_PX * float(np.exp(draw.normal(0, self.uneven)))
        strokes = self.manner.strokes(digit, shape, draw)
        return self._drawn(strokes, self.manner.tall[digit] * size, self.manner.wide[digit] * self.aspect * size, draw)

    def mark(self, sign: str, draw: Generator) -> Sign:
        """One of MARKS."""
        shapes = MARKS[sign]
        size = ROW_PX * draw.uniform(0.85, 1.1)
        hand = copy(self)
        hand.slant = max(self.slant, UPRIGHT_SLASH) if sign == "/" else self.slant
        return hand._drawn(list(centred(shapes[draw.integers(len(shapes))])), size, size, draw, rise=ROW_PX - size)

    def _drawn(self, strokes: Strokes, height: float, width: float, draw: Generator, rise: float | None = None) -> Sign:
        """Strokes whose unit square is `width` by `height`; their foot stands near the line."""
        down = (ROW_PX - height) * draw.uniform(0.2, 1.1) if rise is None else rise
        warp = self.warp + draw.normal(0, self.loose, size=(6, 2))
        curves = [self._curve(curve_of(points), warp, width, height) for points in strokes]
        corner = np.min([curve.min(axis=0) for curve in curves], axis=0) - MARGIN_PX
        right, bottom = np.ceil(np.max([curve.max(axis=0) for curve in curves], axis=0) - corner + MARGIN_PX).astype(int)
        page = np.zeros((bottom, right), dtype=np.uint8)
        lines = [np.round(8 * (curve - corner)).astype(np.int32) for curve in curves]
        cv2.polylines(page, lines, False, 255, max(1, round(self.pen)), cv2.LINE_AA, shift=3)
        x, y, across, tall = cv2.boundingRect(page)
        return Sign(page[y : y + tall, x : x + across], round(float(corner[1]) + height / 2 + down) + y)

    def _curve(self, points: NDArray[np.float64], warp: NDArray[np.float64], width: float, height: float) -> NDArray[np.float64]:
        """Points about the middle of the unit square, warped, leaning and enlarged to pixels."""
        x, y = points.T
        terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=1)
        moved = points + terms @ warp
        moved[:, 0] = moved[:, 0] * width - self.slant * moved[:, 1] * height
        moved[:, 1] *= height
        return moved


def has_upstroke(shape: str) -> bool:
    """Whether a shape of a one begins with a stroke that goes up."""
    heights = points_of(shape)[0][:, 1]
    return bool(heights[0] - heights.min() >= UPSTROKE)


def _one_of(shapes: tuple[str, ...], draw: Generator) -> str:
    return shapes[draw.integers(len(shapes))]
