"""Rows written by hand: the digits of one writer, close or wide, with marks between them, in cells or free."""

import re
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.random import Generator

from digitkit.contract import Picture
from training.data.mnist import Split
from training.glyphs.hands_of_mnist import MnistHand, MnistStyles
from training.glyphs.pens import PenHand
from training.glyphs.row import ROOM_PX, ROW_PX, Setter, Sign
from training.lines import numbers
from training.lines.strip import Span, Strip, as_strip

BY_PEN = 0.5  # the share of rows whose digits are drawn; the others are MNIST's
CELLS, SCANS = 0.1, 0.12  # the shares of rows in cells and of rows put together from scans of one digit each
FILLERS = ("-", ".-", "=", "=", ",-", ".=", ",=", "--", "- -", ".", ",", "x", "*")
LEADERS = ("$", "$ ", "#", "*", "**", "R$ ", "N ", "(", "=")
LETTERED = ("a", "a", "a", "b", "b", "c", "k", "x", "m", "e", "%", ")", "km", "E", " R")  # houses and pages have letters more than all else
FILLED, LED, ENDED = 0.24, 0.07, 0.08  # the shares of rows with one of these
RAISED = 0.2  # the share of amounts whose cents are small and raised
# How near a hand sets its signs, in heights of its digits, and the shares of hands that do.
NEAR, NEAR_SHARES = (-0.06, 0.03, 0.08, 0.18, 0.35, 0.7, 1.1), (0.13, 0.25, 0.29, 0.18, 0.09, 0.04, 0.02)
SCRATCHED = 0.01  # the share of digits that are scratched out
CHAINED = 0.35  # the share of runs of zeros that are written without lifting the pen, of hands whose digits are drawn
BLOTTED, FLATTENED = 0.25, 0.1  # the shares of scanned digits whose strokes have grown, or that lie lower than they should


class Writing:
    """Draws rows by hand."""

    def __init__(self, train: Split) -> None:
        self.train, self.styles = train, MnistStyles(train)

    def row(self, draw: Generator) -> Strip:
        way = draw.random()
        if way < SCANS:
            return self._scanned(draw)
        written = numbers.by_hand(draw)
        if way < SCANS + CELLS:
            return _in_cells("".join(sign for sign in written if sign.isdigit()), self._hand(draw), draw)
        return self.free_row(_surrounded(written, draw), draw)

    def free_row(self, written: str, draw: Generator) -> Strip:
        """A number as one hand writes it, without cells."""
        return _free(written, self._hand(draw), draw)

    def _hand(self, draw: Generator) -> MnistHand | PenHand:
        return PenHand(draw) if draw.random() < BY_PEN else self.styles.writer(draw)

    def _scanned(self, draw: Generator) -> Strip:
        """Digits of many hands, each scanned at 16 x 16 pixels and set beside the others, as sets of digits are made to rows."""
        written = numbers.digits(int(draw.integers(1, 9)), draw)
        setter, gap = Setter(len(written)), draw.uniform(0, 0.4) * ROW_PX
        size = draw.uniform(0.8, 1.2)
        for sign in written:
            members = np.flatnonzero(self.train.labels == int(sign))
            picture = self.train.pictures[members[draw.integers(len(members))]]
            strokes = _coarse(_blotted(picture) if draw.random() < BLOTTED else picture, size)
            down = 0
            if draw.random() < FLATTENED:
                flat = round(len(strokes) * draw.uniform(0.35, 0.7))
                strokes, down = np.asarray(cv2.resize(strokes, (strokes.shape[1], flat)), dtype=np.uint8), (len(strokes) - flat) // 2
            setter.put(Sign(strokes, down), gap * draw.uniform(0.7, 1.3))
        return as_strip(setter, written)


def _blotted(picture: Picture) -> Picture:
    """A digit whose strokes have grown into one another."""
    return np.asarray(cv2.dilate(picture, np.ones((2, 3), dtype=np.uint8)), dtype=np.uint8)


