"""Any picture becomes the canvas that the network was trained on: ink bright on dark, 20 x 20 at most, centred by mass.

The steps: a small digit on a large page is looked at closely, ink is told from paper (ink.py), the strokes of one digit are
chosen (strokes.py), and they are scaled and centred as MNIST's were.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from digitkit.contract import BOX_PX, SIDE_PX, Canvas, Picture
from digitkit.ink import Ink, to_ink
from digitkit.strokes import Mask, Parts, binarise, find_digit, find_strokes

MIN_SIDE_PX, MAX_SIDE_PX = 40, 128  # of the longer side while working: lines stay wider than a pixel, the steps stay fast
CROP_SIDE_PX = 32  # so small a picture was cut to its digit by somebody: it has no room for frames and shadows
CROP_WORK_PX = 64  # its longer side while working; with 40 a fifth more of USPS's training split is read wrong
MIN_FAR_PX = 10  # ink of the smallest digit on a scaled-down page, before it is looked at closely
CLOSE_UP = 0.3  # a digit smaller than this share of a scaled-down picture is cropped and looked at again
IN_PLACE_PX = (16.0, 22.0)  # the longer side of ink that lies as on a canvas: MNIST's is 19 or 20 px, 17 to 22 under noise and blur
NARROWED = 0.85  # of a stretched digit's height is its width; the median in MNIST is 0.8, which does no better
OFF_PX = 2.2  # and how far its centre of mass may be from the middle: MNIST's moves by 1.9 px under blur
MIDDLE = SIDE_PX / 2  # MNIST's centres of mass lie within half a pixel of it, in pixels from the first pixel's centre

# The weights of a canvas's pixels in its mass and, by that mass, its centre's x and y: (SIDE_PX * SIDE_PX, 3).
MOMENTS = np.stack([np.ones((SIDE_PX, SIDE_PX)), *np.meshgrid(*[np.arange(SIDE_PX)] * 2)], axis=-1).reshape(-1, 3).astype(np.float32)


def to_canvas(picture: Picture) -> Canvas:
    """The likeliest canvas of a grey picture, the first of to_canvases."""
    return to_canvases(picture)[0]


def to_canvases(picture: Picture) -> list[Canvas]:
    """What a grey picture of any size and polarity may be on a canvas, the likeliest first: one canvas, or two in doubt.

    A picture of a canvas's own size may have been framed by somebody who knew how. Where its ink lies as on a canvas it
    stays in its place, only cleaned; where it reaches further, of a large digit or of what spoils a small one, the picture
    as it came is the second canvas. A canvas of MNIST's own is left as it is, a dark one on light paper is inverted. Of another
    small square, what fills it from side to side was stretched to it, and gets a digit's width back.

    Args:
        picture: uint8 (H, W), at least 1 x 1.
    Returns:
        uint8 (28, 28) each; but for what stays in its place the ink fits a 20 x 20 box, and its centre of mass lies within
            1 px of the middle, or as near as the box of a lopsided shape that is no digit allows.
    Raises:
        BlankPicture: no ink that stands out from the paper.
    Source: LeCun et al., Gradient-based learning applied to document recognition (1998), section III.
    """
    if is_canvas(picture):
        return [picture]
    if picture.shape == (SIDE_PX, SIDE_PX) and is_canvas(inverted := ~picture):
        return [inverted]
    if max(picture.shape) <= CROP_SIDE_PX:
        ink = to_ink(_resized(picture, CROP_WORK_PX / max(picture.shape)), has_shadows=False)
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


def framed(ink: Ink, mask: Mask) -> Canvas:
    """The canvas of the ink under a mask, scaled and centred."""
    return centre(fit(cut_out(ink, mask)))


def reframed(picture: Picture, ink: Ink, mask: Mask) -> list[Canvas]:
    """The canvases of a picture of a canvas's size, whose ink is under the mask: in its place, scaled and centred, or both."""
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

    The ink's longer side is 19 or 20 px, its centre of mass lies in the middle pixel, the paper is 0, the ink above 250.
    """
    if picture.shape != (SIDE_PX, SIDE_PX) or cv2.norm(picture, cv2.NORM_INF) < 250 or cv2.countNonZero(picture) > SIDE_PX * SIDE_PX // 2:
        return False
    _, _, width, height = cv2.boundingRect(picture)
    if max(width, height) not in (BOX_PX - 1, BOX_PX):
        return False
    mass, x, y = (picture.reshape(-1).astype(np.float32) @ MOMENTS).tolist()  # exact, in a third of the time of mass_centre
    return bool(max(abs(x - MIDDLE * mass), abs(y - MIDDLE * mass)) <= 0.55 * mass)


def are_canvases(pictures: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """is_canvas of every picture of (N, H, W), (N,): of many at once in 1.7 us each, in place of 3.5."""
    count, height, width = pictures.shape
    if (height, width) != (SIDE_PX, SIDE_PX):
        return np.zeros(count, dtype=np.bool_)
    flat = pictures.reshape(count, -1)
    longer = np.maximum(_extent(pictures.max(axis=1)), _extent(pictures.max(axis=2)))
    mass, x, y = (flat.astype(np.float32) @ MOMENTS).T
    off = np.maximum(np.abs(x - MIDDLE * mass), np.abs(y - MIDDLE * mass))
    has_ink = (flat.max(axis=1) >= 250) & (np.count_nonzero(flat, axis=1) <= SIDE_PX * SIDE_PX // 2)
    return np.asarray(has_ink & (longer >= BOX_PX - 1) & (longer <= BOX_PX) & (off <= 0.55 * mass), dtype=np.bool_)


def _extent(lines: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How far the ink reaches from the first to the last inked line, of (N, SIDE_PX): (N,)."""
    inked = lines > 0
    return np.asarray(SIDE_PX - inked.argmax(axis=1) - inked[:, ::-1].argmax(axis=1), dtype=np.int64)


