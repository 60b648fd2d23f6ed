"""Characters of any script as the fonts of the machine draw them, without the boxes that stand for what a font lacks."""

from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from digitkit.contract import Picture

SIZE_PX = 96
MISSING = "\U0010ffff"  # a code point that no font has: it is drawn as the font's box for missing characters
# Parts of the names of fonts that draw other things than the characters, or draw them in colour or in boxes.
NO_FACES = ("LastResort", "STIXSiz", "STIXNonUni", "cmex", "cmmi", "cmsy", "cmr10", "cmtt", "cmss", "cmb10", "Emoji", "D050000L", "Blank",
            "LinBiolinum_K", "OCRBE", "OCRBX")  # fmt: skip
LETTER_PX = 64  # the size of the characters that lines are set of, to the em
KEPT = 20_000  # how many of them a process keeps, a few kilobytes each


class Letter(NamedTuple):
    """A character as a line of print needs it.

    Attributes:
        strokes: uint8 (H, W), bright on dark, cropped.
        left: from where the line has got to, to the strokes, in pixels.
        top: from the base line down to the strokes, in pixels, negative for what stands on it.
        advance: how far the line gets, in pixels.
    """

    strokes: Picture
    left: int
    top: int
    advance: float


@cache
def faces() -> tuple[Path, ...]:
    """All fonts of the system and of matplotlib that FreeType reads, sorted by name."""
    brought = (Path(matplotlib.get_data_path()) / "fonts" / "ttf").glob("*.ttf")
    found = {path.name: path for path in [*map(Path, font_manager.findSystemFonts()), *brought]}
    named = (path for _, path in sorted(found.items()) if not any(word in path.stem for word in NO_FACES))
    return tuple(path for path in named if len(_codes(path)))


@cache
def faces_with(probe: str) -> tuple[Path, ...]:
    """The fonts that have every character of `probe`."""
    return tuple(path for path in faces() if has(path, probe))


def has(path: Path, signs: str) -> bool:
    """Whether a font's table of characters names all of `signs`."""
    codes, asked = _codes(path), np.array([ord(sign) for sign in signs])
    return bool(len(codes) and (codes[np.minimum(np.searchsorted(codes, asked), len(codes) - 1)] == asked).all())


def drawn(sign: str, path: Path) -> Picture | None:
    """A character, uint8 (H, W), bright on dark with a margin; None where the font draws nothing or its box for what is missing."""
    page = _page(sign, path)
    if not page.any() or np.array_equal(page, _missing(path)):
        return None
    return page


def _page(sign: str, path: Path) -> Picture:
    page = Image.new("L", (3 * SIZE_PX, 2 * SIZE_PX))
    ImageDraw.Draw(page).text((1.5 * SIZE_PX, SIZE_PX), sign, fill=255, font=_face(path), anchor="mm")
    box = page.getbbox()
    return np.asarray(page.crop(box) if box else page.resize((1, 1)))


@lru_cache(KEPT)
def letter(sign: str, path: Path) -> Letter | None:
    """A character at LETTER_PX to the em; None where the font does not have it."""
    if not has(path, sign):
        return None
    font, page = _face(path), Image.new("L", (3 * SIZE_PX, 3 * SIZE_PX))
    ImageDraw.Draw(page).text((SIZE_PX, 2 * SIZE_PX), sign, fill=255, font=font, anchor="ls")
    box = page.getbbox() or (SIZE_PX, 2 * SIZE_PX, SIZE_PX + 1, 2 * SIZE_PX + 1)
    scale = LETTER_PX / SIZE_PX
    size = max(1, round(scale * (box[2] - box[0]))), max(1, round(scale * (box[3] - box[1])))
    strokes = np.asarray(page.crop(box).resize(size, Image.Resampling.BOX))
    return Letter(strokes, round(scale * (box[0] - SIZE_PX)), round(scale * (box[1] - 2 * SIZE_PX)), scale * font.getlength(sign))


@cache
def _missing(path: Path) -> Picture:
    return _page(MISSING, path)


@cache
def _face(path: Path) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), SIZE_PX, layout_engine=ImageFont.Layout.BASIC)


@cache
def _codes(path: Path) -> NDArray[np.int32]:
    """The code points that a font's table of characters names, in order; none for a file that FreeType does not read.

    The font itself is not kept: each would hold a file open, and some machines allow 1,024 of them.
    """
    try:
        return np.array(sorted(FT2Font(str(path)).get_charmap()), dtype=np.int32)
    except RuntimeError:
        return np.empty(0, dtype=np.int32)
