"""Turn any picture into the canvas that the network was trained on: ink bright on dark, 20 x 20 at most, centred by mass.

The steps: crop to a digit that is small on a large page, separate ink from paper (ink.py), choose the strokes of one digit
(strokes.py), then scale and centre them as MNIST's were.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Picture
from digitkit.pictures.ink import Ink, to_ink
from digitkit.pictures.look import resized
from digitkit.pictures.strokes import Mask, Parts, binarise, find_digit, find_strokes
from digitkit.readers.digits.digit import BOX_PX, SIDE_PX, Canvas

MIN_SIDE_PX, MAX_SIDE_PX = 40, 128  # bounds of the longer side while working: lines stay wider than a pixel, the steps stay fast
CROP_SIDE_PX = 32  # a picture that is no larger was cropped to its digit by its sender: it has no room for frames and shadows
CROP_WORK_PX = 64  # longer side of such a crop while working; with 40 px a fifth more of USPS's training split is read wrong
MIN_FAR_PX = 10  # pixels of ink in the smallest digit on a scaled-down page, before close_up() crops to it
CLOSE_UP = 0.3  # a digit smaller than this share of a scaled-down picture is cropped from the original, which shows it larger
IN_PLACE_PX = (16.0, 22.0)  # longer side of ink that lies as on a canvas: MNIST's is 19 or 20 px, 17 to 22 under noise and blur
NARROWED = 0.85  # width restored to a stretched digit, as a share of its height; the median in MNIST is 0.8, which reads no better
OFF_PX = 2.2  # greatest distance from the middle of the mass centre of ink that lies as on a canvas: MNIST's moves by 1.9 px under blur
MIDDLE = SIDE_PX / 2  # in pixels from the first pixel's centre: MNIST's centres of mass lie within half a pixel of it

# The weight of each pixel in the sums of ink, of x times ink and of y times ink, the raw moments: (SIDE_PX * SIDE_PX, 3).
MOMENTS = np.stack([np.ones((SIDE_PX, SIDE_PX)), *np.meshgrid(*[np.arange(SIDE_PX)] * 2)], axis=-1).reshape(-1, 3).astype(np.float32)


def to_canvas(picture: Picture) -> Canvas:
    """The likeliest canvas of a grey picture: the first of to_canvases, which has the same arguments and errors."""
    return to_canvases(picture)[0]


def to_canvases(picture: Picture) -> list[Canvas]:
    """The canvas of a grey picture of any size and polarity; two where its framing is in doubt, the likelier first.

    A picture that already is a canvas is returned as it is, or inverted where its ink is dark. Any other picture of a canvas's
    size may have been framed by its sender: ink that lies as on a canvas stays in its place and is only cleaned; where the ink
    is longer, because the digit is large or something spoils it, the picture as it came is the second canvas. In another small
    square picture, ink that fills it from side to side is a digit that was stretched to the square, and is narrowed again.

    Args:
        picture: uint8 (H, W), at least 1 x 1.
    Returns:
        uint8 (28, 28) each. Unless the ink stays in its place, it fits a 20 x 20 box, and its centre of mass lies within 1 px of
            the middle, or as near to it as the box of a lopsided shape that is no digit allows.
    Raises:
        BlankPicture: no ink that stands out from the paper.
    Source: LeCun et al., Gradient-based learning applied to document recognition (1998), section III.
    """
    canvas = as_canvas(picture)
    if canvas is not None:
        return [canvas]
    if max(picture.shape) <= CROP_SIDE_PX:
        ink = to_ink(resized(picture, CROP_WORK_PX / max(picture.shape)), has_shadows=False)
        mask = find_strokes(ink)
        if picture.shape == (SIDE_PX, SIDE_PX):
            return reframed(picture, ink, mask)
        digit = cut_out(ink, mask)
        return [centre(fit(narrowed(digit) if digit.shape == (CROP_WORK_PX, CROP_WORK_PX) else digit))]
    ink = to_ink(resize_to_work(picture))
    around = close_up(picture, ink)
    if around is not None:
        ink = to_ink(resize_to_work(around))
    return [framed(ink, find_digit(ink))]


def as_canvas(picture: Picture) -> Canvas | None:
    """The picture, or the inverted one, where that already is a canvas; None where neither is."""
    if is_canvas(picture):
        return picture
    inverted = ~picture if picture.shape == (SIDE_PX, SIDE_PX) else picture
    return inverted if is_canvas(inverted) else None


def framed(ink: Ink, mask: Mask) -> Canvas:
    """The canvas of the ink under a mask, scaled and centred."""
    return centre(fit(cut_out(ink, mask)))


def reframed(picture: Picture, ink: Ink, mask: Mask) -> list[Canvas]:
    """The canvases of a 28 x 28 picture that is no canvas yet, as to_canvases describes them.

    Args:
        picture: uint8 (28, 28).
        ink, mask: of the picture enlarged to CROP_WORK_PX.
    """
    scale = SIDE_PX / len(ink)
    longer = max(cv2.boundingRect(mask)[2:]) * scale
    off = max(abs(middle * scale - MIDDLE) for middle in mass_centre(np.asarray(cv2.multiply(ink, mask), dtype=np.uint8)))
    if longer > IN_PLACE_PX[1]:
        return [framed(ink, mask), picture]
    if longer < IN_PLACE_PX[0] or off > OFF_PX:
        return [framed(ink, mask)]
    return [brightened(np.asarray(cv2.resize(cleaned(ink, mask), picture.shape, interpolation=cv2.INTER_AREA), dtype=np.uint8))]


def is_canvas(picture: Picture) -> bool:
    """Whether a picture already is what to_canvas makes: all 70,000 of MNIST are.

    The ink's longer side is 19 or 20 px, its centre of mass lies in the middle pixel, at least half of the pixels are 0, and the
    brightest is 250 or more.
    """
    if picture.shape != (SIDE_PX, SIDE_PX) or cv2.norm(picture, cv2.NORM_INF) < 250 or cv2.countNonZero(picture) > SIDE_PX * SIDE_PX // 2:
        return False
    _, _, width, height = cv2.boundingRect(picture)
    if max(width, height) not in (BOX_PX - 1, BOX_PX):
        return False
    mass, x, y = (picture.reshape(-1).astype(np.float32) @ MOMENTS).tolist()  # exact, in a third of the time of mass_centre
    return bool(max(abs(x - MIDDLE * mass), abs(y - MIDDLE * mass)) <= 0.55 * mass)


def are_canvases(pictures: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """is_canvas of each picture of (N, H, W), bool (N,): in less than half of the time that one call for each takes."""
    count, height, width = pictures.shape
    if (height, width) != (SIDE_PX, SIDE_PX):
        return np.zeros(count, dtype=np.bool_)
    flat = pictures.reshape(count, -1)
    longer = np.maximum(_extent(_brightest(pictures, 1)), _extent(_brightest(pictures, 2)))
    mass, x, y = (flat.astype(np.float32) @ MOMENTS).T
    off = np.maximum(np.abs(x - MIDDLE * mass), np.abs(y - MIDDLE * mass))
    has_ink = (flat.max(axis=1) >= 250) & (np.count_nonzero(flat, axis=1) <= SIDE_PX * SIDE_PX // 2)
    return np.asarray(has_ink & (longer >= BOX_PX - 1) & (longer <= BOX_PX) & (off <= 0.55 * mass), dtype=np.bool_)


def _brightest(pictures: NDArray[np.uint8], axis: int) -> NDArray[np.uint8]:
    """The brightest pixels of (N, SIDE_PX, SIDE_PX) along an axis, (N, SIDE_PX): NumPy is three times as fast where that comes first."""
    return np.asarray(np.ascontiguousarray(np.moveaxis(pictures, axis, 0)).max(axis=0))


def _extent(lines: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The pixels from the first to the last line with ink, (N,), given the brightest pixel of each line, (N, SIDE_PX)."""
    inked = lines > 0
    return np.asarray(SIDE_PX - inked.argmax(axis=1) - inked[:, ::-1].argmax(axis=1), dtype=np.int64)


