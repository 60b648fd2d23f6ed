"""What a camera, a scanner or a sender makes of a page with a line: light, a lens, noise, few pixels, black and white, a codec.

Everything is measured by the height of the digits: what would leave an outline of a large digit would wipe out a small one.
"""

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitkit.contract import Picture
from training.scenes.exposure import light_on
from training.scenes.sheet import Field, cloudy

COARSE_PX = (8.5, 16.0)  # the digits' height in a picture of few pixels, from and to
COARSE, BINARY = 0.3, 0.1  # the shares of pictures of few pixels and of those in black and white
ENLARGED = 0.6  # the share of coarse pictures that are enlarged again
NOISIEST = 0.3  # the deviation of noise, as a share of the ink's contrast, at most
MILD, STRONG = 0.04, 0.11  # the most deviation of a blur, as a share of the digits' height, with few pixels and with many
LEAST_PX = 12  # the least height of a picture
STRETCHES = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST)


def worn(page: Field, digit_px: float, contrast: float, draw: Generator, *, binary: float = BINARY) -> tuple[Picture, NDArray[np.float32]]:
    """The picture that is taken of a page.

    Args:
        page: grey levels, 0 to 1.
        digit_px: the height of its digits.
        contrast: how much their ink differs from its ground; noise stays below a share of it.
        binary: the share of pictures in black and white.
    Returns:
        uint8 (H, W), and how many times it is as wide and as high as the page, (2,).
    """
    if draw.random() < binary:
        return _binary(page, digit_px, contrast, draw)
    dark = draw.uniform(0, 0.35) if draw.random() < 0.5 else 0.0
    bright = draw.uniform(0.45, 1.0) if draw.random() < 0.6 else 1.0
    depth = max(bright - dark, 0.3)
    photo = np.float32(dark) + np.float32(depth) * page
    most = NOISIEST * contrast * depth
    if draw.random() < 0.45:
        photo = photo * light_on(page.shape, draw)
    if draw.random() < 0.25:
        photo = photo + cloudy(page.shape, min(most, draw.uniform(0.005, 0.04)), draw.uniform(1, 6), draw)
    is_coarse = draw.random() < COARSE
    photo = _blurred(photo, digit_px, draw, strength=MILD if is_coarse else STRONG)
    if draw.random() < 0.55:
        photo = photo + np.float32(min(most, draw.exponential(0.018))) * draw.standard_normal(page.shape, dtype=np.float32)
    picture = np.clip(255 * photo, 0, 255).astype(np.uint8)
    scale = np.ones(2, dtype=np.float32)
    if is_coarse:
        picture, scale = _coarse(picture, digit_px, draw)
    if draw.random() < 0.25:
        coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(draw.integers(20, 90))])[1]
        picture = np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), dtype=np.uint8)
    return picture, scale


def _blurred(photo: Field, digit_px: float, draw: Generator, *, strength: float) -> Field:
    """Out of focus, smeared by a moving hand, or sharp."""
    way = draw.random()
    if way < 0.5:
        share = draw.uniform(0.01, 0.06) if way < 0.42 else draw.uniform(0.06, 0.11)
        return np.asarray(cv2.GaussianBlur(photo, (0, 0), 0.2 + min(share, strength) * digit_px), dtype=np.float32)
    if way > 0.57 or digit_px < 12:
        return photo
    side = max(3, round(digit_px * draw.uniform(0.08, 0.26)))
    path, angle, middle = np.zeros((side, side), dtype=np.float32), draw.uniform(0, np.pi), (side - 1) / 2
    reach = middle * np.array([np.cos(angle), np.sin(angle)])
    start, end = (tuple(np.round(middle + sign * reach).astype(int).tolist()) for sign in (-1, 1))
    cv2.line(path, start, end, 1.0)
    return np.asarray(cv2.filter2D(photo, -1, path / path.sum(), borderType=cv2.BORDER_REPLICATE), dtype=np.float32)


def _coarse(picture: Picture, digit_px: float, draw: Generator) -> tuple[Picture, NDArray[np.float32]]:
    """The picture with few pixels, most of them enlarged to what it was."""
    height, width = picture.shape
    scale = min(1.0, draw.uniform(*COARSE_PX) / digit_px)
    is_enlarged = draw.random() < ENLARGED
    least = 4 if is_enlarged else LEAST_PX
    small_size = max(4, round(width * scale)), max(min(least, height), round(height * scale))
    small = cv2.resize(picture, small_size, interpolation=cv2.INTER_AREA if draw.random() < 0.85 else cv2.INTER_LINEAR)
    if is_enlarged:
        small = cv2.resize(small, (width, height), interpolation=STRETCHES[draw.choice(3, p=[0.45, 0.45, 0.1])])
    return np.asarray(small, dtype=np.uint8), _scale_of(small, picture)


def _binary(page: Field, digit_px: float, contrast: float, draw: Generator) -> tuple[Picture, NDArray[np.float32]]:
    """Black and white as of a fax or a scanner, at times of few pixels and stretched."""
    height, width = page.shape
    scale = min(1.0, draw.uniform(9, 40) / digit_px)
    small_size = max(4, round(width * scale)), max(min(LEAST_PX, height), round(height * scale))
    small = cv2.resize(page, small_size, interpolation=cv2.INTER_AREA)
    small = small + np.float32(min(0.04, NOISIEST * contrast) * draw.random()) * draw.standard_normal(small.shape, dtype=np.float32)
    low, high = float(small.min()), float(small.max())
    grey = (255 * (small - low) / max(high - low, 1e-3)).astype(np.uint8)
    binary = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1]
    if draw.random() < 0.5:
        binary = cv2.resize(binary, (width, height), interpolation=STRETCHES[draw.integers(3)])
    return np.asarray(binary, dtype=np.uint8), _scale_of(binary, page)


def _scale_of(after: NDArray[np.generic], before: NDArray[np.generic]) -> NDArray[np.float32]:
    return np.array([after.shape[1] / before.shape[1], after.shape[0] / before.shape[0]], dtype=np.float32)
