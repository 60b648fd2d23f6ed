"""Characters of any script as the fonts of the machine draw them, without the boxes that stand for what a font lacks."""

from functools import cache
from pathlib import Path

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
    return bool(np.isin([ord(sign) for sign in signs], _codes(path)).all())


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


@cache
def _missing(path: Path) -> Picture:
    return _page(MISSING, path)


@cache
def _face(path: Path) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), SIZE_PX, layout_engine=ImageFont.Layout.BASIC)


@cache
def _codes(path: Path) -> NDArray[np.int32]:
    """The code points that a font's table of characters names; none for a file that FreeType does not read.

    The font itself is not kept: each would hold a file open, and some machines allow 1,024 of them.
    """
    try:
        return np.array(list(FT2Font(str(path)).get_charmap()), dtype=np.int32)
    except RuntimeError:
        return np.empty(0, dtype=np.int32)