def mass_centre(ink: Ink) -> tuple[float, float]:
    """(x, y) of the ink's centre of mass, in pixels from the first pixel's centre."""
    moments = cv2.moments(ink)
    return moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]


def resize_to_work(picture: Picture) -> Picture:
    """The picture with its longer side between MIN_SIDE_PX and MAX_SIDE_PX, its proportions kept."""
    longer = max(picture.shape)
    return picture if MIN_SIDE_PX <= longer <= MAX_SIDE_PX else resized(picture, min(max(longer, MIN_SIDE_PX), MAX_SIDE_PX) / longer)


def close_up(picture: Picture, ink: Ink) -> Picture | None:
    """The part of a large picture around its largest stroke, where that is small in it; None where it is not.

    Args:
        picture: uint8 (H, W), of any size.
        ink: of the picture at its working size.
    """
    if max(picture.shape) <= MAX_SIDE_PX:
        return None
    parts = [part for part in Parts(binarise(ink, ink)).strokes(area=MIN_FAR_PX) if not part.touches_border(0)]
    if not parts:
        return None
    box = max(parts, key=lambda part: part.area)
    longer = max(box.width, box.height)
    if longer >= CLOSE_UP * max(ink.shape):
        return None
    scale, margin = max(picture.shape) / max(ink.shape), longer / 2 + 2
    left, top = (max(0, round((start - margin) * scale)) for start in (box.x, box.y))
    right, bottom = (round((end + margin) * scale) for end in (box.x + box.width, box.y + box.height))
    return picture[top:bottom, left:right]


