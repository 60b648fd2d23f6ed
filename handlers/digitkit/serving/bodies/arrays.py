"""Arrays of numbers become pictures: their values become grey levels, their axes pictures, rows, columns and colours."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digitkit.contract import Picture
from digitkit.errors import BadRequest
from digitkit.pictures.grey import to_grey

RANGES: Final = "they must be grey levels from 0 to 255, or fractions from 0 to 1"
SHAPES: Final = "(H, W), (N, H, W), (N, 1, H, W), and (H, W, C), (N, H, W, C) or (N, C, H, W) of 1 to 4 channels are accepted"
MOST_CHANNELS: Final = 4  # an axis of so few is no picture's height or width, where another reading is at hand
FLAT_SIDES: Final = {784: 28, 64: 8}  # of the pictures of MNIST and of scikit-learn's digits, by their pixels in one row
SIXTEENTHS: Final = 16.0  # the highest value of scikit-learn's digits


@dataclass(frozen=True, slots=True)
class Arranged:
    """The pictures in an array.

    Attributes:
        pictures: grey ones, uint8 (N, H, W), or coloured ones, uint8 (H, W, C) each.
        is_list: whether the array has an axis of pictures.
    """

    pictures: NDArray[np.uint8] | list[NDArray[np.uint8]]
    is_list: bool


def to_levels(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Numbers of any type as grey levels, uint8 of the same shape.

    Fractions from 0 to 1, and zeros and ones, are stretched to 255. So are whole numbers from 0 to 16 in pictures of 8 x 8, which
    are scikit-learn's digits. Raises BadRequest for what may mean one thing or another.
    """
    least, most = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if not (least >= 0 and most <= 255):  # nor is it where a value is no number
        raise BadRequest(f"the pixels are not all numbers from 0 to 255; {RANGES}")
    if most <= 1:
        return np.asarray(np.round(values * 255.0), dtype=np.uint8)
    if most <= SIXTEENTHS and least < most:
        if values.shape[-2:] != (8, 8) or (values % 1).any():
            raise BadRequest(
                f"the pixels go from {least:g} to {most:g}, which is too dark for grey levels and too bright for fractions; {RANGES}"
            )
        return np.asarray(np.round(values * (255 / SIXTEENTHS)), dtype=np.uint8)
    return values if values.dtype == np.uint8 else np.asarray(np.round(values), dtype=np.uint8)


def unflattened(values: NDArray[Any]) -> NDArray[Any] | None:
    """Rows that each hold a picture of MNIST, (N, 784), or of scikit-learn's digits, (N, 64), as pictures; None for others."""
    side = FLAT_SIDES.get(values.shape[-1])
    if side is None or (side == 8 and values.max() > SIXTEENTHS):
        return None
    return values.reshape(*values.shape[:-1], side, side)


def arrange(pixels: NDArray[np.uint8]) -> Arranged:
    """The pictures in an array of grey levels; raises BadRequest for a shape that may mean one thing or another."""
    shape = pixels.shape
    if pixels.size == 0:
        raise BadRequest(f"the shape {shape} holds no pixels")
    if pixels.ndim == 2:
        return Arranged(pixels[np.newaxis], False)
    if pixels.ndim == 3:
        if shape[2] > MOST_CHANNELS or min(shape[:2]) <= MOST_CHANNELS:
            return Arranged(pixels, True)
        return Arranged(_by_channels(pixels[np.newaxis]), False)
    first, last = (pixels.ndim == 4 and shape[axis] <= MOST_CHANNELS for axis in (1, 3))
    if first == last and not (first and shape[1] == shape[3] == 1):
        raise BadRequest(f"the shape {shape} may mean one thing or another, or nothing; {SHAPES}")
    return Arranged(_by_channels(pixels if last else np.moveaxis(pixels, 1, 3)), True)


def grey_of_colours(pixels: NDArray[np.uint8]) -> Picture:
    """The grey of a coloured picture, (H, W, C), as that of a file with the same pixels."""
    return to_grey(Image.fromarray(np.ascontiguousarray(pixels)))


def _by_channels(pixels: NDArray[np.uint8]) -> NDArray[np.uint8] | list[NDArray[np.uint8]]:
    """Pictures (N, H, W, C) as Arranged has them."""
    return np.ascontiguousarray(pixels[..., 0]) if pixels.shape[3] == 1 else list(pixels)
