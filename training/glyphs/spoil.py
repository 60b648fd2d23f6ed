"""What pens, stamps and printers do to a glyph: gaps, thin and thick strokes, uneven ink, holes, outlines.

Every way takes and returns a glyph, uint8 (H, W), bright on dark; a thicker one is larger, and a thin one has a margin.
"""

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitkit.contract import Picture

Way = Callable[[Picture, Generator], Picture]
Ways = tuple[tuple[Way, float], ...]  # with the share of glyphs that each spoils

GAP = (0.02, 0.07)  # a gap's width as a share of the glyph's height, from and to
THIN = (0.004, 0.035)  # a thin stroke's width as a share of the glyph's height, from and to
FAINTEST = 0.5  # the least share of its ink that a stroke thinner than a pixel keeps
THICK = (0.01, 0.04)  # what a thick stroke gains on either side as a share of the glyph's height, from and to
THICK_ENOUGH_PX = 2.0  # half the width of a stroke, at its widest, that can be made thin
OUTLINE = (0.02, 0.05)  # an outline's width as a share of the glyph's height, from and to
LEAST_INK = 0.6  # the share of its ink that a glyph keeps when parts are taken away
NOISE_PX = 512  # the side of the sheets of noise that grain and holes are cut from


def gaps(glyph: Picture, draw: Generator) -> Picture:
    """Breaks in strokes, as of a pen that skips: short erased lines across, each through a place with ink."""
    rows, columns = np.nonzero(glyph > 127)
    if len(rows) == 0:
        return glyph
    cut, height = glyph.copy(), glyph.shape[0]
    for _ in range(draw.integers(1, 5)):
        at = draw.integers(len(rows))
        angle, half = draw.uniform(0, np.pi), 0.14 * height
        step = np.array([np.cos(angle), np.sin(angle)]) * half
        ends = [np.array([columns[at], rows[at]]) + side * step for side in (-1, 1)]
        width = max(1, round(height * draw.uniform(*GAP)))
        start, end = (tuple(int(v) for v in np.round(8 * point)) for point in ends)
        cv2.line(cut, start, end, 0, width, cv2.LINE_AA, shift=3)
    return _if_enough(cut, glyph)


def thin(glyph: Picture, draw: Generator) -> Picture:
    """The middle of the strokes, as of a fine pen: where the distance to the paper has its ridge, and so little slope.

    A stroke thinner than a pixel covers a part of it, and is as much fainter.
    """
    framed = cv2.copyMakeBorder(glyph, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=0)
    off = cv2.GaussianBlur(cv2.distanceTransform((framed > 110).astype(np.uint8), cv2.DIST_L2, 5), (0, 0), 1)
    slope = cv2.magnitude(cv2.Sobel(off, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(off, cv2.CV_32F, 0, 1, scale=0.125))
    if off.max() < THICK_ENOUGH_PX:
        return glyph
    middle = ((slope < 0.72) & (off > 1.2)).astype(np.uint8) * 255
    width = glyph.shape[0] * draw.uniform(*THIN)
    if width > 4:
        middle = np.asarray(cv2.dilate(middle, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))), dtype=np.uint8)
    faint = min(1, max(width, FAINTEST))
    stroke = np.asarray(cv2.convertScaleAbs(cv2.GaussianBlur(middle, (0, 0), 0.8), alpha=faint), dtype=np.uint8)
    return stroke if _is_enough(stroke, glyph, 0.08) else glyph


def thick(glyph: Picture, draw: Generator) -> Picture:
    """Wider strokes, as of a felt pen; no wider than leaves the holes of 6, 8 and 9 open in most hands."""
    by = max(1, round(glyph.shape[0] * draw.uniform(*THICK)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * by + 1, 2 * by + 1))
    return np.asarray(cv2.dilate(cv2.copyMakeBorder(glyph, by, by, by, by, cv2.BORDER_CONSTANT, value=0), kernel), dtype=np.uint8)