def mass_centre(ink: Ink) -> tuple[float, float]:
    """(x, y) of the ink's centre of mass, in pixels from the first pixel's centre."""
    moments = cv2.moments(ink)
    return moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]


def resize_to_work(picture: Picture) -> Picture:
    """The picture with its longer side between MIN_SIDE_PX and MAX_SIDE_PX, its shape kept."""
    longer = max(picture.shape)
    if longer > MAX_SIDE_PX:
        return _resized(picture, MAX_SIDE_PX / longer)
    if longer < MIN_SIDE_PX:
        return _resized(picture, MIN_SIDE_PX / longer)
    return picture


def _resized(picture: Picture, scale: float) -> Picture:
    size = [max(1, round(side * scale)) for side in picture.shape[::-1]]
    while 2 * max(size) <= max(picture.shape) and min(picture.shape) > 1:  # by halves first: 0.6 of the time for 320 x 240 pixels
        height, width = (side // 2 for side in picture.shape)
        picture = np.asarray(cv2.resize(picture[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR), dtype=np.uint8)


def close_up(picture: Picture, ink: Ink) -> Picture | None:
    """The part of a large picture around its main strokes, where they are small in it; None where they are not.

    Args:
        picture: any.
        ink: of the picture at its working size.
    """
    if max(picture.shape) <= MAX_SIDE_PX:
        return None
    parts = [part for part in Parts(binarise(ink, ink)).strokes if not part.touches_border(0) and part.area >= MIN_FAR_PX]
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
    """The digit at NARROWED of its width. For one that fills a square: few are as wide as they are tall, so it was stretched to it."""
    height, width = digit.shape
    return np.asarray(cv2.resize(digit, (round(NARROWED * width), height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def cut_out(ink: Ink, mask: Mask) -> Ink:
    """The ink under the mask and its soft edges, cropped to the mask."""
    x, y, width, height = cv2.boundingRect(mask)
    box = np.s_[y : y + height, x : x + width]
    return cleaned(ink[box], mask[box])


def cleaned(ink: Ink, mask: Mask) -> Ink:
    """The ink under the mask and its soft edges, three tenths of its strokes at 255."""
    near = cv2.dilate(mask, np.ones((3, 3), dtype=np.uint8))
    inked = np.sort(ink[mask > 0])
    full = float(inked[len(inked) * 7 // 10])
    return np.asarray(cv2.convertScaleAbs(cv2.multiply(ink, near), alpha=255.0 / full), dtype=np.uint8)


def fit(digit: Ink) -> Ink:
    """The digit scaled so that its longer side is BOX_PX, its shape kept, its brightest pixel at 255."""
    return brightened(_resized(digit, BOX_PX / max(digit.shape)))


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
