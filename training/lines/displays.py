"""Rows on displays: seven segments or dots behind a window, dark on a grey ground or glowing, with what is printed beside them."""

import cv2
import numpy as np
from numpy.random import Generator

from digitkit.contract import Picture
from training.glyphs.segments import HEIGHT_PX, LIT, MARGIN_PX, SegmentBuild, segment_build, segments_of
from training.lines import numbers
from training.lines.dot_rows import dotted_row
from training.lines.in_print import any_font, typeset
from training.lines.strip import Span, Strip, as_grey, as_share, paint, scaled_share
from training.scenes.sheet import Field, cloudy, log_uniform

DOTS = 0.15  # the share of displays made of dots
FAINTEST = 0.04  # the least difference of a segment from its ground
GLOWING = 0.35  # the share that are light on dark
GHOSTS, UNIT, SMALL, LABELLED, FRAMED = 0.45, 0.4, 0.3, 0.25, 0.6  # the shares with what the names say
SMALLER = (0.42, 0.75)  # the height of small decimals, as a share of the other digits', from and to
GLARES, MIRRORED = 0.15, 0.15  # the shares of windows with a lamp or the sun in them, and with what stands before them
UNSEEN, MOST_UNSEEN = 0.2, 4  # the share of displays with places that show nothing before the number, and how many at most
FADED = 0.2  # the share of displays whose digits are not seen equally well
WINDOW_PX = 48  # the height of digits while a window is made around them
ALL = "abcdefg"
LETTERS = {"E": "adefg", "F": "aefg", "H": "bcefg", "L": "def", "P": "abefg", "C": "adef", "A": "abcefg", "U": "bcdef", "r": "eg"}
LETTERED = 0.04  # the share of rows that begin or end with one of these
UNITS = ("kWh", "kW", "kg", "V", "A", "m3", "mg/dL", "°C", "km", "L", "Hz", "mmol/L", "g", "bar", "W", "%", "MHz", "h")
LABELS = ("LITRES", "TOTAL", "PRICE", "NET", "SYS", "DIA", "PULSE", "TARE", "ODO", "TRIP", "kWh", "MEM", "km/h", "Liters", "SALE")


class SegmentRow:
    """Sets digits of seven segments of one build side by side, and keeps beside them all the segments that they could light."""

    def __init__(self, count: int, draw: Generator) -> None:
        self.build: SegmentBuild = segment_build(draw)
        self.ways = {digit: LIT[digit][draw.integers(len(LIT[digit]))] for digit in LIT}
        self.pitch = HEIGHT_PX * (self.build.aspect + draw.uniform(0.16, 0.6)) + self.build.thickness / 2
        self.eight = segments_of(ALL, self.build)
        width = round(self.pitch * count) + self.eight.shape[1] + HEIGHT_PX
        self.lit, self.ghost = (np.zeros((len(self.eight), width), dtype=np.uint8) for _ in range(2))
        self.at, self.first, self.last = 0.0, width, 0
        self.drawn: dict[str, Picture] = {}

    def put(self, sign: str, scale: float) -> None:
        """Set a digit, a letter or a minus of a share of the full height; all stand on one line."""
        names = self.ways[int(sign)] if sign.isdigit() else LETTERS.get(sign, "g")
        lit, every = (_scaled(strokes, scale) for strokes in (self._segments(names), self.eight))
        left, top = round(self.at), len(self.eight) - MARGIN_PX - (len(lit) - round(scale * MARGIN_PX))
        for page, strokes in ((self.lit, lit), (self.ghost, every)):
            place = page[top : top + len(strokes), left : left + strokes.shape[1]]
            np.maximum(place, strokes, out=place)
        inked = np.flatnonzero(lit.any(axis=0))
        self.first, self.last = min(self.first, left + int(inked[0])), max(self.last, left + int(inked[-1]) + 1)
        self.at += self.pitch * scale

    def pass_over(self, count: int) -> None:
        """Leave places that could show digits and show none."""
        for _ in range(count):
            place = self.ghost[:, round(self.at) : round(self.at) + self.eight.shape[1]]
            np.maximum(place, self.eight, out=place)
            self.at += self.pitch

    def _segments(self, names: str) -> Picture:
        if names not in self.drawn:
            self.drawn[names] = segments_of(names, self.build)
        return self.drawn[names]

    def point(self, sign: str, draw: Generator) -> None:
        """A point between two digits, without room of its own, or a colon, with some."""
        radius = round(max(0.035 * HEIGHT_PX, self.build.thickness * draw.uniform(0.45, 0.75)))
        if sign == ":":
            self.at += 0.3 * HEIGHT_PX
        gap = self.pitch - HEIGHT_PX * self.build.aspect
        levels = (0.32, 0.7) if sign == ":" else (1.0,)
        for level in levels:
            x = self.at + MARGIN_PX - (0.5 if sign == "." else 0.55) * gap + self.build.slant * HEIGHT_PX * (1 - level)
            y = MARGIN_PX + level * HEIGHT_PX
            cv2.circle(self.lit, (round(x), round(y)), radius, 255, -1, cv2.LINE_AA)
            self.last = max(self.last, round(x) + radius)

    def strip(self, text: str) -> Strip:
        half = self.build.thickness / 2
        span = Span(self.first, MARGIN_PX - half, self.last, len(self.lit) - MARGIN_PX + half)
        return Strip(self.lit[:, : self.last + MARGIN_PX], text, span)


