"""The grey of a coloured picture: its luma, or the axis along which its ink differs where luma does not see it.

Red on green, magenta on grey or yellow on white can be of one brightness, and plain to every eye. Where the strongest differences of
a picture are small in luma beside what they are along another axis of colour, that axis is its grey.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

SMALL_SIDE_PX: Final = 96  # longer side, up to twice of it, of the copy on which the axis is sought
AROUND: Final = 0.4  # side of the surroundings that a pixel is compared with, as a share of the copy's longer side
STRONGEST: Final = 0.02  # share of the pixels, those that differ most, whose colours decide
MIN_CHROMA: Final = 24.0  # differences of colour that are none of noise or of a lens, in grey levels
SHARE_OF_LUMA: Final = 0.4  # largest share of these pixels' differences that luma may have, where it is passed over
SEEN: Final = 0.002  # share of the pixels that a pencil's digit has at least, beside colours that are no ink
MAX_LUMA: Final = 48.0  # differences in luma that so many pixels have, from which on it is the picture's grey whatever its colours
# YCbCr of red, green and blue, without the offsets: ITU-R BT.601, as in JPEG.
YCC: Final = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])

Axis = NDArray[np.float64]  # (4,): the weights of a pixel's three channels, and what is added


def grey_of(image: Image.Image) -> Image.Image:
    """A picture of any mode without transparency as mode "L"; exact for what is grey."""
    if image.mode in ("L", "1"):
        return image.convert("L")
    if image.mode != "YCbCr":
        image = image.convert("RGB")
    pixels = np.asarray(image)
    axis = ink_axis(pixels, np.eye(3) if image.mode == "YCbCr" else YCC)
    if axis is not None:
        return Image.fromarray(np.asarray(cv2.transform(pixels, axis[np.newaxis]), dtype=np.uint8))
    return image.getchannel("Y") if image.mode == "YCbCr" else image.convert("L")


def ink_axis(pixels: NDArray[np.uint8], to_ycc: NDArray[np.float64]) -> Axis | None:
    """The axis of colour that shows what luma does not; None where luma shows it, or there is nothing to see.

    Args:
        pixels: uint8 (H, W, 3).
        to_ycc: (3, 3), what makes luma and two differences of colour of a pixel.
    Returns:
        weights that give 0 to 255, the majority of the pixels light.
    """
    small = cv2.transform(_small(pixels), to_ycc)
    reach = max(3, int(max(small.shape) * AROUND) | 1)
    differences = (cv2.GaussianBlur(small, (3, 3), 0) - cv2.blur(small, (reach, reach))).reshape(-1, 3)
    luma, blue, red = np.abs(differences).T
    if max(blue.max(), red.max()) < MIN_CHROMA / 2 or _largest(luma, SEEN).min() > MAX_LUMA:
        return None
    strongest = differences[np.argpartition(luma**2 + blue**2 + red**2, -_count(luma, STRONGEST))[-_count(luma, STRONGEST) :]]
    moments = (strongest.T @ strongest / len(strongest)).astype(np.float64)
    values, vectors = np.linalg.eigh(moments)
    strength, along = float(np.sqrt(values[-1])), vectors[:, -1]
    if strength < MIN_CHROMA or np.sqrt(moments[0, 0]) > SHARE_OF_LUMA * strength:
        return None
    if float(((differences @ along) ** 3).sum()) > 0:
        along = -along
    shades = small.reshape(-1, 3) @ along
    middle = (float(shades.min()) + float(shades.max())) / 2
    return np.append(along @ to_ycc, 127.5 - middle)


def _small(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The copy on which the axis is sought: whole pixels are averaged, in a third of the time that parts of them take."""
    factor = max(1, max(pixels.shape) // SMALL_SIDE_PX)
    factor_y, factor_x = (min(factor, side) for side in pixels.shape[:2])
    height, width = pixels.shape[0] // factor_y, pixels.shape[1] // factor_x
    whole = pixels[: height * factor_y, : width * factor_x]
    return np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), dtype=np.float32)


def _largest(values: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """The largest of some values, as many as a share of them, in no order."""
    return np.partition(values, -_count(values, share))[-_count(values, share) :]


def _count(values: NDArray[np.float32], share: float) -> int:
    return max(1, round(len(values) * share))
