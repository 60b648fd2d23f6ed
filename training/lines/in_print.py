"""Printed rows: any font that has digits, tills and typewriters, machine-readable zones, vehicles' numbers, letters alone."""

import re
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator

from digitkit.contract import Picture
from training.glyphs.faces import LETTER_PX, Letter, faces_with, has, letter
from training.glyphs.glyphs import digit_fonts
from training.glyphs.signs import SCRIPTS
from training.lines import dot_rows, machine_readable, numbers
from training.lines.strip import Span, Strip

TOP_PX, BASE_PX = 84, 36  # room over and under the base line, at LETTER_PX to the em
MARGIN_PX = 8
# Parts of the names of fonts that offices, tills and machines print with; the others are drawn less often.
USUAL = ("Liberation", "DejaVu", "Nimbus", "texgyreheros", "texgyrecursor", "texgyretermes", "FreeSans", "FreeMono", "Roboto", "OpenSans",
         "NotoSans-", "Carlito", "Inconsolata", "CourierPrime", "GNUTypewriter", "GWMonospace", "B612", "OCR", "Courier", "RobotoCondensed",
         "OpenSans-Cond", "LiberationSansNarrow", "NimbusSansNarrow", "osifont", "OSP-DIN", "routed-gothic")  # fmt: skip
TILLS = ("Mono", "Courier", "OCR", "Inconsolata", "cursor", "Typewriter", "Narrow", "GWMono", "DotGothic", "heroscn", "RobotoCondensed")
ZONES, VEHICLES, DOTS, TILL, WIDE = 0.14, 0.05, 0.07, 0.2, 0.1  # the shares of rows of these kinds, of fonts of tills, of wide spacing
BOXED, BOX = 0.03, "\u25a1"  # the share of rows with a box in place of each digit, as where a font lacks them, and what stands for it
OTHER_SCRIPTS = 0.5  # the share of rows without a digit that are of any script; the others are words


def row(draw: Generator) -> Strip:
    """A printed number, with or without what is printed around it."""
    way = draw.random()
    if way < ZONES:
        return typeset(
            machine_readable.passport_line(draw), _of(("OCRB", "OCRB", "OCRA", "Mono"), draw), draw, spacing=draw.uniform(0, 0.06)
        )
    if way < ZONES + VEHICLES:
        return typeset(numbers.vehicle_number(draw), any_font(draw), draw)
    written = numbers.in_print(draw)
    if way < ZONES + VEHICLES + DOTS:
        return dot_rows.printed(written, draw)
    font = _of(TILLS, draw) if way < ZONES + VEHICLES + DOTS + TILL else any_font(draw)
    if draw.random() < BOXED:
        written = re.sub(r"[0-9]", BOX, written)
    wide = draw.uniform(0.1, 0.6) if draw.random() < WIDE else draw.normal(0.01, 0.025)
    return typeset(written, font, draw, spacing=wide)


def letters_only(draw: Generator) -> Strip:
    """A row in which there are letters and no digit."""
    if draw.random() > OTHER_SCRIPTS:
        return typeset(numbers.words(draw), any_font(draw), draw)
    scripts = [script for script in SCRIPTS if faces_with(script[3])]
    script = scripts[draw.integers(len(scripts))]
    fonts = faces_with(script[3])
    font = fonts[draw.integers(len(fonts))]
    known = [sign for sign in script if has(font, sign)]
    return typeset("".join(draw.choice(known, size=draw.integers(1, 9))), font, draw)


def any_font(draw: Generator) -> Path:
    """A usual font in two of three cases, any other in the third."""
    return _of(USUAL, draw) if draw.random() < 0.67 else digit_fonts()[draw.integers(len(digit_fonts()))]


def typeset(written: str, font: Path, draw: Generator, *, spacing: float = 0.0) -> Strip:
    """A line in one font, its letters at their places.

    Args:
        written: signs that the font lacks are left out.
        spacing: what is added to each letter's advance, as a share of the digits' height.
    Returns:
        A strip with ink 1, its digits about 46 px tall.
    """
    tall, foot = _digit_height(font)
    box = _box(tall, draw)
    cuts = [(sign, cut) for sign in written if (cut := box if sign == BOX else letter(sign, font)) is not None]
    step = spacing * tall
    length = sum(cut.advance + max(0.0, step) for _, cut in cuts)
    page = np.zeros((TOP_PX + BASE_PX, round(length) + 2 * LETTER_PX), dtype=np.uint8)
    at, first, last = float(MARGIN_PX), len(page[0]), 0
    for sign, cut in cuts:
        if sign != " ":
            left = max(0, round(at) + cut.left)
            _put(page, cut, left)
            first, last = min(first, left), max(last, left + cut.strokes.shape[1])
        at += max(cut.advance + step, 0.3 * cut.advance)
    page = page[:, : last + MARGIN_PX]
    if draw.random() < 0.3:
        page = _pressed(page, tall, draw)
    span = Span(min(first, last), TOP_PX + foot - tall, last, TOP_PX + foot)
    text = numbers.as_text("".join(sign for sign, _ in cuts))
    return Strip(page, text, span)


def _box(tall: float, draw: Generator) -> Letter:
    """What is printed for a sign that a font lacks: an empty box about as high as a digit."""
    height, width = round(tall * draw.uniform(0.9, 1.25)), round(tall * draw.uniform(0.45, 0.75))
    edge = max(1, round(tall * draw.uniform(0.03, 0.1)))
    strokes = np.full((height, width), 255, dtype=np.uint8)
    strokes[edge:-edge, edge:-edge] = 0
    return Letter(strokes, left=round(0.1 * tall), top=-height, advance=width + tall * draw.uniform(0.1, 0.3))


def _put(page: Picture, cut: Letter, left: int) -> None:
    top = max(0, TOP_PX + cut.top)
    place = page[top : top + cut.strokes.shape[0], left : left + cut.strokes.shape[1]]
    np.maximum(place, cut.strokes[: place.shape[0], : place.shape[1]], out=place)


def _pressed(page: Picture, tall: float, draw: Generator) -> Picture:
    """Print that is fatter or thinner than the font, as ink spreads or heat fails."""
    side = max(1, round(tall * draw.uniform(0.01, 0.05)))
    kernel = np.ones((side + 1, side + 1), dtype=np.uint8)
    if draw.random() < 0.6:
        return np.asarray(cv2.dilate(page, kernel), dtype=np.uint8)
    thin = np.asarray(cv2.erode(page, kernel), dtype=np.uint8)
    return thin if cv2.sumElems(thin)[0] > 0.45 * cv2.sumElems(page)[0] else page


@cache
def _digit_height(font: Path) -> tuple[float, float]:
    """The height of a font's digits and how far their foot is below the base line; of its first letters where it has no digits."""
    cut = letter("7", font) or letter("H", font)
    if cut is None:
        return 0.7 * LETTER_PX, 0.0
    return float(cut.strokes.shape[0]), float(cut.top + cut.strokes.shape[0])


@cache
def _fonts_of(names: tuple[str, ...]) -> tuple[Path, ...]:
    found = tuple(path for path in digit_fonts() if any(name in path.stem for name in names))
    return found or digit_fonts()


def _of(names: tuple[str, ...], draw: Generator) -> Path:
    """A font whose name has one of these parts; each part is as likely as the others, so that large families are not most of them."""
    fonts = _fonts_of((names[draw.integers(len(names))],))
    return fonts[draw.integers(len(fonts))]
