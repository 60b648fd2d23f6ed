"""A decoded picture of any mode becomes grey, 8 bits, upright, its transparency laid on paper."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from digitkit.contract import Picture
from digitkit.pictures.colour import grey_of
from digitkit.pictures.strokes import MIN_CONTRAST

EXIF_ORIENTATION: Final = 0x0112
DEPTHS: Final = (8, 10, 12, 16)  # bits that sensors and scanners give, in files that have 16 for them


def to_grey(image: Image.Image) -> Picture:
    """The grey picture, uint8 (H, W), upright by its EXIF orientation, transparency laid on paper; decodes it where that is to come."""
    if image.mode == "L" and image.format != "JPEG" and not image.info and not image.getexif():
        return np.asarray(image)  # the common case: a plain grey PNG
    image.load()  # before the orientation is read: Pillow turns a TIFF upright while it loads, and drops the tag
    orientation = image.getexif().get(EXIF_ORIENTATION, 1)
    if image.mode.startswith(("I", "F")):
        grey = Image.fromarray(_to_eight_bits(image))
    elif image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        grey = _on_paper(image.convert("RGBA"))
    else:
        grey = grey_of(image)
    if orientation != 1:
        grey.getexif()[EXIF_ORIENTATION] = orientation
        grey = ImageOps.exif_transpose(grey)
    return np.asarray(grey)


def _on_paper(picture: Image.Image) -> Image.Image:
    """A picture in RGBA laid on white; on black where nothing of it would be seen on white, as of white strokes."""
    on_white = _laid(picture, "white")
    if _is_seen(on_white):
        return on_white
    on_black = _laid(picture, "black")
    return on_black if _is_seen(on_black) else on_white


def _laid(picture: Image.Image, paper: str) -> Image.Image:
    return grey_of(Image.alpha_composite(Image.new("RGBA", picture.size, paper), picture))


def _is_seen(grey: Image.Image) -> bool:
    return int(np.ptp(np.asarray(grey))) >= MIN_CONTRAST


def _to_eight_bits(image: Image.Image) -> Picture:
    """Integer or float pixels as 8 bits, by what they hold: the values of 8, 10, 12 or 16 bits, fractions, or any other range."""
    pixels: NDArray[Any] = np.asarray(image)
    if image.mode.startswith("I;16"):
        shades = (np.arange(2 ** DEPTHS[-1]) * _share_of_depth(int(pixels.max()))).clip(max=255)
        return np.asarray(shades.round().astype(np.uint8)[pixels])
    values = np.nan_to_num(pixels.astype(np.float64), posinf=0.0, neginf=0.0)
    least, most = float(values.min()), float(values.max())
    if image.mode == "I" and least >= 0 and most < 2 ** DEPTHS[-1]:
        values *= _share_of_depth(int(most))
    elif least < 0 or most > 255:
        values = (values - least) * (255 / max(most - least, 1.0))
    elif 0 < most <= 1:
        values *= 255
    return np.asarray(values.round(), dtype=np.uint8)


def _share_of_depth(most: int) -> float:
    """What makes 8 bits of values of the fewest bits of DEPTHS that hold the highest of them."""
    return 255 / (2 ** next(bits for bits in DEPTHS if most < 2**bits) - 1)
