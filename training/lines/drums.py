"""Rows on drums: counters of meters and vehicles, a digit on each drum, some of them on the way to the next."""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator

from training.glyphs.faces import letter
from training.lines import numbers
from training.lines.in_print import any_font, typeset
from training.lines.strip import Span, Strip, as_grey, as_share, paint, scaled_share
from training.scenes.sheet import Field, cloudy

TILE_PX = 64  # the height of a drum's window
TURNING = 0.55  # the share of counters whose last drum stands between two digits
SEEN = (0.56, 0.95)  # how much of its digit such a drum shows, from and to: a drum that shows half of two is nobody's digit
LAST_INVERTED, WHITE_ON_BLACK, IN_DIAL = 0.5, 0.6, 0.5  # the shares of counters
DIAL_PX = round(1.2 * TILE_PX)  # how much of a dial is drawn around a counter


class DrumBuild(NamedTuple):
    """How a counter's drums are built.

    Attributes:
        font: of the digits.
        size: the digits' height, as a share of TILE_PX.
        width: of a drum, in pixels.
        gap: between two drums, in pixels.
        narrow: the digits' width, as a share of the font's.
        ground, ink, between: grey levels of drum, digit and gap, 0 to 1.
    """

    font: Path
    size: float
    width: int
    gap: int
    narrow: float
    ground: float
    ink: float
    between: float


def drum_build(draw: Generator) -> DrumBuild:
    """A counter of a random build."""
    size, is_white = draw.uniform(0.5, 0.85), draw.random() < WHITE_ON_BLACK
    width, gap = (
        round(TILE_PX * size * draw.uniform(0.75, 1.3)),
        round(TILE_PX * draw.choice([0.0, 0.03, 0.08, 0.2]) * draw.uniform(0.7, 1.3)),
    )
    dark, bright = draw.uniform(0, 0.3), draw.uniform(0.5, 1)
    ground, ink = (dark, bright) if is_white else (bright, dark)
    between = draw.uniform(0, 0.5) if draw.random() < 0.7 else draw.uniform(0, 1)
    return DrumBuild(any_font(draw), size, width, gap, draw.uniform(0.7, 1.15), ground, ink, between)


def counter(draw: Generator) -> Strip:
    """Four to nine drums in a row."""
    build, count = drum_build(draw), int(draw.integers(4, 10))
    written = numbers.digits(count, draw)
    if draw.random() < 0.4:
        zeros = int(draw.integers(1, count))
        written = "0" * zeros + written[zeros:]
    around, edge = round(TILE_PX * draw.uniform(0.05, 0.6)), round(TILE_PX * draw.uniform(0.0, 0.5))
    size = TILE_PX + 2 * edge, count * (build.width + build.gap) + 2 * around
    page = np.full(size, build.between, dtype=np.float32)
    loose, last_inverted = draw.uniform(0, 0.06), draw.random() < LAST_INVERTED
    turning = draw.random() < TURNING
    falling = _falling_light(draw)
    for i, sign in enumerate(written):
        is_last = i == count - 1
        shift = (1 - draw.uniform(*SEEN)) * draw.choice([-1, 1]) if is_last and turning else draw.normal(0, loose)
        own = build._replace(ground=build.ink, ink=build.ground) if is_last and last_inverted else build
        left = around + i * (build.width + build.gap)
        page[edge : edge + TILE_PX, left : left + build.width] = _drum(int(sign), shift, own, draw) * falling[:, None]
        if build.gap and draw.random() < 0.15:
            cv2.rectangle(page, (left, edge), (left + build.width, edge + TILE_PX), float(draw.uniform(0, 1)), 1)
    page += cloudy(page.shape, draw.uniform(0, 0.05), TILE_PX * draw.uniform(0.3, 2), draw)
    top, base = edge + TILE_PX * (0.5 - build.size / 2), edge + TILE_PX * (0.5 + build.size / 2)
    aside = max(0.0, (build.width - TILE_PX * build.size * 0.6) / 2)
    span = Span(around + aside, top, around + count * (build.width + build.gap) - build.gap - aside, base)
    panel = Strip(as_grey(page), written, span, is_panel=True)
    return _in_dial(panel, draw) if draw.random() < IN_DIAL else panel


