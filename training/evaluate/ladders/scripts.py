"""Signs of other scripts: Greek letters, and numerals of which some look like our digits and others mean something else."""

import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFont

from digitkit.pictures.codec import encode_png
from training.augment.synthetic import NO_DIGIT
from training.data.mnist import Split
from training.evaluate.exams.exam import Exam
from training.evaluate.ladders.drawing import RUNG, Ink, anywhere, levels, log_uniform, painted

GREEK = "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩαβγδεζηθικλμνξοπρστυφχψω"
ZEROS = {"Kannada": "೦", "Bangla": "০", "Devanagari": "०", "Telugu": "౦"}  # the other nine numerals follow in Unicode
GREEK_GOAL, NUMERALS_GOAL = 0.4, 0.3
HEIGHTS_PX = (24, 200)


def scripts(_: Split, draw: Generator) -> Iterator[Exam]:
    """Each script that a font of this machine has; those of Noto come with the package fonts-noto-core."""
    for name, signs, goal in [
        ("Greek letters", GREEK, GREEK_GOAL),
        *((f"{name} numerals", numerals(name), NUMERALS_GOAL) for name in ZEROS),
    ]:
        fonts = fonts_with(signs)
        if not fonts:
            print(f"skipped: no font of this machine has {name}; fonts-noto-core has", file=sys.stderr)
            continue
        inks = (glyph(signs[i % len(signs)], fonts[draw.integers(len(fonts))], log_uniform(draw, *HEIGHTS_PX)) for i in range(RUNG))
        files = [encode_png(_on_page(ink, draw)) for ink in inks]
        yield Exam(name, "accepted", files, np.full(len(files), NO_DIGIT), goal, is_error=True)


def numerals(name: str) -> str:
    return "".join(chr(ord(ZEROS[name]) + step) for step in range(10))


@cache
def fonts_with(signs: str) -> tuple[Path, ...]:
    """The fonts of the system and of matplotlib that have all of these signs, sorted by name."""
    brought = (Path(matplotlib.get_data_path()) / "fonts" / "ttf").glob("*.ttf")
    found = {path.name: path for path in [*map(Path, font_manager.findSystemFonts()), *brought]}
    return tuple(path for _, path in sorted(found.items()) if path.suffix in (".ttf", ".otf") and _has(path, signs))


def _has(path: Path, signs: str) -> bool:
    font = FT2Font(str(path))
    return "LastResort" not in path.stem and all(font.get_char_index(ord(sign)) for sign in signs)


def glyph(sign: str, font: Path, size: int) -> Ink:
    """A sign in a font, cropped to its ink."""
    page = Image.new("L", (3 * size, 3 * size))
    ImageDraw.Draw(page).text((size, size), sign, fill=255, font=ImageFont.truetype(str(font), size))
    return np.asarray(np.asarray(page.crop(page.getbbox())) / 255, dtype=np.float32)


def _on_page(ink: Ink, draw: Generator) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    side = round(draw.uniform(1.3, 2.2) * max(ink.shape))
    return painted(anywhere(ink, (side, side), draw), *levels(draw))