def display(draw: Generator) -> Strip:
    """A window with a number."""
    written = numbers.on_display(draw)
    if draw.random() < DOTS:
        row = dotted_row(written, draw)
        return _window(row, None, draw)
    if draw.random() < LETTERED:
        letter = list(LETTERS)[draw.integers(len(LETTERS))]
        written = written + letter if draw.random() < 0.5 else letter + written
    unseen = int(draw.integers(1, MOST_UNSEEN + 1)) if draw.random() < UNSEEN else 0
    segments, small, smaller = SegmentRow(unseen + len(written), draw), _first_small(written, draw), draw.uniform(*SMALLER)
    segments.pass_over(unseen)
    for i, sign in enumerate(written):
        if sign in ".:":
            segments.point(sign, draw)
        else:
            segments.put(sign, smaller if i >= small else 1.0)
    row = segments.strip(numbers.as_text(written))
    return _window(row, segments.ghost[:, : row.picture.shape[1]], draw)


def _first_small(written: str, draw: Generator) -> int:
    """Where the digits begin that are smaller, as the last decimals of some meters and pumps are."""
    if draw.random() > SMALL or len(written) < 3:
        return len(written)
    return written.index(".") + 1 if "." in written else len(written) - 1


def _window(row: Strip, ghost: Picture | None, draw: Generator) -> Strip:
    """The row's ink on the ground of a display, lit unevenly, in a frame and beside a unit at times."""
    row = _shrunk(row)
    glows, tall = draw.random() < GLOWING, row.span.height
    ground = draw.uniform(0.0, 0.3) if glows else draw.uniform(0.25, 0.95)
    contrast = log_uniform(FAINTEST, 0.9, draw)
    level = min(1.0, ground + max(0.3, contrast)) if glows else max(0.0, ground - contrast)
    above, before, below, after = (round(tall * side) for side in draw.uniform(0.1, 0.8, size=4))
    ink = cv2.copyMakeBorder(as_share(row.picture), above, below, before, after, cv2.BORDER_CONSTANT, value=0)
    grey = np.full(ink.shape, ground, dtype=np.float32)
    grey += cloudy(ink.shape, draw.uniform(0, 0.06), tall * draw.uniform(0.5, 3), draw)
    if ghost is not None and draw.random() < GHOSTS:
        small = cv2.resize(ghost, row.picture.shape[::-1], interpolation=cv2.INTER_AREA)
        faint = cv2.copyMakeBorder(as_share(np.asarray(small, dtype=np.uint8)), above, below, before, after, cv2.BORDER_CONSTANT, value=0)
        grey += (level - grey) * (faint * np.float32(draw.uniform(0.02, 0.3)))
    if glows and draw.random() < 0.6:
        halo = cv2.blur(ink, (2 * round(tall * 0.08) + 1,) * 2)
        grey += (level - grey) * halo * np.float32(draw.uniform(0.1, 0.6))
    if not glows and draw.random() < 0.25:  # the shadow that the segments of an LCD cast on its back
        down = round(tall * draw.uniform(0.01, 0.05))
        grey += (level - grey) * np.roll(ink, (down, down), axis=(0, 1)) * np.float32(draw.uniform(0.1, 0.3))
    if draw.random() < FADED:
        ink = ink * np.clip(1 - np.abs(cloudy(ink.shape, draw.uniform(0.2, 0.6), tall * draw.uniform(0.8, 3), draw)), 0.12, 1)
    grey += (level - grey) * ink
    span = Span(row.span.left + before, row.span.top + above, row.span.right + before, row.span.base + above)
    if draw.random() < GLARES:
        _put_glare(grey, tall, draw)
    if draw.random() < MIRRORED:
        _put_mirrored(grey, tall, draw)
    if draw.random() < UNIT:
        _print_beside(grey, UNITS[draw.integers(len(UNITS))], span, level, draw)
    return _framed(grey, Strip(row.picture, row.text, span, is_panel=True), draw)


