"""Scenes: looks at drawn pictures with one digit, several or none, of which it is known to the pixel which ink is the digit's."""

from enum import IntEnum
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator

from digitkit.pictures.look import Ink, Look, look_at
from training.data.mnist import Split
from training.glyphs.glyphs import Glyph, digit_glyph
from training.glyphs.hands_of_mnist import MnistStyles
from training.glyphs.pens import PenHand
from training.glyphs.signs import other_glyph
from training.scenes.clutter import Box, patch, put_captions, put_neighbours, ruled, struck
from training.scenes.cut_out import cut_out
from training.scenes.exposure import SHRUNK, exposed, shrunk
from training.scenes.nothing import nothing
from training.scenes.sheet import Field, Page, log_uniform, other_level, scaled, sized, turned

LONGER_PX = (40.0, 150.0)  # a page's longer side, from and to
ONE = 1
LEAST_INK = 0.08  # least difference of the digit's level from the ground
ONES, ROWS = 0.52, 0.16  # the shares of pages with one digit and with several
PRINT = 0.12  # the share of pages with a photo or a pattern behind the digit
BEYOND_DOUBT = 0.35  # least difference of ink from its ground, in standard deviations of the ground: less can't be seen
TIGHT, CUT_OUT = 0.2, 0.2  # the shares of pages with one digit that are cropped to it, and cut out of a row by its box
MORE_ONES = 0.15  # the share of digits alone on a page that are ones beside the usual tenth: they are what most looks like a line
BY_PEN = 0.6  # the share of those rows whose digits are drawn; the others are MNIST's
SHRUNK_TIGHT = 0.5  # the share of tight crops that are of few pixels: whole sets of scans are
SQUARED, PADDED = 0.25, 0.4  # the shares of tight crops that are stretched to a square, and that get room at their sides up to one
EMPTY_FROM = 0.76  # of pictures without a digit, the share that are not empty cells
FULL = 0.8  # the quantile of a digit's ink that counts as full: what is thinner than a look's pixel is ink all the same


class Content(IntEnum):
    """What there is to be read in a look."""

    NONE = 0
    ONE = 1
    SEVERAL = 2


class DrawnScene(NamedTuple):
    """A look and the truth about it.

    Attributes:
        ink: of whole digits, not of neighbours that the sides cut.
        digit: 0 to 9, -1 where there is not just one.
    """

    look: Look
    ink: Ink
    kind: Content
    digit: int


