"""Single digits and short numbers that stand alone: in a cell of a register, or one digit under the other on a door or a post."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.lines import in_print, numbers
from training.lines.handwriting import Writing
from training.lines.strip import Strip
from training.pages.leaf import LEAF_PX, Leaf, ink_on
from training.pages.page_layouts import Typist
from training.pages.page_text import word
from training.scenes.sheet import log_uniform

ALONE_PX, STACKED_PX = (11.0, 56.0), (10.0, 50.0)  # the height of digits, from and to
DIGITS = (1, 1, 1, 2, 2, 2, 3)  # how many a lone number has, each as likely
BY_HAND, CELLS, PRINTED, UNDERLINED, ENDED = 0.7, 0.6, 0.3, 0.45, 0.35  # the shares of lone numbers with what the names say
CELL, BESIDE = (0.5, 3.0), (2.0, 9.0)  # from the number to the cell's nearer and farther sides, in heights of its digits, from and to
TALL, BANDED = 0.7, 0.5  # the share of cells that are higher than wide, and of sides behind which all is dark, or bright
ENDINGS = (".", ".", ".", "a", "b", ")", ",", "-")
MOST_RULES = 5
TILED, TILE = 0.4, 0.62  # the share of stacks in which each digit has a tile of its own, and half a tile's side in heights of the digit


def lone(leaf: Leaf, draw: Generator, writing: Writing) -> None:
    """One short number on paper that is empty but for its cell, rules, a stroke under the number and small print at the foot."""
    middle, tall = LEAF_PX * draw.uniform(0.35, 0.65, size=2), log_uniform(*ALONE_PX, draw)
    written = numbers.digits(int(draw.choice(DIGITS)), draw)
    written += ENDINGS[draw.integers(len(ENDINGS))] if draw.random() < ENDED else ""
    strip = writing.free_row(written, draw) if draw.random() < BY_HAND else _printed(written, draw)
    if strip is None:
        return
    half = np.array([strip.span.width * tall / strip.span.height / 2, tall / 2])
    _put_rules(leaf, middle, tall, draw)
    if draw.random() < CELLS:
        _put_cell(leaf, middle, half, draw)
    leaf.ink = ink_on(_ground_at(leaf, middle), draw)
    (left, base), right = middle + half * (-1, 1), float(middle[0] + half[0])
    leaf.put(strip, left, base, tall, is_number=True)
    if draw.random() < UNDERLINED:
        low = base + tall * draw.uniform(0.15, 0.6)
        begin, end = left - tall * draw.uniform(-0.1, 0.4), right + tall * draw.uniform(-0.1, 0.6)
        leaf.rule((begin, low), (end, low + tall * draw.normal(0, 0.08)), max(1, round(tall * draw.uniform(0.04, 0.12))), leaf.ink)
    if draw.random() < PRINTED:
        foot = base + tall * draw.uniform(2, 6)
        Typist(leaf, draw, digit_px=tall * draw.uniform(0.3, 0.6)).line(" ".join(word(draw) for _ in range(4)), left - 2 * tall, foot)


def stacked(leaf: Leaf, draw: Generator) -> None:
    """Digits of one font upright, one under the other: each is a number of its own, since no line runs through them."""
    count, tall, font = int(draw.integers(2, 6)), log_uniform(*STACKED_PX, draw), in_print.any_font(draw)
    pitch = tall * draw.uniform(1.12, 2.1)
    x, top = LEAF_PX * draw.uniform(0.3, 0.7), LEAF_PX / 2 - pitch * count * draw.uniform(0.3, 0.7)
    is_tiled, level, tile = draw.random() < TILED, leaf.ink, float(draw.uniform(0, 1))
    for i, digit in enumerate(numbers.digits(count, draw)):
        strip = in_print.typeset(digit, font, draw)
        if strip.picture.shape[1] == 0 or strip.span.width <= 0:
            return
        base, half = top + pitch * i + tall, strip.span.width * tall / strip.span.height / 2
        if is_tiled:
            _put_tile(leaf, (x, base - tall / 2), tall, tile)
        under = leaf.grey[max(0, round(base - tall)) : max(1, round(base)), round(max(0, x - half)) : round(x + half) + 1]
        if i == 0 and under.size:
            level = ink_on(float(under.mean()), draw)
        leaf.put(strip, x - half + tall * draw.normal(0, 0.02), base, tall, is_number=True, level=level)


def _printed(written: str, draw: Generator) -> Strip | None:
    strip = in_print.typeset(written, in_print.any_font(draw), draw)
    return strip if strip.picture.shape[1] > 0 and strip.span.width > 0 else None


def _put_cell(leaf: Leaf, middle: NDArray[np.float64], half: NDArray[np.float64], draw: Generator) -> None:
    """The sides of a cell around a number: rules, or edges behind which a scanner, a binding or another sheet is seen."""
    ground, tall, is_tall = _ground_at(leaf, middle), 2 * half[1], draw.random() < TALL
    for turn in range(4):  # each time the side that is left once the page is turned by so many quarters
        grey, is_across = np.rot90(leaf.grey, turn), turn % 2 == 0
        away = half[0 if is_across else 1] + tall * draw.uniform(*(CELL if is_across == is_tall else BESIDE))
        place = middle[0 if is_across else 1]
        edge = (place if turn in {0, 1} else LEAF_PX - place) - away + draw.normal(0, 0.6, size=(LEAF_PX, 1))
        if draw.random() < BANDED:
            level, soft = float(draw.uniform(0, 0.2) if draw.random() < 0.8 else draw.random()), log_uniform(0.5, 6, draw)
            share = 1 / (1 + np.exp(np.clip((np.arange(LEAF_PX) - edge) / soft, -30, 30)))
        else:
            level, share = ink_on(ground, draw), np.abs(np.arange(LEAF_PX) - edge.mean()) < max(0.6, tall * draw.uniform(0.01, 0.05))
        grey += np.asarray((level - grey) * share, dtype=np.float32)


def _put_rules(leaf: Leaf, middle: NDArray[np.float64], tall: float, draw: Generator) -> None:
    """Straight lines of a form along or across the page, all of them clear of the number."""
    ground = _ground_at(leaf, middle)
    for _ in range(int(draw.integers(0, MOST_RULES))):
        is_level, away = draw.random() < 0.5, tall * draw.uniform(1.3, 6) * draw.choice([-1, 1])
        at, tilt = middle[int(is_level)] + away, draw.normal(0, 0.01) * LEAF_PX
        start, end = np.sort(draw.uniform(-0.3, 1.3, size=2)) * LEAF_PX if draw.random() < 0.4 else (0.0, float(LEAF_PX))
        begin, stop = ((start, at), (end, at + tilt)) if is_level else ((at, start), (at + tilt, end))
        leaf.rule(begin, stop, max(1, round(tall * draw.uniform(0.02, 0.1))), ink_on(ground, draw))


def _ground_at(leaf: Leaf, place: NDArray[np.float64]) -> float:
    """The grey level of the paper at a place, x and y."""
    x, y = np.round(place).astype(int)
    return float(leaf.grey[y, x])


def _put_tile(leaf: Leaf, middle: tuple[float, float], tall: float, level: float) -> None:
    """A square of one grey around a digit, as close to the next as its digit is."""
    left, top, right, low = (round(at + sign * TILE * tall) for sign in (-1, 1) for at in middle)
    leaf.grey[max(0, top) : max(0, low), max(0, left) : max(0, right)] = level
