"""Separate ink from paper, whichever of the two is dark and however unevenly the paper is lit."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Picture
from digitkit.errors import BlankPicture

Ink = NDArray[np.uint8]  # (H, W), 0 for paper, the higher the more ink

FAINTEST = 6  # grey levels between the darkest and the brightest pixel; with less there is nothing to be seen
LIGHT_SIDE_PX = 40  # longer side of the small copy on which paper and polarity are judged: light changes slowly over a page
REACH = 0.3  # side of the kernel that removes strokes, as a share of that copy's longer side: wider than a stroke, narrower than a digit
STROKE, AROUND = 0.15, 0.2  # sides of the kernels for a stroke's width and for its surroundings, as shares of that copy's longer side
RING = 0.08  # distance of a second ring of pixels from the border, as a share of the shorter side: a frame can cover the first ring
EVEN_LIGHT = 0.3  # largest difference between the corners of evenly lit paper, as a share of the picture's contrast
BORDER_BAND = 0.15  # width of the band along a border where frames and neighbouring digits are, as a share of that side


def check_contrast(picture: Picture) -> None:
    """Raise BlankPicture where a picture is of one grey level, or nearly so."""
    if int(picture.max()) - int(picture.min()) < FAINTEST:
        raise BlankPicture(f"no ink: no two pixels of the picture differ by {FAINTEST} of 255 grey levels or more")


def to_ink(picture: Picture, *, has_shadows: bool = True) -> Ink:
    """How far each pixel stands out from the paper around it, whether the strokes are dark or bright.

    Args:
        picture: uint8 (H, W), at least 1 x 1.
        has_shadows: False for a small crop, whose paper is taken to be of one brightness.
    Returns:
        uint8 (H, W), 0 for paper.
    """
    smooth = np.asarray(cv2.GaussianBlur(picture, (3, 3), 0), dtype=np.uint8)
    scale = min(1.0, LIGHT_SIDE_PX / max(smooth.shape))
    size = [max(1, round(side * scale)) for side in smooth.shape[::-1]]
    small = np.asarray(cv2.resize(smooth, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    is_dark = is_dark_on_light(small)
    if not is_dark:
        smooth, small = 255 - smooth, 255 - small
    paper = cv2.resize(paper_of(small, has_shadows=has_shadows), smooth.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.subtract(paper, smooth), dtype=np.uint8)


def is_dark_on_light(picture: Picture) -> bool:
    """Whether the strokes are darker than the paper, decided by a logistic regression on four features.

    The features: how much more of the narrow structures is dark than bright (black hat against top hat); the skew of the pixels
    around their local mean; the skew of all pixels around their median; and how much of two rings along the border is light.
    """
    inner = inner_of(picture.shape)
    kernel = np.ones((_odd(picture, STROKE),) * 2, dtype=np.uint8)
    dark, bright = (cv2.morphologyEx(picture, hat, kernel)[inner] for hat in (cv2.MORPH_BLACKHAT, cv2.MORPH_TOPHAT))
    strokes = _balance(_sum(dark), _sum(bright))
    around = cv2.blur(picture, (_odd(picture, AROUND),) * 2)
    deeper, higher = (cv2.subtract(a, b).astype(np.float32) for a, b in ((around, picture), (picture, around)))
    local_skew = _balance(_sum(deeper**3), _sum(higher**3))
    low, median, high = np.sort(picture, axis=None)[[picture.size // 50, picture.size // 2, -1 - picture.size // 50]].astype(float)
    skew = _balance(median - low, high - median)
    _, light = cv2.threshold(picture, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    step = max(1, round(RING * min(picture.shape)))
    rings = _ring(light) + _ring(light[step:-step, step:-step])
    # The weights were fitted on MNIST, its digits in frames, ruled pages, USPS's training split and half of a set of phone
    # photos, each picture in both polarities.
    return 7.1 * strokes + 2.9 * local_skew + 2.1 * skew + 7.0 * (rings - 1) > 0


def paper_of(picture: Picture, *, has_shadows: bool) -> Picture:
    """The brightness of light paper under and around dark strokes, uint8 (H, W).

    Where the four corners are about equally bright, the paper is interpolated between them. Where a shadow makes them differ,
    it is what a morphological closing wider than a stroke leaves. Without shadows it is the picture's 95th percentile.
    """
    if not has_shadows:
        return np.full_like(picture, np.sort(picture, axis=None)[-1 - picture.size // 20])
    height, width = picture.shape
    y, x = max(1, height // 3), max(1, width // 3)
    corners = np.array([[_level(picture[a, b]) for b in (np.s_[:x], np.s_[-x:])] for a in (np.s_[:y], np.s_[-y:])])
    contrast = max(float(picture.max()) - float(picture.min()), 1.0)
    if np.ptp(corners) <= EVEN_LIGHT * contrast:
        return np.asarray(cv2.resize(corners.astype(np.float32), (width, height)), dtype=np.uint8)
    reach = _odd(picture, REACH)
    closed = cv2.morphologyEx(picture, cv2.MORPH_CLOSE, np.ones((reach, reach), dtype=np.uint8))
    return np.asarray(cv2.blur(closed, (reach, reach)), dtype=np.uint8)


def inner_of(shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The slices of a picture's inside, without the band along its border where frames and neighbouring digits are."""
    band_y, band_x = (round(side * BORDER_BAND) for side in shape)
    return np.s_[band_y : shape[0] - band_y, band_x : shape[1] - band_x]


def _level(corner: NDArray[np.uint8]) -> int:
    """The 75th percentile of a corner's pixels: the paper's brightness, unless strokes cover three quarters of the corner."""
    return int(np.sort(corner.ravel())[corner.size * 3 // 4])


def _odd(picture: Picture, share: float) -> int:
    """A share of the picture's longer side in pixels, odd as a kernel's side must be, and at least 3."""
    return max(3, int(max(picture.shape) * share) | 1)


def _balance(a: float, b: float) -> float:
    """How much `a` outweighs `b`, both at least 0: from -1 to 1."""
    return (a - b) / (a + b + 1)


def _sum(values: NDArray[Any]) -> float:
    return float(cv2.sumElems(values)[0])


def _ring(mask: NDArray[Any]) -> float:
    """The share of a mask's outermost pixels that are 1; 0.5 where the mask is empty."""
    inside = mask[1:-1, 1:-1]
    count = mask.size - inside.size
    return (_sum(mask) - (_sum(inside) if inside.size else 0)) / count if count else 0.5
