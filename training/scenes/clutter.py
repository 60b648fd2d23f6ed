"""What stands on a page beside the digit: lines, cells, frames, rings, patches, parts of neighbours, small captions."""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator

from digitkit.contract import Picture
from training.scenes.sheet import Field, Page, other_level, sized

LINE_WIDTH = (0.004, 0.05)  # of a page's longer side, from and to
CUT = 0.62  # a neighbour of which more than this share is seen would be a digit of its own
TOUCH = 0.05  # how far a neighbour may reach into the digit's box, as a share of the digit's longer side

Draw = Callable[[Generator], Picture]  # a sign, uint8 (H, W), bright on dark


class Box(NamedTuple):
    """The rows and columns of a page that the digit takes."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def longer(self) -> int:
        return max(self.bottom - self.top, self.right - self.left)


class Pencil:
    """Draws straight lines of one width and strength, all at one small tilt."""

    def __init__(self, page: Page, draw: Generator) -> None:
        self.drawn: Field = np.zeros((page.height, page.width), dtype=np.float32)
        self.width_px = int(max(1, round(max(page.height, page.width) * draw.uniform(*LINE_WIDTH))))
        self.strength = float(draw.uniform(0.3, 1))
        self.tilt = draw.normal(0, 0.03)

    def across(self, y: float, left: float, right: float, *, width_px: int = 0) -> None:
        self._line((left, y), (right, y + self.tilt * (right - left)), width_px)

    def down(self, x: float, top: float, bottom: float, *, width_px: int = 0) -> None:
        self._line((x, top), (x - self.tilt * (bottom - top), bottom), width_px)

    def _line(self, start: tuple[float, float], end: tuple[float, float], width_px: int) -> None:
        ends = [(round(x), round(y)) for x, y in (start, end)]
        cv2.line(self.drawn, ends[0], ends[1], self.strength, width_px or self.width_px, cv2.LINE_AA)


def ruled(page: Page, box: Box, draw: Generator) -> Field:
    """The shares that lines cover of each pixel: of a cell, of ruled or squared paper, or of a frame, bar or ring at the digit."""
    pencil = Pencil(page, draw)
    RULES[draw.integers(len(RULES))](pencil, page, box, draw)
    return pencil.drawn


def _cell(pencil: Pencil, page: Page, _: Box, draw: Generator) -> None:
    height, width = page.height, page.width
    for side in range(4):
        if draw.random() < 0.3:
            continue
        off = abs(draw.normal(0, 0.07)) * (height if side < 2 else width)
        if side < 2:
            pencil.across(off if side else height - 1 - off, 0, width)
        else:
            pencil.down(off if side == 2 else width - 1 - off, 0, height)


def _ruled_paper(pencil: Pencil, page: Page, _: Box, draw: Generator) -> None:
    step = page.height * draw.uniform(0.15, 0.9)
    for y in np.arange(draw.uniform(0, step), page.height, step):
        pencil.across(y, 0, page.width)


def _squared_paper(pencil: Pencil, page: Page, _: Box, draw: Generator) -> None:
    step, width_px = max(page.height, page.width) * draw.uniform(0.08, 0.5), max(1, pencil.width_px // 2)
    for y in np.arange(draw.uniform(0, step), page.height, step):
        pencil.across(y, 0, page.width, width_px=width_px)
    for x in np.arange(draw.uniform(0, step), page.width, step):
        pencil.down(x, 0, page.height, width_px=width_px)


def _frame(pencil: Pencil, _: Page, box: Box, draw: Generator) -> None:
    above, before, below, after = box.longer * draw.uniform(0.06, 0.5, size=4)
    top, left, bottom, right = box.top - above, box.left - before, box.bottom + below, box.right + after
    for y in (top, bottom):
        if draw.random() < 0.85:
            pencil.across(y, left, right)
    for x in (left, right):
        if draw.random() < 0.85:
            pencil.down(x, top, bottom)


def _bar(pencil: Pencil, _: Page, box: Box, draw: Generator) -> None:
    below = draw.random() < 0.7
    y = box.bottom + box.longer * draw.uniform(0.03, 0.3) if below else box.top - box.longer * draw.uniform(0.05, 0.3)
    before, after = box.longer * draw.uniform(0, 2, size=2)
    pencil.across(y, box.left - before, box.right + after)


def _ring(pencil: Pencil, _: Page, box: Box, draw: Generator) -> None:
    middle, axes = _ellipse(box, (0.62, 1.0), draw)
    cv2.ellipse(pencil.drawn, middle, axes, 0, 0, 360, pencil.strength, pencil.width_px, cv2.LINE_AA)


RULES = (_cell, _ruled_paper, _squared_paper, _frame, _bar, _ring)


def patch(page: Page, box: Box, draw: Generator) -> Field:
    """The shares of a filled disc, rectangle or slanted label around the digit."""
    share, kind = np.zeros((page.height, page.width), dtype=np.float32), draw.integers(3)
    if kind == 0:
        middle, axes = _ellipse(box, (0.62, 1.1), draw)
        cv2.ellipse(share, middle, axes, 0, 0, 360, 1.0, -1, cv2.LINE_AA)
    elif kind == 1:
        above, before, below, after = np.round(box.longer * draw.uniform(0.08, 0.6, size=4)).astype(int).tolist()
        cv2.rectangle(share, (box.left - before, box.top - above), (box.right + after, box.bottom + below), 1.0, -1)
    else:
        centre = (box.left + box.right) / 2, (box.top + box.bottom) / 2
        size = np.array([box.right - box.left, box.bottom - box.top]) + box.longer * draw.uniform(0.2, 1, size=2)
        corners = cv2.boxPoints((centre, tuple(size), draw.normal(0, 10)))
        cv2.fillPoly(share, [np.round(corners).astype(np.int32)], 1.0, cv2.LINE_AA)
    return share


def _ellipse(box: Box, reach: tuple[float, float], draw: Generator) -> tuple[tuple[int, int], tuple[int, int]]:
    """The middle and the two half axes of an ellipse around a box, its half axes `reach` times the box's longer side."""
    middle = round((box.left + box.right) / 2), round((box.top + box.bottom) / 2)
    across, down = (max(1, round(box.longer * draw.uniform(*reach))) for _ in range(2))
    return middle, (across, down)