def _coarse(picture: Picture, aspect: float) -> Picture:
    """A digit that was kept as 16 x 16 pixels, enlarged to ROW_PX without sharpening."""
    x, y, width, height = cv2.boundingRect((picture > 40).astype(np.uint8))
    small = cv2.resize(picture[y : y + height, x : x + width], (16 if width > 6 else 7, 16), interpolation=cv2.INTER_AREA)
    across = round(ROW_PX * aspect * min(0.9, max(0.3, width / max(height, 1))))
    return np.asarray(cv2.resize(small, (across, ROW_PX), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def _surrounded(written: str, draw: Generator) -> str:
    """With what people write before and after a number, at times."""
    way = draw.random()
    if way < FILLED:
        return written + (" " if draw.random() < 0.3 else "") + FILLERS[draw.integers(len(FILLERS))]
    if way < FILLED + LED:
        return LEADERS[draw.integers(len(LEADERS))] + written
    if way < FILLED + LED + ENDED:
        return written + LETTERED[draw.integers(len(LETTERED))]
    return written


def _free(written: str, hand: MnistHand | PenHand, draw: Generator) -> Strip:
    """Signs one after the other, each as near to the last as this hand sets them."""
    setter, marks = Setter(len(written)), hand if isinstance(hand, PenHand) else PenHand(draw)
    if not isinstance(hand, PenHand):
        marks.pen = float(draw.uniform(2.5, 6.5))
    near, uneven = draw.choice(NEAR, p=NEAR_SHARES), draw.uniform(0.01, 0.06)
    drift, room = draw.normal(0, 0.03), draw.uniform(0.35, 0.9)
    raised = _cents(written, draw)
    shown, before = [], ""
    for i, sign in _signs(written, raised, draw):
        gap = ROW_PX * (near + draw.normal(0, uneven))
        if len(sign) > 1:
            setter.put(_chained(len(sign), marks.pen, draw), gap)
        elif sign == " ":
            setter.skip(ROW_PX * room)
        elif not sign.isdigit():
            setter.put(marks.mark(sign, draw), gap + ROW_PX * (draw.uniform(0, 0.35) if sign in numbers.SEPARATORS else 0.02))
        else:
            strokes = _shifted(hand.digit(int(sign), draw), drift * ROW_PX * draw.normal(0, 1))
            strokes = _raised(strokes) if i >= raised else strokes
            if draw.random() < SCRATCHED:
                strokes, sign = _scratched(strokes, draw), "*"
            left = setter.put(strokes, gap)
            if sign == before == "0" and draw.random() < 0.25:
                _joined(setter, left, marks.pen, draw)
        shown.append(sign)
        before = sign
    if raised < len(written):
        _underlined(setter, marks.pen, draw)
    return as_strip(setter, numbers.as_text("".join(shown)))


def _signs(written: str, raised: int, draw: Generator) -> Iterator[tuple[int, str]]:
    """What is written sign by sign, each with its place; a run of zeros before the raised ones is one sign at times."""
    for run in re.finditer("0{2,}|.", written):
        if run.end() <= raised and draw.random() < CHAINED:
            yield run.start(), run[0]
        else:
            yield from enumerate(run[0], run.start())


def _chained(count: int, pen: float, draw: Generator) -> Sign:
    """Zeros in one stroke, which goes round and on: a trochoid, its loops wide or narrow and none quite as the last."""
    tall = ROW_PX * draw.uniform(0.4, 1)
    half, slant = tall * draw.uniform(0.25, 0.55), draw.uniform(-0.1, 0.4)
    pitch = 2 * half * draw.uniform(0.75, 1.6)
    turn = np.linspace(0, 2 * np.pi * count, 24 * count)
    sizes = np.clip(draw.normal(1, 0.15, size=count + 1), 0.6, 1.3)[(turn / (2 * np.pi)).astype(np.intp)]
    y = sizes * tall * (1 - np.cos(turn)) / 2
    x = pitch * turn / (2 * np.pi) - sizes * half * np.sin(turn) - slant * y
    curve = np.stack([x, y], axis=1) - (x.min() - 8, y.min() - 8)
    page = np.zeros(np.ceil(curve.max(axis=0) + 8).astype(int)[::-1], dtype=np.uint8)
    cv2.polylines(page, [np.round(8 * curve).astype(np.int32)], False, 255, max(1, round(pen)), cv2.LINE_AA, shift=3)
    return Sign(page, round((ROW_PX - tall) * draw.uniform(0.5, 1.1)) - 8)


def _cents(written: str, draw: Generator) -> int:
    """Where the raised cents of an amount begin, or the length of what is written where it has none."""
    has_cents = len(written) > 3 and written[-3] in ".,- " and written[-2:].isdigit()
    return len(written) - 2 if has_cents and draw.random() < RAISED else len(written)


def _shifted(sign: Sign, down: float) -> Sign:
    return Sign(sign.strokes, sign.top + round(down))


def _raised(sign: Sign) -> Sign:
    """Small and high, as cents are written."""
    small = cv2.resize(sign.strokes, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    return Sign(np.asarray(small, dtype=np.uint8), round(0.6 * sign.top - 0.08 * ROW_PX))


def _underlined(setter: Setter, pen: float, draw: Generator) -> None:
    """A stroke or two under raised cents."""
    for i in range(int(draw.integers(0, 3))):
        y = ROOM_PX + round(ROW_PX * (0.68 + 0.12 * i))
        start, end = setter.right - round(0.85 * ROW_PX), setter.right + round(draw.uniform(-0.1, 0.2) * ROW_PX)
        cv2.line(setter.page, (start, y), (end, y + round(draw.normal(0, 2))), 255, max(1, round(pen)), cv2.LINE_AA)


def _joined(setter: Setter, left: int, pen: float, draw: Generator) -> None:
    """The stroke with which a hand goes from one zero to the next without lifting the pen."""
    y = ROOM_PX + round(ROW_PX * draw.uniform(0.02, 0.2))
    start = left - round(ROW_PX * draw.uniform(0.05, 0.3))
    cv2.line(setter.page, (start, y), (left + round(0.25 * ROW_PX), y + round(draw.normal(0, 2))), 255, max(1, round(pen)), cv2.LINE_AA)


def _scratched(sign: Sign, draw: Generator) -> Sign:
    """A digit that nobody is to read any more: lines to and fro over it."""
    height, width = sign.strokes.shape
    page = cv2.copyMakeBorder(sign.strokes, 4, 4, 6, 6, cv2.BORDER_CONSTANT, value=0)
    count = int(draw.integers(6, 12))
    x = np.where(np.arange(count) % 2, 2, width + 8) + draw.normal(0, 3, size=count)
    y = np.linspace(4, height + 2, count) + draw.normal(0, 3, size=count)
    cv2.polylines(page, [np.stack([x, y], axis=1).round().astype(np.int32)], False, 255, int(draw.integers(3, 6)), cv2.LINE_AA)
    return Sign(np.asarray(page, dtype=np.uint8), sign.top - 4)


def _in_cells(written: str, hand: MnistHand | PenHand, draw: Generator) -> Strip:
    """A digit in each box, or over each tooth of a comb, as forms have them; the first or last boxes may be empty."""
    pitch, before, after = round(ROW_PX * draw.uniform(0.85, 1.6)), int(draw.integers(0, 3)), int(draw.integers(0, 3))
    top, base = ROOM_PX - round(ROW_PX * draw.uniform(0.08, 0.4)), ROOM_PX + ROW_PX + round(ROW_PX * draw.uniform(0.06, 0.4))
    page = np.zeros((ROW_PX + 2 * ROOM_PX, pitch * (len(written) + before + after) + 20), dtype=np.uint8)
    _draw_cells(page, pitch, top, base, draw)
    left, right = page.shape[1], 0
    for i, sign in enumerate(written):
        strokes, down = hand.digit(int(sign), draw)
        strokes = strokes[: page.shape[0], : pitch + 8]
        x = 10 + pitch * (before + i) + round((pitch - strokes.shape[1]) / 2 + draw.normal(0, 0.06) * pitch)
        x = int(np.clip(x, 0, page.shape[1] - strokes.shape[1]))
        y = int(np.clip(ROOM_PX + down, 0, page.shape[0] - strokes.shape[0]))
        place = page[y : y + strokes.shape[0], x : x + strokes.shape[1]]
        np.maximum(place, strokes, out=place)
        left, right = min(left, x), max(right, x + strokes.shape[1])
    return Strip(page, written, Span(left, ROOM_PX, right, ROOM_PX + ROW_PX))


def _draw_cells(page: Picture, pitch: int, top: int, base: int, draw: Generator) -> None:
    """Boxes that share their sides, boxes with gaps, or combs, thinner and fainter than the pen."""
    level, width_px, end = int(draw.integers(60, 230)), int(draw.integers(1, 3)), page.shape[1] - 10
    kind, gap = draw.integers(3), round(pitch * draw.choice([0.0, 0.1]))
    tooth = top if kind else base - round((base - top) * draw.uniform(0.15, 0.5))
    for left in range(10, end - pitch + 1, pitch):
        if kind == 1:
            cv2.rectangle(page, (left, top), (left + pitch - gap, base), level, width_px)
        else:
            cv2.line(page, (left, tooth), (left, base), level, width_px)
    if kind != 1:
        cv2.line(page, (10, base), (end, base), level, width_px)
        if kind == 2:
            cv2.line(page, (10, top), (end, top), level, width_px)
