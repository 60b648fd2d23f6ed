"""What a line is written on: plain or stained paper, security print, photos, and the rules and boxes around a line."""

from functools import cache

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitkit.contract import Picture
from training.scenes.nothing import nothing
from training.scenes.sheet import Field, cloudy

SHEETS, SHEET_PX = 48, (256, 1024)  # how many sheets of security print a process keeps, and their height and width
PHOTO = 0.25  # the share of prints behind a line that are photos and patterns, not security print
RULE_PX = (0.02, 0.09)  # a rule's width as a share of the digits' height, from and to


def behind(shape: tuple[int, int], digit_px: float, draw: Generator) -> Field:
    """A print for a whole page, about 0, between -0.5 and 0.5, with details finer than the digits."""
    height, width = shape
    if draw.random() < PHOTO:
        picture = cv2.resize(nothing(draw), (width, height), interpolation=cv2.INTER_AREA)
    else:
        picture = _cut(shape, digit_px, draw)
    field = np.multiply(picture, 1 / 255, dtype=np.float32)
    return field - np.float32(field.mean())


def stains(shape: tuple[int, int], digit_px: float, draw: Generator) -> Field:
    """Clouds of uneven paper, wide or fine."""
    return cloudy(shape, draw.uniform(0.01, 0.06), max(1.5, digit_px * draw.uniform(0.05, 3)), draw)


def _cut(shape: tuple[int, int], digit_px: float, draw: Generator) -> Picture:
    """A piece of security print, its lines six to twenty to a digit's height."""
    sheet = _sheet(int(draw.integers(SHEETS)))
    scale = float(np.clip(draw.uniform(60, 200) / digit_px, 0.4, min(SHEET_PX[0] / shape[0], SHEET_PX[1] / shape[1], 6)))
    height, width = (max(2, min(round(side * scale), most)) for side, most in zip(shape, SHEET_PX, strict=True))
    top, left = draw.integers(0, SHEET_PX[0] - height + 1), draw.integers(0, SHEET_PX[1] - width + 1)
    part = sheet[top : top + height, left : left + width]
    kind = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(part, shape[::-1], interpolation=kind), dtype=np.uint8)


@cache
def _sheet(which: int) -> Picture:
    """A sheet of security print, the same in every process: one to three families of fine lines, or a screen of dots."""
    draw = np.random.default_rng((which, 71))
    height, width = SHEET_PX
    y, x = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)[None]
    sheet = np.zeros(SHEET_PX, dtype=np.float32)
    for _ in range(int(draw.integers(1, 4))):
        sheet = np.maximum(sheet, draw.uniform(0.5, 1) * _family(x, y, draw))
    if which % 6 == 0:
        pitch = draw.uniform(6, 14)
        sheet = (np.sin(2 * np.pi * x / pitch) * np.sin(2 * np.pi * y / pitch) > draw.uniform(0.1, 0.7)).astype(np.float32)
    if which % 4 == 1:
        sheet = sheet * (0.4 + 0.6 * (cv2.GaussianBlur(draw.random(SHEET_PX, dtype=np.float32), (0, 0), 12) > 0.5))
    soft = cv2.GaussianBlur(sheet, (0, 0), draw.uniform(0.5, 1.2))
    return np.asarray(255 * np.clip(soft, 0, 1), dtype=np.uint8)


def _family(x: Field, y: Field, draw: Generator) -> Field:
    """Lines side by side: waves, turned waves, rings about a point, or rays with waves."""
    way, pitch, phase = draw.integers(4), draw.uniform(5, 18), draw.uniform(0, 6, size=3)
    waves = draw.uniform(2, 14) * np.sin(2 * np.pi * x / draw.uniform(40, 300) + phase[0])
    waves = waves + draw.uniform(0, 6) * np.sin(2 * np.pi * x / draw.uniform(15, 60) + phase[1])
    if way == 0:
        along = y + waves
    elif way == 1:
        angle = draw.uniform(0, np.pi)
        along = np.cos(angle) * x + np.sin(angle) * y + 0.5 * waves + 4 * np.sin(2 * np.pi * y / draw.uniform(30, 200) + phase[2])
    elif way == 2:
        far = np.hypot(x - draw.uniform(0, SHEET_PX[1]), 1.5 * (y - draw.uniform(-100, 350)))
        along = far + 5 * np.sin(far / draw.uniform(20, 80)) + 0.3 * waves
    else:
        turn = np.arctan2(y - draw.uniform(-300, 500), x - draw.uniform(0, SHEET_PX[1]))
        along = turn * draw.uniform(300, 900) + 0.4 * waves
    return np.asarray(np.clip((np.cos(2 * np.pi * along / pitch) - draw.uniform(0.2, 0.8)) * 4, 0, 1), dtype=np.float32)


class Ruler:
    """Draws straight lines in the coordinates of a text: u from its left end (0) to its right (1), v from its top (0) to its base (1)."""

    def __init__(self, quad: NDArray[np.float32], shape: tuple[int, int], width_px: int) -> None:
        self.quad, self.width_px = quad, width_px
        self.drawn: Field = np.zeros(shape, dtype=np.float32)

    def line(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        ends = [tuple(np.round(8 * self._at(*place)).astype(int).clip(-30_000, 30_000).tolist()) for place in (start, end)]
        cv2.line(self.drawn, ends[0], ends[1], 1.0, self.width_px, cv2.LINE_AA, shift=3)

    def _at(self, u: float, v: float) -> NDArray[np.float32]:
        left_top, right_top, right_base, left_base = self.quad
        place = (1 - v) * ((1 - u) * left_top + u * right_top) + v * ((1 - u) * left_base + u * right_base)
        return np.asarray(place, dtype=np.float32)


def ruled(quad: NDArray[np.float32], shape: tuple[int, int], digit_px: float, draw: Generator) -> Field:
    """The share that rules cover of each pixel: a line under the text, lines above and below, a box, a table's cell, or one through it."""
    long = max(1.0, float(np.linalg.norm(quad[1] - quad[0])) / max(digit_px, 1))  # the text's length in heights of its digits
    ruler = Ruler(quad, shape, max(1, round(digit_px * draw.uniform(*RULE_PX))))
    under, over = 1 + abs(draw.normal(0.1, 0.12)), -draw.uniform(0.08, 0.6)
    near = draw.uniform(0.1, 1.5, size=2) / long
    left, right = -near[0], 1 + near[1]
    far = (-20 / long, 1 + 20 / long) if draw.random() < 0.7 else (left, right)
    way = draw.random()
    if way < 0.85:
        ruler.line((far[0], under), (far[1], under))
    if 0.3 < way < 0.85:
        ruler.line((far[0], over), (far[1], over))
    if 0.5 < way < 0.75:
        for u in (left, right):
            ruler.line((u, over - (0.5 if way < 0.6 else 0)), (u, under + (0.5 if way < 0.6 else 0)))
    if 0.2 < way < 0.3:
        ruler.line((far[0], under + 0.15), (far[1], under + 0.15))
    if way > 0.85:
        through = draw.uniform(0.05, 0.95)
        ruler.line((far[0], through), (far[1], through + draw.normal(0, 0.05)))
    return ruler.drawn