def put_neighbours(page: Page, box: Box, level: float, sign: Draw, chance: float, draw: Generator) -> None:
    """Let parts of other signs reach in from the page's sides; left and right twice as often as above and below."""
    for side, share in (("left", 1.0), ("right", 1.0), ("top", 0.5), ("bottom", 0.5)):
        if draw.random() > chance * share:
            continue
        part = sized(sign(draw), box.longer * draw.uniform(0.7, 1.2), draw)
        tall, wide = part.shape
        seen, aside = draw.uniform(0.04, 0.5), draw.normal(0, 1)
        touch = TOUCH * box.longer
        if side in ("left", "right"):
            top = round(box.top + 0.15 * aside * box.longer)
            reach = min(round(seen * wide), round(box.left + touch if side == "left" else page.width - box.right + touch))
            left, share_seen = (reach - wide if side == "left" else page.width - reach), reach / wide
        else:
            left = round(box.left + 0.3 * aside * box.longer)
            reach = min(round(seen * tall), box.top if side == "top" else page.height - box.bottom)
            top, share_seen = (reach - tall if side == "top" else page.height - reach), reach / tall
        if 0 < share_seen < CUT:
            page.put(part, top, left, level if draw.random() < 0.7 else other_level(page.ground, 0.05, draw))


def put_captions(page: Page, box: Box, sign: Draw, draw: Generator) -> None:
    """Put signs much smaller than the digit beside its box: a scale's marks, a unit, a page number."""
    level, size = other_level(page.paper, 0.05, draw), box.longer * draw.uniform(0.06, 0.2)
    for _ in range(draw.integers(1, 9)):
        caption, side = sized(sign(draw), max(3, size), draw), draw.integers(4)
        tall, wide = caption.shape
        x, y = draw.uniform(0, page.width), draw.uniform(0, page.height)
        if side < 2:
            y = box.top - 1.3 * size - tall if side else box.bottom + 0.4 * size
        else:
            x = box.left - 1.3 * size - wide if side == 2 else box.right + 0.4 * size
        page.put(caption, round(y), round(x), level)


def struck(page: Page, draw: Generator) -> Field:
    """The shares of a line across the page, straight or with corners, as pens strike out and paper folds."""
    count, angle = int(draw.integers(2, 12)), draw.uniform(0, np.pi)
    along = 1.5 * (np.linspace(-0.05, 1.05, count) - 0.5)
    aside = draw.normal(0, draw.uniform(0, 0.12), count) + draw.normal(0, 0.15)
    x, y = along * np.cos(angle) - aside * np.sin(angle) + 0.5, along * np.sin(angle) + aside * np.cos(angle) + 0.5
    points = np.round(np.stack([x * page.width, y * page.height], axis=1)).astype(np.int32)
    share, width_px = np.zeros((page.height, page.width), dtype=np.float32), max(page.height, page.width) * draw.uniform(0.01, 0.05)
    cv2.polylines(share, [points], False, float(draw.uniform(0.3, 1)), int(max(1, round(width_px))), cv2.LINE_AA)
    return share