def _put_glare(grey: Field, tall: float, draw: Generator) -> None:
    """A bright spot with soft edges, or a bright band, somewhere on the window."""
    y, x = np.ogrid[: grey.shape[0], : grey.shape[1]]
    middle = draw.uniform(0, 1, size=2) * grey.shape
    down, along = np.exp(draw.uniform(np.log(0.15), np.log(2.5), size=2)) * tall
    far = ((y - middle[0]) / down) ** 2 + ((x - middle[1] + draw.normal(0, 0.5) * (y - middle[0])) / along) ** 2
    grey += np.asarray((1 - grey) * np.exp(-far) * draw.uniform(0.2, 0.9), dtype=np.float32)


def _put_mirrored(grey: Field, tall: float, draw: Generator) -> None:
    """What the glass mirrors: a brighter or darker part with straight edges, through which the digits are seen."""
    middle = draw.uniform(0, 1, size=2) * grey.shape[::-1]
    directions = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) + draw.normal(0, 0.3, size=(4, 2))
    corners = middle + draw.uniform(0.15, 1.6, size=(4, 1)) * tall * directions
    cover = np.zeros(grey.shape, dtype=np.float32)
    cv2.fillConvexPoly(cover, np.round(8 * corners).astype(np.int32), draw.uniform(0.1, 0.6), cv2.LINE_AA, shift=3)
    grey += (np.float32(draw.random()) - grey) * cv2.GaussianBlur(cover, (0, 0), tall * draw.uniform(0.01, 0.1))


def _print_beside(grey: Field, unit: str, span: Span, level: float, draw: Generator) -> None:
    """A small unit right of the digits, as far as there is room for it."""
    row = typeset(unit, any_font(draw), draw)
    scale = span.height * draw.uniform(0.2, 0.42) / row.span.height
    small = scaled_share(row.picture, scale)
    top = round(span.top + draw.uniform(0, 0.9) * span.height - scale * row.span.top)
    left = round(span.right + 0.06 * span.height)
    paint(grey, small, max(0, top), left, level)


def _framed(inside: Field, panel: Strip, draw: Generator) -> Strip:
    """The window in the case around it, with a word printed on it at times."""
    if draw.random() > FRAMED:
        return panel._replace(picture=as_grey(inside))
    tall, case = panel.span.height, float(draw.uniform(0, 1))
    above, before, below, after = (round(tall * side) for side in draw.uniform(0.05, 0.9, size=4))
    grey = np.asarray(cv2.copyMakeBorder(inside, above, below, before, after, cv2.BORDER_CONSTANT, value=case), dtype=np.float32)
    if draw.random() < 0.5:
        corners = (before, above), (grey.shape[1] - after, grey.shape[0] - below)
        cv2.rectangle(grey, *corners, float(draw.uniform(0, 1)), max(1, round(tall * draw.uniform(0.02, 0.08))))
    if draw.random() < LABELLED:
        row = typeset(LABELS[draw.integers(len(LABELS))], any_font(draw), draw)
        scale = tall * draw.uniform(0.2, 0.5) / row.span.height
        small = scaled_share(row.picture, scale)
        top = grey.shape[0] - below + round(0.1 * tall - scale * row.span.top)
        left = int(draw.integers(0, max(1, grey.shape[1] - small.shape[1])))
        paint(grey, small, top, left, 1.0 - case if abs(case - 0.5) > 0.2 else 0.0)
    span = panel.span
    moved = Span(span.left + before, span.top + above, span.right + before, span.base + above)
    return Strip(as_grey(grey), panel.text, moved, is_panel=True)


def _scaled(strokes: Picture, scale: float) -> Picture:
    if scale == 1:
        return strokes
    return np.asarray(cv2.resize(strokes, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _shrunk(row: Strip) -> Strip:
    """The row with digits WINDOW_PX tall."""
    scale = WINDOW_PX / row.span.height
    small = cv2.resize(row.picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return Strip(np.asarray(small, dtype=np.uint8), row.text, Span(*(scale * side for side in row.span)))
