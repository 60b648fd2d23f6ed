"""Digits of seven segments, as displays of meters, scales, pumps and clocks show them."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitkit.contract import Picture

HEIGHT_PX = 96
MARGIN_PX = 16
ASPECT = (0.42, 0.8)  # width by height between the middles of the segments, from and to
THICKNESS = (0.05, 0.2)  # a segment's, as a share of the height, from and to
FLAT_THICKNESS = (0.04, 0.1)  # that of flat bars, whose corners are empty: thicker ones would be a chequered board
GAP = (0.0, 0.07)  # between the ends of two segments, as a share of the height, from and to
SLANTED = 0.4  # the share of displays whose digits lean
SLANT = (0.05, 0.25)  # how far the top of these leans to the right, as a share of the height

# The segments that each digit lights, in the usual letters: a is the top, then clockwise b to f, and g the middle one. Where a digit
# has several ways, displays differ: six and nine with and without their tail, seven with and without its left bar.
LIT = {
    0: ("abcdef",),
    1: ("bc", "ef"),
    2: ("abdeg",),
    3: ("abcdg",),
    4: ("bcfg",),
    5: ("acdfg",),
    6: ("acdefg", "cdefg"),
    7: ("abc", "abcf"),
    8: ("abcdefg",),
    9: ("abcdfg", "abcfg"),
}
# The ends of each segment in the unit square, y down.
ENDS = {
    "a": ((0, 0), (1, 0)),
    "b": ((1, 0), (1, 0.5)),
    "c": ((1, 0.5), (1, 1)),
    "d": ((0, 1), (1, 1)),
    "e": ((0, 0.5), (0, 1)),
    "f": ((0, 0), (0, 0.5)),
    "g": ((0, 0.5), (1, 0.5)),
}
TIPS = ("flat", "pointed", "round", "mitred")


class SegmentBuild(NamedTuple):
    """How a display's digits are built.

    Attributes:
        tip: one of TIPS.
        aspect: width by height between the middles of the segments.
        thickness: a segment's, in pixels.
        gap: between the ends of two segments, in pixels.
        slant: how far the top leans to the right, as a share of the height.
    """

    tip: str
    aspect: float
    thickness: float
    gap: float
    slant: float


def segment_build(draw: Generator) -> SegmentBuild:
    """A display of a random build."""
    tip = TIPS[draw.integers(len(TIPS))]
    aspect, thickness = draw.uniform(*ASPECT), HEIGHT_PX * draw.uniform(*(FLAT_THICKNESS if tip == "flat" else THICKNESS))
    gap = HEIGHT_PX * draw.uniform(*GAP) * draw.random()
    slant = draw.uniform(*SLANT) if draw.random() < SLANTED else 0.0
    return SegmentBuild(tip, aspect, thickness, gap, slant)


def segmented(digit: int, draw: Generator) -> Picture:
    """A digit on a display of a random build, uint8 (H, W), bright on dark, about HEIGHT_PX tall, with a margin."""
    build = segment_build(draw)
    return segments_of(LIT[digit][draw.integers(len(LIT[digit]))], build)


def segments_of(names: str, build: SegmentBuild) -> Picture:
    """The named segments of a display's digit, uint8 (H, W) with a margin of MARGIN_PX, bright on dark."""
    size = np.array([HEIGHT_PX * build.aspect, HEIGHT_PX])
    page = np.zeros((HEIGHT_PX + 2 * MARGIN_PX, round(size[0] + build.slant * HEIGHT_PX) + 2 * MARGIN_PX), dtype=np.uint8)
    for name in names:
        start, end = (np.array(point) * size for point in ENDS[name])
        outline = _outline(start, end, build.thickness, build.gap, build.tip)
        if build.tip == "mitred":
            outline = _mitred(name, outline, build.thickness)
        outline[:, 0] += build.slant * (HEIGHT_PX - outline[:, 1])
        cv2.fillPoly(page, [np.round(16 * (outline + MARGIN_PX)).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    return page


def _outline(start: NDArray[np.float64], end: NDArray[np.float64], thickness: float, gap: float, tip: str) -> NDArray[np.float64]:
    """The corners (N, 2) of a bar from start to end whose tips keep half the gap from either, in pixels."""
    along = (end - start) / np.linalg.norm(end - start)
    across = np.array([-along[1], along[0]]) * thickness / 2
    inset = thickness / 2 if tip == "flat" else 0.0  # flat bars would cover one another's corners
    first, last = start + along * (gap / 2 + inset), end - along * (gap / 2 + inset)
    if tip in ("flat", "mitred"):
        return np.array([first + across, last + across, last - across, first - across])
    turns = np.linspace(-np.pi / 2, np.pi / 2, 3 if tip == "pointed" else 9)[:, None]
    bow = np.cos(turns) * along * thickness / 2, np.sin(turns) * across
    return np.concatenate([last - along * thickness / 2 + bow[0] + bow[1], first + along * thickness / 2 - bow[0] - bow[1]])


def _mitred(name: str, outline: NDArray[np.float64], thickness: float) -> NDArray[np.float64]:
    """The bar with its inner corners drawn in, as where segments meet at 45 degrees; the middle one stays a bar."""
    if name == "g":
        return outline
    middle = np.array(ENDS[name]).mean(axis=0) - 0.5
    off = outline - outline.mean(axis=0)
    is_inner = off @ middle < 0
    is_upright = name in "bcef"
    axis = 1 if is_upright else 0
    shift = np.sign(off[:, axis]) * thickness / 2
    outline[is_inner, axis] -= shift[is_inner]
    outline[~is_inner, axis] += shift[~is_inner]
    return outline