def _in_dial(panel: Strip, draw: Generator) -> Strip:
    """The counter in a speedometer's dial: numbers and marks of its scale stand beside it, at another height, and are not the counter's."""
    dark, bright, tall = draw.uniform(0, 0.35), draw.uniform(0.6, 1), panel.span.height
    ground, level = (dark, bright) if draw.random() < 0.8 else (bright, dark)
    border = (DIAL_PX,) * 4
    page = np.asarray(cv2.copyMakeBorder(as_share(panel.picture), *border, cv2.BORDER_CONSTANT, value=ground), dtype=np.float32)
    span = Span(*(side + DIAL_PX for side in panel.span))
    for is_right in (False, True):
        if draw.random() < 0.7:
            row = typeset(str(10 * draw.integers(1, 25)), any_font(draw), draw)
            scale = tall * draw.uniform(0.35, 0.8) / row.span.height
            number, gap = scaled_share(row.picture, scale), round(tall * draw.uniform(0.25, 0.7))
            left = round(span.right) + gap if is_right else round(span.left) - gap - number.shape[1]
            paint(page, number, round(span.top + tall * draw.uniform(-0.7, 0.4) - scale * row.span.top), left, level)
    for _ in range(int(draw.integers(0, 5))):
        x, y = draw.uniform(0, page.shape[1]), DIAL_PX * draw.uniform(0, 0.7)
        end = round(x + tall * draw.normal(0, 0.3)), round(y - tall * draw.uniform(0.2, 0.6))
        cv2.line(page, (round(x), round(y)), end, level, int(draw.integers(2, 7)), cv2.LINE_AA)
    return Strip(as_grey(page), panel.text, span, is_panel=True)


def _drum(digit: int, shift: float, build: DrumBuild, draw: Generator) -> Field:
    """A drum's window, (TILE_PX, width): its digit moved by a share of its own height, and the next one that follows it."""
    tile = np.full((TILE_PX, build.width), build.ground * draw.uniform(0.9, 1.05), dtype=np.float32)
    tall = TILE_PX * build.size
    step = max(1.12 * tall, 0.98 * TILE_PX)
    for number, place in ((digit, shift * tall), ((digit + 1) % 10, shift * tall + step), ((digit - 1) % 10, shift * tall - step)):
        middle = TILE_PX / 2 + place
        if -tall / 2 < middle < TILE_PX + tall / 2:
            _put_digit(tile, number, middle, build)
    return tile


def _put_digit(tile: Field, digit: int, middle: float, build: DrumBuild) -> None:
    """Draw a digit about the middle of the drum's width, as far as it lies in the window."""
    cut = letter(str(digit), build.font)
    if cut is None:
        return
    tall = round(TILE_PX * build.size)
    across = min(build.width - 2, max(2, round(cut.strokes.shape[1] * tall / cut.strokes.shape[0] * build.narrow)))
    ink = cv2.resize(cut.strokes, (across, tall), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    top, left = round(middle - tall / 2), (build.width - across) // 2
    place = tile[max(0, top) : max(0, top + tall), left : left + across]
    part = ink[max(0, -top) :][: len(place)]
    place += (build.ink - place) * part


def _falling_light(draw: Generator) -> Field:
    """The light on a round drum from top to bottom, (TILE_PX,): full in the middle."""
    at = np.linspace(-1, 1, TILE_PX, dtype=np.float32)
    return np.asarray(1 - draw.uniform(0, 0.8) * np.abs(at - draw.normal(0, 0.1)) ** draw.uniform(1.5, 4), dtype=np.float32).clip(0, 1)
