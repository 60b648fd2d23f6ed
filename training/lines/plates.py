"""Rows on plates of metal: vehicles' number plates, house numbers, signs, with frame, bolts and small words."""

import cv2
import numpy as np
from numpy.random import Generator

from training.lines import numbers
from training.lines.in_print import any_font, typeset
from training.lines.strip import Span, Strip, as_grey, as_share, paint, scaled_share
from training.scenes.sheet import Field

HOUSES = 0.25  # the share of plates with a house's number and no letters
EMBOSSED, FRAMED, BOLTED, WORDED = 0.3, 0.6, 0.4, 0.45  # the shares with what the names say
CONDENSED = (0.55, 1.1)  # the letters' width as a share of the font's, from and to
SMALL_WORDS = ("REPUBLICA", "ARGENTINA", "CALIFORNIA", "BAVARIA", "TEXAS", "MERCOSUR", "Grupo", "Expasa", "STREET", "AVENUE", "BRASIL",
               "ESPANA", "INDIA", "KENYA", "PERU", "BENSON", "Autohaus")  # fmt: skip


def plate(draw: Generator) -> Strip:
    """A plate with its number, light on dark or dark on light."""
    written = numbers.digits(int(draw.integers(1, 5)), draw) if draw.random() < HOUSES else numbers.plate(draw)
    row = typeset(written, any_font(draw), draw, spacing=draw.uniform(0.02, 0.25))
    narrow = draw.uniform(*CONDENSED)
    ink = np.asarray(cv2.resize(as_share(row.picture), None, fx=narrow, fy=1, interpolation=cv2.INTER_AREA), dtype=np.float32)
    left, top, right, base = row.span
    span, tall = Span(left * narrow, top, right * narrow, base), row.span.height
    up = max(0, round(top - 0.2 * tall))
    ink = ink[up : round(base + 0.2 * tall)]
    above, before, below, after = (round(tall * side) for side in draw.uniform(0.05, 0.7, size=4))
    ink = np.asarray(cv2.copyMakeBorder(ink, above, below, before, after, cv2.BORDER_CONSTANT, value=0), dtype=np.float32)
    span = Span(span.left + before, top - up + above, span.right + before, base - up + above)
    dark, bright = draw.uniform(0, 0.4), draw.uniform(0.6, 1)
    ground, level = (dark, bright) if draw.random() < 0.5 else (bright, dark)
    grey = np.full(ink.shape, ground, dtype=np.float32)
    if draw.random() < EMBOSSED:
        _emboss(grey, ink, tall, draw)
    grey += (level - grey) * ink
    _furnish(grey, span, level, draw)
    return Strip(as_grey(grey), row.text, span, is_panel=True)


def _emboss(grey: Field, ink: Field, tall: float, draw: Generator) -> None:
    """Bright edges on one side of raised letters and dark ones on the other."""
    off = max(1, round(tall * draw.uniform(0.02, 0.05)))
    away = int(draw.choice([-1, 1])) * off
    grey += np.float32(draw.uniform(0.1, 0.4)) * (np.roll(ink, (-off, away), axis=(0, 1)) - np.roll(ink, (off, -away), axis=(0, 1)))


def _furnish(grey: Field, span: Span, level: float, draw: Generator) -> None:
    """What a plate has beside its number: a frame, bolts, a band, small words above or below."""
    height, width = grey.shape
    tall = span.height
    inset = round(tall * draw.uniform(0.0, 0.06))
    if draw.random() < FRAMED:
        cv2.rectangle(grey, (inset, inset), (width - 1 - inset, height - 1 - inset), level, max(1, round(tall * draw.uniform(0.02, 0.06))))
    if draw.random() < BOLTED:
        for x in (draw.uniform(0.1, 0.3), draw.uniform(0.7, 0.9)):
            for y in (0.5 * span.top, (height + span.base) / 2):
                cv2.circle(grey, (round(width * x), round(y)), max(1, round(0.06 * tall)), float(draw.uniform(0, 1)), -1, cv2.LINE_AA)
    if draw.random() < 0.2:
        grey[: round(span.top * draw.uniform(0.5, 0.9))] = draw.uniform(0, 1)
    if draw.random() < WORDED:
        row = typeset(SMALL_WORDS[draw.integers(len(SMALL_WORDS))], any_font(draw), draw, spacing=0.1)
        is_above = draw.random() < 0.6
        room = span.top if is_above else height - span.base
        scale = min(0.35 * tall, 0.7 * room) / row.span.height
        if scale * row.span.height < 3:
            return
        small = scaled_share(row.picture, scale)
        middle = room / 2 if is_above else span.base + room / 2
        top, left = round(middle - scale * (row.span.top + row.span.base) / 2), round((width - small.shape[1]) * draw.uniform(0.2, 0.8))
        paint(grey, small, top, left, level if draw.random() < 0.7 else float(draw.uniform(0, 1)))
