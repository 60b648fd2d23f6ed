"""How pages are laid out: running text, tables, forms, receipts, and numbers of all kinds strewn about."""

from pathlib import Path

import numpy as np
from numpy.random import Generator

from training.lines import displays, drums, in_print, numbers, plates
from training.lines.handwriting import Writing
from training.lines.pose import STRETCH, STRETCHES
from training.lines.strip import Strip, stretched
from training.pages.leaf import LEAF_PX, Leaf
from training.pages.page_text import label, pieces, word, words
from training.scenes.sheet import log_uniform

PRINT_PX, STREWN_PX = (6.5, 26.0), (7.0, 84.0)  # the height of digits in print and where they are strewn about, from and to
DENSE = 0.3  # the most share of numbers in running text
HAND_FILLED = 0.3  # the share of forms and tables whose numbers are written by hand
MOST_STREWN, TRIES = 9, 3
STREWN_TILT, STEEP = 3.0, 0.12  # standard deviation of a strewn number's own tilt in degrees, and the share of those at any angle


class Typist:
    """Writes lines on a leaf in one font, at one size."""

    def __init__(self, leaf: Leaf, draw: Generator, *, digit_px: float | None = None) -> None:
        self.leaf, self.draw = leaf, draw
        self.font: Path = in_print.any_font(draw)
        self.digit_px = digit_px or log_uniform(*PRINT_PX, draw)
        self.wide = float(np.clip(np.exp(draw.normal(0, STRETCH)), *STRETCHES))
        self.spacing = draw.uniform(0.05, 0.3) if draw.random() < 0.08 else 0.0
        self.space_px = self.digit_px * draw.uniform(0.32, 0.6)

    def line(self, text: str, left: float, base: float, *, ends_at: float = LEAF_PX, level: float | None = None) -> float:
        """Write a line from a column on, until the next piece would end beyond `ends_at`; where it ended."""
        at = left
        for piece in pieces(text):
            lead = len(piece.text) - len(piece.text.lstrip())
            if not (bare := piece.text.strip()) or (strip := self.strip(bare)) is None:
                continue
            start = at + lead * self.space_px
            if start + self.width_of(strip) > ends_at:
                break
            end = self.leaf.put(strip, start, base, self.digit_px, is_number=piece.is_number, level=level)
            at = end + self.space_px * (len(piece.text) - lead - len(bare))
        return at

    def flush_right(self, text: str, left: float, right: float, base: float) -> None:
        """Write a number that ends at a column, where there is room for it."""
        if (strip := self.strip(text)) is not None and self.width_of(strip) < right - left:
            self.leaf.put(strip, right - self.width_of(strip), base, self.digit_px, is_number=True)

    def strip(self, text: str) -> Strip | None:
        """A text in this font, None where the font has none of its signs."""
        strip = stretched(in_print.typeset(text, self.font, self.draw, spacing=self.spacing), self.wide)
        return strip if strip.picture.shape[1] > 0 and strip.span.width > 0 else None

    def width_of(self, strip: Strip) -> float:
        return strip.span.width * self.digit_px / strip.span.height


def running_text(leaf: Leaf, draw: Generator) -> None:
    """Lines of words with some numbers among them, in one or two columns; as often without any number."""
    share = draw.uniform(0, DENSE) if draw.random() < 0.75 else 0.0
    typist = Typist(leaf, draw)
    pitch, columns = typist.digit_px * draw.uniform(1.5, 2.6), int(draw.integers(1, 3))
    for column in range(columns):
        left, right = (LEAF_PX * (column + side) / columns for side in (0.0, 0.94))
        for base in np.arange(draw.uniform(0, 2) * pitch, LEAF_PX, pitch):
            if draw.random() < 0.9:
                count = 2 + int((right - left) / typist.digit_px / 4)
                typist.line(words(count, share, draw), left, base, ends_at=right)


