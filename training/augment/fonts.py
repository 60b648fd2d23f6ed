"""Printed characters, from the fonts of the machine and those that matplotlib brings."""

from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFont

from digitkit.contract import Picture

GLYPH_PX = (28, 56)  # the size that a glyph is drawn in, from and to
SLANT = 0.25  # largest slant of the one glyph in four that is slanted, as an italic of its font would be
# Parts of the names of symbol and placeholder fonts, which have something else where letters and digits should be.
NO_TEXT_FONTS = ("STIXSiz", "STIXNonUni", "LastResort", "cmex", "cmmi", "cmsy", "Symbol", "Dingbats", "D050000L", "Emoji")


@cache
def fonts() -> tuple[Path, ...]:
    """The fonts of the system and of matplotlib that have letters and digits where Unicode puts them, sorted by name."""
    brought = (Path(matplotlib.get_data_path()) / "fonts" / "ttf").glob("*.ttf")
    found = {path.name: path for path in [*map(Path, font_manager.findSystemFonts()), *brought]}
    return tuple(path for _, path in sorted(found.items()) if _is_text_font(path))


def printed(sign: str, draw: Generator) -> Picture:
    """One character in one of the fonts, bright on dark, with a margin."""
    size = int(draw.integers(*GLYPH_PX))
    page = Image.new("L", (2 * size, 2 * size))
    while page.getbbox() is None:  # some fonts draw nothing for some signs
        font = fonts()[draw.integers(len(fonts()))]
        ImageDraw.Draw(page).text((size, size), sign, fill=255, font=_face(font, size), anchor="mm")
    if draw.random() < 0.25:
        slant = draw.uniform(-SLANT / 2, SLANT)
        page = page.transform(page.size, Image.Transform.AFFINE, (1, slant, -slant * size, 0, 1, 0), Image.Resampling.BILINEAR)
    return np.asarray(page)


@cache
def _face(font: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(font), size)


def _is_text_font(path: Path) -> bool:
    if any(word in path.stem for word in NO_TEXT_FONTS):
        return False
    try:
        font = FT2Font(str(path))
    except RuntimeError:  # a font file that FreeType does not read
        return False
    return all(font.get_char_index(ord(sign)) for sign in "0189AZaz")