class Composer:
    """Draws scenes one after the other, all from one seed."""

    def __init__(self, train: Split, seed: int | tuple[int, ...]) -> None:
        self.train, self.draw, self.styles = train, np.random.default_rng(seed), MnistStyles(train)

    def scene(self) -> DrawnScene:
        while True:
            way = self.draw.random()
            if way < ONES:
                scene = self._one()
            elif way < ONES + ROWS:
                scene = self._several()
            else:
                scene = self._none()
            if scene is not None:
                return scene

    def _one(self) -> DrawnScene | None:
        """A page with one digit; None where nobody could see it."""
        return self._cut_out() if self.draw.random() < CUT_OUT else self._alone()

    def _alone(self) -> DrawnScene | None:
        """A digit on a page of its own, into which parts of other signs may reach."""
        draw, more_ones = self.draw, self.draw.random() < MORE_ONES
        sign, digit = self._glyph()
        while digit != ONE and more_ones:
            sign, digit = self._glyph()
        if draw.random() < 0.5:
            sign = turned(sign, draw.normal(0, 8))
        way = draw.random()
        if way < TIGHT:
            page, strokes, box = self._tight(sign)
        else:
            share = draw.uniform(0.4, 0.95) if way < 0.75 else log_uniform(0.09, 0.42, draw)
            page, strokes, box = self._placed(sign, share)
        least = self._print_behind(page)
        if draw.random() < 0.14:
            level = other_level(page.ground, 0.1, draw)
            page.cover(patch(page, box, draw), level)
            page.ground = level
        level = other_level(page.ground, least, draw)
        put_neighbours(page, box, level, self._sign, 0.35, draw)
        self._write(page, strokes, box, level)
        return self._seen(page, digit, SHRUNK_TIGHT if way < TIGHT else SHRUNK)

    def _cut_out(self) -> DrawnScene | None:
        """A digit cut out of a row of one hand."""
        draw, pen = self.draw, PenHand(self.draw)
        cut = cut_out(pen if draw.random() < BY_PEN else self.styles.writer(draw), pen.mark(".", draw), draw)
        if cut is None:
            return None
        scale = log_uniform(*LONGER_PX, draw) / max(cut.strokes.shape)
        height, width = (max(6, round(scale * side)) for side in cut.strokes.shape)
        page = Page(height, width, draw.uniform(0, 1))
        level = other_level(page.ground, self._print_behind(page), draw)
        page.put(scaled(cut.others, height, width), 0, 0, level)
        strokes = scaled(cut.strokes, height, width)
        left, top, across, down = cv2.boundingRect(as_ink(strokes))
        box = Box(top, left, top + down, left + across)
        self._write(page, strokes[box.top : box.bottom, box.left : box.right], box, level)
        return self._seen(page, cut.digit, SHRUNK_TIGHT)

    def _seen(self, page: Page, digit: int, small: float) -> DrawnScene | None:
        """A page with one digit as a camera or a scanner sees it.

        Args:
            small: the chance that it is of few pixels.
        """
        look = look_at(shrunk(exposed(page.grey, self.draw), self.draw, share=small))
        ink = full_ink(look_at(as_ink(page.truth), ground=0))
        return DrawnScene(look, ink, Content.ONE, digit) if is_seen(look, ink) else None

    def _write(self, page: Page, strokes: Field, box: Box, level: float) -> None:
        """The digit, with lines under or over it and small captions beside it."""
        draw = self.draw
        lines = ruled(page, box, draw) if draw.random() < 0.42 else None
        over, line_level = draw.random() < 0.25, level if draw.random() < 0.5 else other_level(page.ground, 0.05, draw)
        if lines is not None and not over:
            page.cover(lines, line_level)
        if draw.random() < 0.06:
            put_captions(page, box, self._sign, draw)
        page.put(strokes, box.top, box.left, level, is_digit=True)
        if draw.random() < 0.05:
            page.cover(struck(page, draw), level)
        if lines is not None and over:
            page.cover(lines * np.float32(draw.uniform(0.2, 0.8)), line_level)

    def _tight(self, sign: Ink) -> tuple[Page, Field, Box]:
        """A page that was cropped to its digit, with a margin of up to 15 %; sets of digits often stretch or pad theirs to a square."""
        draw, longer = self.draw, log_uniform(*LONGER_PX, self.draw)
        strokes = sized(sign, longer, draw, stretch=0.0)
        way = draw.random()
        if way < SQUARED:
            strokes = scaled(sign, round(longer), round(longer))
        margin = draw.choice([0, 0, 0.03, 0.05, 0.1]) if draw.random() < 0.8 else draw.uniform(0, 0.15)
        top, left = (round(margin * side) for side in strokes.shape)
        if SQUARED <= way < SQUARED + PADDED:
            left += max(0, strokes.shape[0] - strokes.shape[1]) // 2
        page = Page(strokes.shape[0] + 2 * top, strokes.shape[1] + 2 * left, draw.uniform(0, 1))
        return page, strokes, Box(top, left, top + strokes.shape[0], left + strokes.shape[1])

    def _placed(self, sign: Ink, share: float) -> tuple[Page, Field, Box]:
        """A page, from square to strip, on which the digit takes a share of the room that there is for it."""
        draw, (page, ratio) = self.draw, self._page()
        room = min(page.height / sign.shape[0], page.width / sign.shape[1])
        strokes = sized(sign, max(3, max(sign.shape) * room * share), draw)
        strokes = strokes[: page.height, : page.width]
        spread = 0.35 if ratio > 2.5 else 0.12 if share > 0.4 else 0.3
        free = page.height - strokes.shape[0], page.width - strokes.shape[1]
        top, left = (int(np.clip(round(side * draw.normal(0.5, spread)), 0, side)) for side in free)
        return page, strokes, Box(top, left, top + strokes.shape[0], left + strokes.shape[1])

    def _page(self, *, is_row: bool = False) -> tuple[Page, float]:
        """An empty page, and how many times its shorter side the longer one is."""
        draw, longer = self.draw, log_uniform(*LONGER_PX, self.draw)
        way = draw.random()
        ratio = 1 + abs(draw.normal(0, 0.25)) if way < 0.75 else log_uniform(1.2, 3, draw) if way < 0.92 else log_uniform(3, 12, draw)
        if is_row:
            ratio = log_uniform(1, 10, draw)
        height, width = max(6, round(longer / ratio)), round(longer)
        if draw.random() < 0.4 and not is_row:
            height, width = width, height
        return Page(height, width, draw.uniform(0, 1)), ratio

    def _print_behind(self, page: Page) -> float:
        """Perhaps a photo or a pattern on the paper; the least difference that the digit's level then has from it."""
        draw = self.draw
        if draw.random() > PRINT:
            return LEAST_INK
        depth = draw.uniform(0.02, 0.25)
        behind = cv2.resize(nothing(draw), (page.width, page.height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        page.grey += (behind - behind.mean()) * np.float32(depth)
        return max(LEAST_INK, 1.2 * depth)

    def _several(self) -> DrawnScene | None:
        """A page with two to nine digits: in a row at any distance, or strewn as a solver of puzzles notes candidates."""
        draw, strewn = self.draw, self.draw.random() < 0.3
        page, _ = self._page(is_row=not strewn and draw.random() < 0.8)
        level, whole = other_level(page.ground, self._print_behind(page), draw), whole_page(page, 0.2)
        if draw.random() < 0.4:
            page.cover(ruled(page, whole, draw), level)
        if strewn:
            self._strew(page, level)
        else:
            self._row(page, level)
        look, ink = look_at(shrunk(exposed(page.grey, draw), draw)), look_at(as_ink(page.truth), ground=0)
        return DrawnScene(look, ink, Content.SEVERAL, -1) if is_seen(look, ink) else None

    def _strew(self, page: Page, level: float) -> None:
        cell = min(page.height, page.width) / 3
        for place in self.draw.choice(9, size=self.draw.integers(2, 8), replace=False):
            strokes = sized(self._glyph()[0], cell * self.draw.uniform(0.55, 1), self.draw)
            free = max(0, page.height / 3 - strokes.shape[0]), max(0, page.width / 3 - strokes.shape[1])
            top, left = (
                page.height / 3 * (place // 3) + free[0] * self.draw.random(),
                page.width / 3 * (place % 3) + free[1] * self.draw.random(),
            )
            page.put(strokes, int(top), int(left), level, is_digit=True)

    def _row(self, page: Page, level: float) -> None:
        """Digits of about one height in a row, from touching to a height apart."""
        draw = self.draw
        signs = [self._glyph()[0] for _ in range(draw.integers(2, 10 if page.width > 1.3 * page.height else 5))]
        gap = draw.choice([0, 0.15, 0.3, 0.6, 1.0]) * draw.uniform(0.7, 1.2) - 0.05
        widths = [sign.shape[1] / sign.shape[0] for sign in signs]  # in heights, as the gap is
        height = min(page.width / (sum(widths) + gap * (len(signs) - 1)), page.height) * draw.uniform(0.55, 0.98)
        left = draw.uniform(0, max(1e-3, page.width - height * (sum(widths) + gap * (len(signs) - 1))))
        top = draw.uniform(0, max(1e-3, page.height - height))
        for sign, width in zip(signs, widths, strict=True):
            own = height * draw.uniform(0.85, 1)
            strokes = scaled(sign, max(2, round(own)), max(2, round(own * width)))
            page.put(strokes, int(top + draw.normal(0, 0.04) * height), int(left), level, is_digit=True)
            left += (width + gap) * height

    def _none(self) -> DrawnScene:
        """A picture without a digit: a photo, a pattern, other signs, a drum between two digits, an empty cell."""
        draw, way = self.draw, self.draw.random()
        if way < 0.42:
            return DrawnScene(look_at(nothing(draw)), no_ink(), Content.NONE, -1)
        page, _ = self._page()
        level = other_level(page.ground, 0.05, draw)
        if way < 0.7:
            for _ in range(1 if draw.random() < 0.7 else draw.integers(2, 6)):
                sign = other_glyph(draw)
                strokes = sized(
                    turned(sign, draw.normal(0, 10)) if draw.random() < 0.5 else sign, min(page.grey.shape) * draw.uniform(0.3, 1), draw
                )
                top, left = (int(draw.integers(0, max(1, free + 1))) for free in np.subtract(page.grey.shape, strokes.shape))
                page.put(strokes, top, left, level)
        elif way < EMPTY_FROM:
            self._half_turned(page, level)
        elif draw.random() < 0.6:
            put_neighbours(page, whole_page(page, 0.15), level, self._sign, 1.0, draw)
        if draw.random() < (0.85 if way >= EMPTY_FROM else 0.5):
            page.cover(ruled(page, whole_page(page, 0.2), draw), level)
        return DrawnScene(look_at(shrunk(exposed(page.grey, draw), draw)), no_ink(), Content.NONE, -1)

    def _half_turned(self, page: Page, level: float) -> None:
        """A meter's drum between two digits: the lower half of one above the upper half of the next."""
        draw = self.draw
        upper, lower = (sized(self._glyph()[0], page.height * draw.uniform(0.6, 0.95), draw) for _ in range(2))
        middle, gap = page.height * draw.uniform(0.4, 0.6), page.height * draw.uniform(0.01, 0.1)
        page.put(upper, int(middle - gap) - upper.shape[0], (page.width - upper.shape[1]) // 2, level)
        page.put(lower, int(middle + gap), (page.width - lower.shape[1]) // 2, level)

    def _glyph(self) -> Glyph:
        return digit_glyph(self.train, self.draw)

    def _sign(self, draw: Generator) -> Ink:
        """A neighbour: three of four are digits."""
        return digit_glyph(self.train, draw)[0] if draw.random() < 0.75 else other_glyph(draw)


def whole_page(page: Page, margin: float) -> Box:
    """The page without a margin, as a share of its sides: where a digit would be."""
    height, width = page.height, page.width
    return Box(int(margin * height), int(margin * width), int((1 - margin) * height), int((1 - margin) * width))


def as_ink(share: Field) -> Ink:
    return (255 * share).astype(np.uint8)


def no_ink() -> Ink:
    return look_at(np.zeros((1, 1), dtype=np.uint8))


def full_ink(ink: Ink) -> Ink:
    """The ink with FULL of the digit's pixels below 255 at most, so that a stroke thinner than a pixel of the look counts whole."""
    inked = np.sort(ink[ink > 12])
    full = max(24, int(inked[int(FULL * len(inked))])) if len(inked) else 255
    return np.asarray(cv2.convertScaleAbs(ink, alpha=255 / full), dtype=np.uint8)


def is_seen(look: Look, ink: Ink) -> bool:
    """Whether the ink differs from what is right around it."""
    level = 100 if ink.max() >= 100 else int(ink.max()) // 2
    on, off = look[ink > level], look[(cv2.dilate(ink, np.ones((7, 7), dtype=np.uint8)) > 0) & (ink < 20)]
    if not on.size or not off.size:
        return False
    return abs(float(on.mean()) - float(off.mean())) >= max(3.0, BEYOND_DOUBT * float(off.std()))
