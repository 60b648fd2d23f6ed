"""One digit's strokes, of many hands and machines: what a scene places on its paper, and whose pixels are the truth."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator

from digitkit.contract import Picture
from digitkit.readers.digits.digit import LABELS
from training.data.mnist import Split
from training.glyphs.dots import dotted
from training.glyphs.faces import drawn, faces_with
from training.glyphs.hands import handwritten
from training.glyphs.pens import PenHand
from training.glyphs.segments import segmented
from training.glyphs.spoil import DISPLAYS, PENS, Ways, outlined, spoilt, stencilled

# Parts of the names of fonts whose 1 is an I, or whose digits have shapes that nobody else draws.
NO_DIGITS = ("EBGaramond", "Essays1743", "Vollkorn", "It_wasn_t_me", "Wargames", "BecauseWeBuild", "Symbol", "Dingbats")

HEIGHT_PX = (40.0, 160.0)  # a glyph's height, from and to
LONGEST_PX = 200  # a glyph that would be wider is made smaller
POOL = 3000  # glyphs of each source but MNIST that a process keeps; every one is warped anew whenever it is used
STRETCH = 0.18  # standard deviation of the logarithm of a glyph's width by height, as a factor
SLANT = 0.12  # standard deviation of how far a glyph's top leans over its foot, as a share of its height
FAINT = 24  # grey levels below this are no ink: they would be a margin that nobody sees
COARSE = 1.7  # a glyph enlarged by more than this is sharpened
STEEPER = 0.7  # how much steeper an edge is made, for each time that a glyph is enlarged
MIDDLE = 110  # the grey level at which an edge stays in its place
MNIST_SHARE = 0.45
BARE = 0.5  # the share of written digits that are shapes without a manner, many of them by a thinner pen

Glyph = tuple[Picture, int]  # strokes, bright on dark, and the digit


class Maker(NamedTuple):
    """Where glyphs come from beside MNIST.

    Attributes:
        make: draws one of them.
        share: its part of what MNIST leaves.
        ways: what spoils them.
    """

    make: Callable[[Generator], Glyph]
    share: float
    ways: Ways


def digit_glyph(train: Split, draw: Generator) -> Glyph:
    """One digit's strokes and which digit they are.

    Args:
        train: MNIST's training digits, of which MNIST_SHARE of the glyphs are made.
        draw: the source of everything random in them.
    Returns:
        uint8 (H, W), 0 to 255, bright on dark with soft edges, without a margin, 40 to 160 px tall but for wide ones; and 0 to 9.
    """
    if draw.random() < MNIST_SHARE:
        chosen = int(draw.integers(len(train)))
        return finished(train.pictures[chosen], draw), int(train.labels[chosen])
    source = int(draw.choice(len(SOURCES), p=_SHARES))
    strokes, digit = _kept(source, int(draw.integers(POOL)))
    return finished(strokes, draw, SOURCES[source].ways), digit


def finished(strokes: Picture, draw: Generator, ways: Ways = PENS) -> Picture:
    """Strokes at a size, stretch and slant of their own, perhaps spoilt in one of the ways, cropped to their ink."""
    return cropped(spoilt(resized(cropped(strokes), draw), ways, draw))


def cropped(glyph: Picture) -> Picture:
    """The glyph without rows and columns at its border that hold no ink, and without what is too faint to be seen."""
    inked = cv2.threshold(glyph, FAINT, 0, cv2.THRESH_TOZERO)[1]
    x, y, width, height = cv2.boundingRect(inked)
    return np.asarray(inked[y : y + height, x : x + width], dtype=np.uint8)


def resized(strokes: Picture, draw: Generator) -> Picture:
    """Strokes enlarged or shrunk to a height, stretched and leaning, with edges about two pixels wide whatever they were."""
    height = HEIGHT_PX[0] * (HEIGHT_PX[1] / HEIGHT_PX[0]) ** draw.random()
    scale = min(height / strokes.shape[0], LONGEST_PX / strokes.shape[1])
    across = min(scale * np.exp(draw.normal(0, STRETCH)), LONGEST_PX / strokes.shape[1])
    framed = cv2.copyMakeBorder(strokes, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    if scale > COARSE:
        framed = cv2.GaussianBlur(framed, (3, 3), 0.5)
    kind = cv2.INTER_AREA if max(scale, across) < 1 else cv2.INTER_CUBIC
    upright = cv2.resize(framed, None, fx=across, fy=scale, interpolation=kind)
    if scale > COARSE:  # the edges, blurred until the small one's pixels are gone, are made as steep as a pen's again
        upright = cv2.addWeighted(upright, 1 + STEEPER * scale, upright, 0, -STEEPER * scale * MIDDLE)
    slant = draw.normal(0, SLANT)
    room = abs(slant) * upright.shape[0]
    leaning = np.array([[1, -slant, room if slant > 0 else 0], [0, 1, 0]])
    return np.asarray(cv2.warpAffine(upright, leaning, (upright.shape[1] + int(np.ceil(room)), upright.shape[0])), dtype=np.uint8)


@cache
def _kept(source: int, slot: int) -> Glyph:
    """The glyph of a source in a place of its pool: drawn when it is first asked for, the same in every process."""
    return SOURCES[source].make(np.random.default_rng((source, slot)))


def _written(draw: Generator) -> Glyph:
    digit = int(draw.integers(len(LABELS)))
    return handwritten(digit, draw) if draw.random() < BARE else PenHand(draw).digit(digit, draw).strokes, digit


def _printed(draw: Generator) -> Glyph:
    digit = int(draw.integers(len(LABELS)))
    while (page := drawn(str(digit), digit_fonts()[draw.integers(len(digit_fonts()))])) is None:
        pass
    return page, digit


@cache
def digit_fonts() -> tuple[Path, ...]:
    """The fonts that draw digits as everybody does."""
    return tuple(path for path in faces_with("0123456789AZaz") if not any(word in path.stem for word in NO_DIGITS))


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


SOURCES = (
    Maker(_written, 0.38, PENS),
    Maker(_printed, 0.24, PENS),
    Maker(_segmented, 0.17, DISPLAYS),
    Maker(_dotted, 0.12, DISPLAYS),
    Maker(_stencilled, 0.04, DISPLAYS),
    Maker(_outlined, 0.05, DISPLAYS),
)
_SHARES = tuple(source.share for source in SOURCES)
