"""Canvases that MNIST lacks: printed digits, and what is no digit at all. All are made from a seed, none is shipped.

Every picture goes through to_canvas, so that training sees it as a worker would.
"""

from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from matplotlib.ft2font import FT2Font
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from digitkit.canvas import to_canvas
from digitkit.contract import LABELS, SIDE_PX, Canvas, Picture
from digitkit.errors import BlankPicture
from training.data import Split

NO_DIGIT = len(LABELS)  # the label of the eleventh class, whose logit is fixed at 0
GLYPH_PX = 48
# Letters and signs that cannot be taken for a digit in some hand or font; O, l, Z, S and their like are left out.
NON_DIGITS = "ABCDEFGHJKLMNPQRTUVWXYacdefhkmnprtuvwxyz&@#%?$*+=<>{}[]^~"
# Fonts of mathematical signs, and the one of placeholders, which have something else where the letters should be.
NO_TEXT_FONTS = ("STIXSiz", "STIXNonUni", "LastResort", "cmex", "cmmi", "cmsy")
TURNED = {2: (1, 3), 3: (1, 3), 4: (1, 2, 3), 5: (1, 3), 7: (1, 3)}  # quarter turns after which a digit is none


def printed_digits() -> Split:
    """One canvas for each digit in each of the fonts that matplotlib carries, so that they are the same everywhere."""
    pairs = [(canvas, digit) for font in _fonts() for digit in LABELS for canvas in _rendered(str(digit), font)]
    return Split(np.stack([canvas for canvas, _ in pairs]), np.array([digit for _, digit in pairs]))


def non_digits(train: Split, count: int, seed: int) -> Split:
    """About `count` canvases, labelled NO_DIGIT: letters and signs, turned digits, pairs of digits, scribbles.

    Args:
        train: the digits that turned and paired ones are made from.
        count: how many, in equal shares.
        seed: of everything random in them.
    """
    draw = np.random.default_rng(seed)
    letters = np.stack([canvas for font in _fonts() for sign in NON_DIGITS for canvas in _rendered(sign, font)])
    share = count // 4
    made = np.concatenate([
        letters[draw.integers(len(letters), size=share)],
        _turned(train, share, draw),
        _made(lambda: _pair(train, draw), share),
        _made(lambda: _scribble(draw), share),
    ])  # fmt: skip
    return Split(made, np.full(len(made), NO_DIGIT))


@cache
def _fonts() -> tuple[Path, ...]:
    """The fonts in matplotlib's own folder that have letters and digits where Unicode puts them."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return tuple(path for path in sorted(folder.glob("*.ttf")) if _is_text_font(path))


def _is_text_font(path: Path) -> bool:
    font = FT2Font(str(path))
    return all(font.get_char_index(ord(sign)) for sign in "0189AZaz") and not path.stem.startswith(NO_TEXT_FONTS)


def _rendered(sign: str, font: Path) -> Iterator[Canvas]:
    """The canvas of one character, none where the font draws nothing for it."""
    page = Image.new("L", (2 * GLYPH_PX, 2 * GLYPH_PX))
    ImageDraw.Draw(page).text((GLYPH_PX, GLYPH_PX), sign, fill=255, font=ImageFont.truetype(str(font), GLYPH_PX), anchor="mm")
    try:
        yield to_canvas(np.asarray(page))
    except BlankPicture:
        return


def _turned(train: Split, count: int, draw: Generator) -> NDArray[np.uint8]:
    candidates = np.flatnonzero(np.isin(train.labels, list(TURNED)))
    chosen = draw.choice(candidates, size=count)
    return np.stack([np.rot90(train.pictures[i], draw.choice(TURNED[int(train.labels[i])])) for i in chosen])


def _made(make: Callable[[], Picture], count: int) -> NDArray[np.uint8]:
    """`count` canvases of pictures that `make` makes, those that come out blank left out."""
    canvases: list[Canvas] = []
    while len(canvases) < count:
        try:
            canvases.append(to_canvas(make()))
        except BlankPicture:
            continue
    return np.stack(canvases)


def _pair(train: Split, draw: Generator) -> Picture:
    """Two digits that touch or overlap, side by side."""
    left, right = (train.pictures[i] for i in draw.integers(len(train), size=2))
    page = np.zeros((SIDE_PX, 2 * SIDE_PX), dtype=np.uint8)
    shift = int(draw.integers(9, 17))
    page[:, :SIDE_PX] = left
    page[:, shift : shift + SIDE_PX] = np.maximum(page[:, shift : shift + SIDE_PX], right)
    return page


def _scribble(draw: Generator) -> Picture:
    """A few smooth strokes that cross: curves through random points, as wide as a pen's."""
    page = np.zeros((2 * SIDE_PX, 2 * SIDE_PX), dtype=np.uint8)
    for _ in range(draw.integers(2, 6)):
        corners = draw.uniform(6, 2 * SIDE_PX - 6, size=(draw.integers(2, 5), 2))
        steps = np.linspace(0, 1, 16)[:, None]
        curve = corners[:1] + 0 * steps
        for a, b in pairwise(corners):
            bow = (a + b) / 2 + draw.normal(0, 6, size=2)
            curve = np.concatenate([curve, (1 - steps) ** 2 * a + 2 * steps * (1 - steps) * bow + steps**2 * b])
        cv2.polylines(page, [curve.round().astype(np.int32)], False, 255, int(draw.integers(3, 6)), cv2.LINE_AA)
    return page


def rescanned(train: Split, count: int, seed: int) -> Split:
    """`count` digits of MNIST as other scanners would bring them: of any size, stretched, thresholded, cropped tightly."""
    draw = np.random.default_rng(seed)
    chosen = draw.choice(len(train), size=count, replace=False)
    canvases, labels = [], []
    for i in chosen:
        try:
            canvases.append(to_canvas(_rescan(train.pictures[i], draw)))
            labels.append(train.labels[i])
        except BlankPicture:
            continue
    return Split(np.stack(canvases), np.array(labels))


def _rescan(canvas: Canvas, draw: Generator) -> Picture:
    x, y, width, height = cv2.boundingRect(canvas)
    side = int(draw.integers(12, 40))
    stretched = draw.random() < 0.5
    across = side if stretched else max(2, round(side * width / max(width, height)))
    down = side if stretched else max(2, round(side * height / max(width, height)))
    scan = cv2.resize(canvas[y : y + height, x : x + width], (across, down), interpolation=cv2.INTER_AREA)
    if draw.random() < 0.5:
        scan = np.where(scan > draw.integers(60, 180), 255, 0).astype(np.uint8)
    margin = int(draw.choice([0, 0, 1, 4]))
    page = cv2.copyMakeBorder(scan, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=0)
    return np.asarray(255 - page if draw.random() < 0.5 else page, dtype=np.uint8)
