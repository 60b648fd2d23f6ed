"""Ink is told from paper: whichever of the two is dark, and however unevenly the paper is lit."""

import cv2
import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Picture

Ink = NDArray[np.uint8]  # (H, W), paper 0, the brighter the more ink

LIGHT_SIDE_PX = 40  # the light changes slowly: it is judged on a copy of this size
REACH = 0.3  # of that copy's side: wider than a stroke, narrower than a digit
EVEN_LIGHT = 0.3  # of the contrast between ink and paper: corners that differ by less are lit evenly
BORDER_BAND = 0.15  # of a side: the part of a picture where frames and neighbours are


def to_ink(picture: Picture) -> Ink:
    """How much darker or brighter than the paper around it each pixel of (H, W) is, whichever of the two the strokes are."""
    smooth = np.asarray(cv2.GaussianBlur(picture, (3, 3), 0), dtype=np.uint8)
    scale = min(1.0, LIGHT_SIDE_PX / max(smooth.shape))
    size = [max(1, round(side * scale)) for side in smooth.shape[::-1]]
    small = np.asarray(cv2.resize(smooth, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    is_dark = is_dark_on_light(small)
    if not is_dark:
        smooth, small = 255 - smooth, 255 - small
    paper = cv2.resize(paper_of(small), smooth.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.subtract(paper, smooth), dtype=np.uint8)


def is_dark_on_light(picture: Picture) -> bool:
    """Whether the strokes are dark: ink is the smaller part of a picture, fills more of it than the gaps between strokes
    do, and seldom lies on its border."""
    reach = _reach(picture)
    kernel = np.ones((reach, reach), dtype=np.uint8)
    closed, opened = (cv2.morphologyEx(picture, kind, kernel) for kind in (cv2.MORPH_CLOSE, cv2.MORPH_OPEN))
    inner = inner_of(picture.shape)
    dark, bright = (float(cv2.sumElems(cv2.subtract(a[inner], b[inner]))[0]) for a, b in ((closed, picture), (picture, opened)))
    _, light = cv2.threshold(picture, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    border = np.concatenate([light[0], light[-1], light[:, 0], light[:, -1]]).mean()
    low, half, high = np.sort(picture, axis=None)[[picture.size // 50, picture.size // 2, -1 - picture.size // 50]].astype(float)
    strokes = (dark - bright) / (dark + bright + 1)
    skew = (2 * half - low - high) / (high - low + 1)
    # Weights of a logistic regression on MNIST, USPS's training split and half of a set of phone photos.
    return bool(1.5 * strokes + 4.5 * (border - 0.5) + 6.5 * skew > 0)


def paper_of(picture: Picture) -> Picture:
    """The light paper under dark strokes, everywhere in the picture.

    Where the four corners are lit alike, or nearly so, it is the surface between them. Where a shadow makes them differ,
    it is what a closing leaves, that is wider than a stroke.
    """
    height, width = picture.shape
    y, x = max(1, height // 3), max(1, width // 3)
    corners = np.array([[_level(picture[a, b]) for b in (np.s_[:x], np.s_[-x:])] for a in (np.s_[:y], np.s_[-y:])])
    contrast = max(float(picture.max()) - float(picture.min()), 1.0)
    if np.ptp(corners) <= EVEN_LIGHT * contrast:
        return np.asarray(cv2.resize(corners.astype(np.float32), (width, height)), dtype=np.uint8)
    reach = _reach(picture)
    closed = cv2.morphologyEx(picture, cv2.MORPH_CLOSE, np.ones((reach, reach), dtype=np.uint8))
    return np.asarray(cv2.blur(closed, (reach, reach)), dtype=np.uint8)


def inner_of(shape: tuple[int, ...]) -> tuple[slice, slice]:
    """A picture without the band of its border, where frames and neighbours are."""
    band_y, band_x = (round(side * BORDER_BAND) for side in shape)
    return np.s_[band_y : shape[0] - band_y, band_x : shape[1] - band_x]


def _level(corner: NDArray[np.uint8]) -> int:
    """The brightness that a quarter of a corner's pixels exceed: paper, unless strokes cover three quarters of it."""
    return int(np.sort(corner.ravel())[corner.size * 3 // 4])


def _reach(picture: Picture) -> int:
    """REACH in pixels, odd as a kernel's side must be."""
    return max(3, int(max(picture.shape) * REACH) | 1)
