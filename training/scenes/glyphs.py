"""One digit's strokes, of many hands and machines: what a scene places on its paper, and whose pixels are the truth."""

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
from numpy.random import Generator

from digitkit.contract import Picture
from digitkit.readers.digits.digit import LABELS
from training.augment.fonts import fonts
from training.data.mnist import Split
from training.scenes.dots import dotted
from training.scenes.faces import drawn
from training.scenes.hands import handwritten
from training.scenes.segments import segmented
from training.scenes.spoil import WAYS, outlined, stencilled

Glyph = tuple[Picture, int]  # strokes, bright on dark, and the digit
Source = Callable[[Generator], Glyph]

HEIGHT_PX = (40.0, 160.0)  # a glyph's height, from and to
LONGEST_PX = 200  # a glyph that would be wider is made smaller
POOL = 3000  # glyphs of each source but MNIST that a process keeps; every one is warped anew whenever it is used
STRETCH = 0.18  # standard deviation of the logarithm of a glyph's width by height, as a factor
SLANT = 0.12  # standard deviation of how far a glyph's top leans over its foot, as a share of its height
FAINT = 24  # grey levels below this are no ink: they would be a margin that nobody sees
MNIST_SHARE = 0.45


def digit_glyph(train: Split, draw: Generator) -> Glyph:
    """One digit's strokes and which digit they are.

    Args:
        train: MNIST's training digits, of which MNIST_SHARE of the glyphs are made.
        draw: the source of everything random in them.
    Returns:
        uint8 (H, W), 0 to 255, bright on dark with soft edges, 40 to 160 px tall and without a margin; and 0 to 9.
    """
    if draw.random() < MNIST_SHARE:
        chosen = int(draw.integers(len(train)))
        strokes, digit = train.pictures[chosen], int(train.labels[chosen])
    else:
        source = draw.choice(len(SOURCES), p=_SHARES)
        strokes, digit = _kept(int(source), int(draw.integers(POOL)))
    return finished(strokes, draw), digit


def finished(strokes: Picture, draw: Generator) -> Picture:
    """Strokes at a size, stretch and slant of their own, perhaps spoilt, cropped to their ink."""
    glyph = _sized(cropped(strokes), draw)
    for way, share in WAYS:
        if draw.random() < share:
            glyph = way(glyph, draw)
    return cropped(glyph)


def cropped(glyph: Picture) -> Picture:
    """The glyph without rows and columns at its border that hold no ink, and without what is too faint to be seen."""
    inked = cv2.threshold(glyph, FAINT, 0, cv2.THRESH_TOZERO)[1]
    x, y, width, height = cv2.boundingRect(inked)
    return np.asarray(inked[y : y + height, x : x + width], dtype=np.uint8)


def _sized(strokes: Picture, draw: Generator) -> Picture:
    """Strokes enlarged or shrunk to a height, with edges about two pixels wide whatever they were."""
    height = HEIGHT_PX[0] * (HEIGHT_PX[1] / HEIGHT_PX[0]) ** draw.random()
    scale = min(height / strokes.shape[0], LONGEST_PX / strokes.shape[1])
    across = scale * np.exp(draw.normal(0, STRETCH)) if strokes.shape[1] * scale < LONGEST_PX / 2 else scale
    slant = draw.normal(0, SLANT) * across
    down, wide = strokes.shape[0] * scale, strokes.shape[1] * across
    room = abs(slant) * strokes.shape[0]
    start = room if slant > 0 else 0.0
    size = (int(np.ceil(wide + room)) + 4, int(np.ceil(down)) + 4)
    if scale < 0.7:  # linear interpolation would skip pixels
        small = cv2.resize(strokes, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        across, slant, scale, strokes = across / scale, slant / scale, 1.0, np.asarray(small, dtype=np.uint8)
    moved = np.array([[across, -slant, start + 2], [0, scale, 2]])
    kind = cv2.INTER_CUBIC if scale > 1.5 else cv2.INTER_LINEAR
    large = cv2.warpAffine(strokes, moved, size, flags=kind, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    if scale > 1.5:
        large = _sharpened(np.asarray(large, dtype=np.uint8), scale)
    return np.asarray(large, dtype=np.uint8)


def _sharpened(large: Picture, scale: float) -> Picture:
    """An enlarged glyph with the edges of a pen: blurred until the pixels of the small one are gone, then steepened."""
    smooth = cv2.GaussianBlur(large, (0, 0), 0.45 * scale)
    gain = 0.55 * scale
    return np.asarray(cv2.addWeighted(smooth, 1 + gain, smooth, 0, -gain * 110), dtype=np.uint8)


@cache
def _kept(source: int, slot: int) -> Glyph:
    """The glyph of a source in a place of its pool: drawn when it is first asked for, the same in every process."""
    return list(SOURCES)[source](np.random.default_rng((source, slot)))


def _written(draw: Generator) -> Glyph:
    digit = int(draw.integers(len(LABELS)))
    return handwritten(digit, draw), digit


def _printed(draw: Generator) -> Glyph:
    digit = int(draw.integers(len(LABELS)))
    while (page := drawn(str(digit), fonts()[draw.integers(len(fonts()))])) is None:
        pass
    return page, digit


def _segmented(draw: Generator) -> Glyph:
    digit = int(draw.integers(len(LABELS)))
    return segmented(digit, draw), digit


def _dotted(draw: Generator) -> Glyph:
    digit = int(draw.integers(len(LABELS)))
    return dotted(digit, draw), digit


def _stencilled(draw: Generator) -> Glyph:
    """A printed digit as through a stencil; 1, 4 and 7 need no bridge, or would lose their stem."""
    page, digit = _printed(draw)
    return page if digit in (1, 4, 7) else stencilled(page, draw), digit


def _outlined(draw: Generator) -> Glyph:
    page, digit = _printed(draw)
    return outlined(page, draw), digit


# The sources of glyphs beside MNIST, with the parts that they have of what MNIST leaves.
SOURCES: dict[Source, float] = {_written: 0.4, _printed: 0.24, _segmented: 0.18, _dotted: 0.09, _stencilled: 0.04, _outlined: 0.05}
_SHARES = tuple(SOURCES.values())