def table(leaf: Leaf, draw: Generator) -> None:
    """Rows of an item and numbers in columns, ruled or not."""
    typist = Typist(leaf, draw)
    size, is_ruled = typist.digit_px, draw.random() < 0.5
    pitch, edges = size * draw.uniform(1.5, 3.2), [draw.uniform(-0.1, 0.3) * LEAF_PX]
    while edges[-1] < LEAF_PX:
        edges.append(edges[-1] + size * draw.uniform(3, 14))
    kinds = [draw.choice(4, p=[0.2, 0.5, 0.2, 0.1]) for _ in edges]
    writer = (numbers.price, numbers.whole, numbers.amount, numbers.date)
    rule_px, faint = max(1, round(size * draw.uniform(0.03, 0.1))), (leaf.ink + float(leaf.grey.mean())) / 2
    rule = leaf.ink if draw.random() < 0.5 else faint
    for base in np.arange(draw.uniform(0, 2) * pitch, LEAF_PX + pitch, pitch):
        if is_ruled:
            y = base + draw.normal(0.35, 0.02) * (pitch - size)
            leaf.rule((edges[0], y), (edges[-1], y), rule_px, rule)
        for left, right, kind in zip(edges, edges[1:], kinds, strict=False):
            if kind == 0 or draw.random() < 0.08:
                typist.line(word(draw), left, base, ends_at=right)
            elif draw.random() < 0.85:
                typist.flush_right(writer[draw.integers(4)](draw)[:12].strip(), left, right - 0.5 * size, base)
    if is_ruled and draw.random() < 0.6:
        for x in edges:
            leaf.rule((x, 0), (x, LEAF_PX), rule_px, rule)


def form(leaf: Leaf, draw: Generator, writing: Writing) -> None:
    """Labels, each with a number beside or under it, printed or by hand, on a line, in a box or free."""
    typist, by_hand = Typist(leaf, draw), draw.random() < HAND_FILLED
    filled = Typist(leaf, draw, digit_px=typist.digit_px * draw.uniform(0.9, 1.3)) if draw.random() < 0.4 else typist
    hand_px = max(8.0, typist.digit_px * draw.uniform(1.1, 2.2))
    pitch = max(typist.digit_px, hand_px if by_hand else 0) * draw.uniform(1.7, 3.2)
    tab = draw.uniform(0.2, 0.5) * LEAF_PX
    for base in np.arange(draw.uniform(0, 2) * pitch, LEAF_PX + pitch, pitch):
        at = typist.line(label(draw), draw.normal(8, 2), base, ends_at=0.9 * LEAF_PX) if draw.random() < 0.85 else 0.0
        at = max(tab, at + typist.digit_px) if draw.random() < 0.7 else at + typist.digit_px * draw.uniform(0.6, 3)
        way = draw.random()
        if way < 0.12:
            typist.line(label(draw), at, base)
        elif way < 0.92 and by_hand:
            leaf.put(writing.row(draw), at, base + 0.1 * draw.normal() * hand_px, hand_px, is_number=True)
        elif way < 0.92:
            filled.line(numbers.in_print(draw), at, base)
        if draw.random() < 0.3:
            y = base + 0.25 * typist.digit_px
            leaf.rule((at, y), (LEAF_PX * draw.uniform(0.6, 1), y), max(1, round(0.06 * typist.digit_px)), leaf.ink)


def strewn(leaf: Leaf, draw: Generator, writing: Writing) -> None:
    """Numbers by hand, in print, on displays, drums and plates, each at a size and an angle of its own, with words between them."""
    for _ in range(int(draw.integers(1, MOST_STREWN))):
        strip, digit_px = _any_strip(draw, writing), log_uniform(*STREWN_PX, draw)
        degrees = draw.uniform(-45, 45) if draw.random() < STEEP else draw.normal(0, STREWN_TILT)
        for _ in range(TRIES):
            if leaf.place(strip, digit_px, degrees):
                break
            digit_px = max(STREWN_PX[0], 0.7 * digit_px)


def wordy(leaf: Leaf, draw: Generator) -> None:
    """Words of any script at any size, and no number."""
    base = 0.0
    while base < LEAF_PX:
        digit_px = log_uniform(*STREWN_PX, draw)
        base += digit_px * draw.uniform(1.5, 3)
        at = draw.uniform(-0.2, 0.4) * LEAF_PX
        while at < LEAF_PX:
            strip = in_print.letters_only(draw)
            at = leaf.put(strip, at, base, digit_px, is_number=False) + digit_px * draw.uniform(0.5, 6)
            if draw.random() < 0.3:
                break


def _any_strip(draw: Generator, writing: Writing) -> Strip:
    way = draw.random()
    if way < 0.36:
        return writing.row(draw)
    if way < 0.52:
        return in_print.typeset(numbers.in_print(draw), in_print.any_font(draw), draw)
    if way < 0.62:
        return in_print.row(draw)
    if way < 0.82:
        return displays.display(draw)
    return drums.counter(draw) if way < 0.92 else plates.plate(draw)