def grain(glyph: Picture, draw: Generator) -> Picture:
    """Ink that takes unevenly, as a pencil's on rough paper or a pen's that runs dry."""
    sheet = _cut(int(draw.integers(0, 3)), glyph.shape, draw)
    depth, level = draw.uniform(0.2, 0.9), draw.uniform(0.6, 1)
    return np.asarray(cv2.multiply(glyph, np.clip(level - depth * (sheet - 0.5), 0.15, 1), dtype=cv2.CV_8U), dtype=np.uint8)


def holes(glyph: Picture, draw: Generator) -> Picture:
    """Worn or badly inked print: patches of the strokes are missing."""
    sheet = _cut(int(draw.integers(1, 4)), glyph.shape, draw)
    kept = np.clip((draw.uniform(0.65, 0.92) - sheet) * 12, 0, 1)
    return _if_enough(np.asarray(cv2.multiply(glyph, kept, dtype=cv2.CV_8U), dtype=np.uint8), glyph)


def outlined(glyph: Picture, draw: Generator) -> Picture:
    """The outline of the strokes alone, where they are wide enough to have one."""
    width = max(1.2, glyph.shape[0] * draw.uniform(*OUTLINE))
    framed = cv2.copyMakeBorder(glyph, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    off = cv2.distanceTransform((framed > 127).astype(np.uint8), cv2.DIST_L2, 5)
    if off.max() < 2.2 * width:
        return glyph
    return np.asarray(cv2.multiply(framed, np.clip(width + 0.5 - off, 0, 1), dtype=cv2.CV_8U)[1:-1, 1:-1], dtype=np.uint8)


def stencilled(glyph: Picture, draw: Generator) -> Picture:
    """Bridges as a stencil has them: an upright strip through the middle is missing."""
    width = glyph.shape[1]
    half, at = max(1.0, glyph.shape[0] * draw.uniform(0.02, 0.05)), width * draw.uniform(0.42, 0.58)
    kept = np.clip(np.abs(np.arange(width, dtype=np.float32) - at) - half, 0, 1)
    return np.asarray(glyph * kept, dtype=np.uint8)


def _if_enough(spoilt: Picture, glyph: Picture) -> Picture:
    return spoilt if _is_enough(spoilt, glyph, LEAST_INK) else glyph


def _is_enough(spoilt: Picture, glyph: Picture, least: float) -> bool:
    return cv2.sumElems(spoilt)[0] >= least * cv2.sumElems(glyph)[0]


def _cut(scale: int, shape: tuple[int, ...], draw: Generator) -> NDArray[np.float32]:
    """A piece of a sheet of noise, evenly spread from 0 to 1, with grains of 1, 2, 4 or 8 px by `scale`."""
    top, left = draw.integers(0, NOISE_PX - np.minimum(shape, NOISE_PX) + 1)
    return _sheet(scale)[top : top + shape[0], left : left + shape[1]]


@cache
def _sheet(scale: int) -> NDArray[np.float32]:
    side = NOISE_PX >> scale
    coarse = np.random.default_rng(scale).random((side, side), dtype=np.float32)
    sheet = cv2.GaussianBlur(cv2.resize(coarse, (NOISE_PX, NOISE_PX), interpolation=cv2.INTER_CUBIC), (0, 0), 0.5 * 2**scale)
    ranks = np.argsort(np.argsort(sheet, axis=None)).reshape(sheet.shape)
    return (ranks / ranks.size).astype(np.float32)


def spoilt(glyph: Picture, ways: Ways, draw: Generator) -> Picture:
    """The glyph spoilt in at most one of the ways, drawn by their shares: two at once leave digits that nobody reads."""
    level = draw.random()
    for way, share in ways:
        if level < share:
            return way(glyph, draw)
        level -= share
    return glyph


# The ways with the shares of glyphs that they spoil: of what a pen or a press leaves, and of what a display or a stencil shows.
PENS: Ways = ((thin, 0.16), (thick, 0.06), (gaps, 0.14), (grain, 0.14), (holes, 0.05))
DISPLAYS: Ways = ((thick, 0.04), (gaps, 0.05), (grain, 0.1), (holes, 0.05))
