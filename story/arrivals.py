"""The pictures that arrive in the story: MNIST's, as always, and a new source, displays whose thin segments stand far apart.

Its digits are cut out and centred as MNIST's are, as a meter does that finds them by itself. MNIST has no stroke with gaps, so a net that
has hardly seen any reads many of them wrongly.
"""

from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.random import Generator

from digitkit.pictures.codec import encode_png
from digitkit.readers.digits.canvas import centre, fit
from testbed.pictures import LabelledPicture, read_idx
from training.glyphs.segments import HEIGHT_PX, LIT, SegmentBuild, segments_of

TIPS: Final = ("flat", "pointed")
ASPECT: Final = (0.5, 0.65)  # width by height, from and to
THICKNESS: Final = (0.06, 0.1)  # of a segment, as a share of the height, from and to
GAP: Final = (0.08, 0.16)  # between segments, as a share of the height, from and to
SLANT: Final = (0.0, 0.15)  # how far the top leans to the right, as a share of the height, from and to


def display_digits(count: int, draw: Generator) -> list[LabelledPicture]:
    """So many digits, each of a display of its own build."""
    return [_display_digit(int(draw.integers(10)), draw) for _ in range(count)]


def _display_digit(digit: int, draw: Generator) -> LabelledPicture:
    aspect, thickness, gap, slant = (draw.uniform(*bounds) for bounds in (ASPECT, THICKNESS, GAP, SLANT))
    build = SegmentBuild(TIPS[draw.integers(len(TIPS))], aspect, HEIGHT_PX * thickness, HEIGHT_PX * gap, slant)
    strokes = segments_of(LIT[digit][draw.integers(len(LIT[digit]))], build)
    x, y, width, height = cv2.boundingRect(strokes)
    canvas = centre(fit(np.ascontiguousarray(strokes[y : y + height, x : x + width])))
    return LabelledPicture(encode_png(canvas), digit)


def usual_digits(count: int, draw: Generator, root: Path) -> list[LabelledPicture]:
    """So many of MNIST's training digits below `root`: what is reviewed is learned from, and the test digits judge it.

    Raises:
        PicturesError: they are missing or damaged.
    """
    raw = root / "MNIST" / "raw"
    pictures, labels = read_idx(raw / "train-images-idx3-ubyte", axes=3), read_idx(raw / "train-labels-idx1-ubyte", axes=1)
    return [LabelledPicture(encode_png(pictures[i]), int(labels[i])) for i in draw.permutation(len(labels))[:count]]