def narrowed(digit: Ink) -> Ink:
    """The digit at NARROWED of its width: few digits are as wide as they are tall, so one that fills a square was stretched to it."""
    height, width = digit.shape
    return np.asarray(cv2.resize(digit, (round(NARROWED * width), height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def cut_out(ink: Ink, mask: Mask) -> Ink:
    """The ink under the mask and its soft edges, cropped to the mask."""
    x, y, width, height = cv2.boundingRect(mask)
    box = np.s_[y : y + height, x : x + width]
    return cleaned(ink[box], mask[box])


def cleaned(ink: Ink, mask: Mask) -> Ink:
    """The ink under the mask and its soft edges, brightened until three tenths of the strokes are at 255."""
    near = cv2.dilate(mask, np.ones((3, 3), dtype=np.uint8))
    inked = np.sort(ink[mask > 0])
    full = float(inked[len(inked) * 7 // 10])
    return np.asarray(cv2.convertScaleAbs(cv2.multiply(ink, near), alpha=255.0 / full), dtype=np.uint8)


def fit(digit: Ink) -> Ink:
    """The digit scaled so that its longer side is BOX_PX, its proportions kept, its brightest pixel at 255."""
    return brightened(resized(digit, BOX_PX / max(digit.shape)))


def brightened(ink: Ink) -> Ink:
    """The ink with its brightest pixel at 255."""
    return np.asarray(cv2.convertScaleAbs(ink, alpha=255.0 / max(int(ink.max()), 1)), dtype=np.uint8)


def centre(ink: Ink) -> Canvas:
    """The ink on an empty canvas, its centre of mass in the middle pixel as far as whole pixels allow."""
    height, width = ink.shape
    x, y = mass_centre(ink)
    left = min(max(round(MIDDLE - x), 0), SIDE_PX - width)
    top = min(max(round(MIDDLE - y), 0), SIDE_PX - height)
    canvas = np.zeros((SIDE_PX, SIDE_PX), dtype=np.uint8)
    canvas[top : top + height, left : left + width] = ink
    return canvas
