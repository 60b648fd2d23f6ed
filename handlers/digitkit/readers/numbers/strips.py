"""Strips: a picture, or the part of it where text is, at the one height that the net sees."""

import cv2
import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Picture
from digitkit.errors import TooLarge
from digitkit.pictures.ink import check_contrast
from digitkit.pictures.line import BUCKET_PX, FRAME_PX, STRIP_PX, Strip
from digitkit.readers.numbers.number import Extents, View

LONGEST = 60  # widths of a line in its heights: about a hundred digits
FILLED = 0.62  # a strip whose text fills a smaller share of its height is looked at again, closer
LEVEL = np.tan(np.radians(1.5))  # text that leans more than this is looked at again, made level
FILL = 0.8  # the share of the height that text fills in a closer look
MARGIN = 0.5  # paper that is left beside the text there, in heights of the text
SMALLEST = 0.02  # text lower than this share of a strip is no text
PRESENT = 0.5  # a frame with this weight shows text
AROUND = 4  # frames on both sides over which text is spread: the net names a character at one of the frames that it covers
ROUNDS = 4  # of the robust fit, each with the frames that lie off the line counting less
NEAREST = 0.02  # shares of a strip's height; frames that are off the line by less count whole


def first_view(picture: Picture) -> View:
    """The whole picture at the height of a strip.

    Raises:
        BlankPicture: the picture is of one grey level, or nearly so.
        TooLarge: it is longer than any line.
    """
    check_contrast(picture)
    tall, wide = picture.shape
    if wide > LONGEST * tall:
        raise TooLarge(f"the picture is {wide} x {tall} pixels; a line may be up to {LONGEST} times as wide as it is high")
    width = max(1, round(wide * STRIP_PX / tall))
    kind = cv2.INTER_AREA if tall > STRIP_PX else cv2.INTER_CUBIC
    strip = np.asarray(cv2.resize(picture, (width, STRIP_PX), interpolation=kind), dtype=np.uint8)
    return View(padded(strip), width, np.array([[wide / width, 0, 0], [0, tall / STRIP_PX, 0]]))


def padded(strip: NDArray[np.uint8]) -> Strip:
    """A strip (32, any width) whose last column is repeated up to the width of its bucket."""
    return np.pad(strip, ((0, 0), (0, -strip.shape[1] % BUCKET_PX)), mode="edge")


def weights_of(blanks: NDArray[np.float64]) -> NDArray[np.float64]:
    """How surely text is at each frame or beside it, (T,), from the probabilities of the blank, (T,)."""
    spread = np.concatenate([np.zeros(AROUND), 1 - blanks, np.zeros(AROUND)])
    return np.asarray(np.lib.stride_tricks.sliding_window_view(spread, 2 * AROUND + 1).max(axis=1))


def text_line(extents: Extents, weights: NDArray[np.float64]) -> tuple[float, float, float]:
    """The slope, the top and the bottom of the text's line, both at the first frame, in shares of a strip's height and per frame.

    Both edges share one slope, fitted by least squares in which what lies off the line counts less at each round (Huber's weights).
    """
    frames = np.arange(len(extents), dtype=np.float64)
    middles, heights = extents.mean(axis=1, dtype=np.float64), np.diff(extents, axis=1)[:, 0].astype(np.float64)
    counted, slope, start = weights, 0.0, 0.0
    for _ in range(ROUNDS):
        whole = counted.sum()
        x, y = counted @ frames / whole, counted @ middles / whole
        ahead = counted * (frames - x)
        spread = float(ahead @ (frames - x))
        slope = float(ahead @ (middles - y)) / spread if spread > 1 else 0.0
        start = float(y - slope * x)
        off = np.abs(middles - start - slope * frames)
        counted = weights * np.minimum(1, NEAREST / np.maximum(off, NEAREST))
    height = median(heights, weights)
    return slope, start - height / 2, start + height / 2


def median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """The weighted median."""
    order = np.argsort(values)
    sums = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(sums, sums[-1] / 2)])


def closer_view(picture: Picture, view: View, extents: Extents, blanks: NDArray[np.float64]) -> View | None:
    """The part of a picture where text is, level and FILL of the height; None where the look at `view` shows no text, or shows it so.

    Args:
        extents, blanks: what the net gave at each frame of the view.
    """
    weights = weights_of(blanks)
    shown = np.flatnonzero(weights >= PRESENT)
    if not len(shown):
        return None
    slope, top, bottom = text_line(extents, weights)
    height = bottom - top
    if height < SMALLEST or (height >= FILLED and abs(slope) * STRIP_PX / FRAME_PX <= LEVEL):
        return None
    margin = MARGIN * height * STRIP_PX
    left = max(0.0, shown[0] * FRAME_PX - margin)
    right = min(float(view.width), (shown[-1] + 1) * FRAME_PX + margin)
    corners = []
    for x in (left, right):
        middle = (top + bottom) / 2 + slope * (x / FRAME_PX - 0.5)
        corners.append(view.to_picture @ (x, middle * STRIP_PX, 1))
    lean = np.hypot(1, slope * STRIP_PX / FRAME_PX)
    tall = height * STRIP_PX / lean * float(np.hypot(*view.to_picture[:, 1])) / FILL
    return cut_out(picture, corners[0], corners[1] - corners[0], tall)


def line_view(picture: Picture, quad: NDArray[np.float32]) -> View | None:
    """The strip of a line between corners (4, 2) of a picture, as Found has them; None where there is none of a strip's shape."""
    left, right = (quad[0] + quad[3]) / 2, (quad[1] + quad[2]) / 2
    tall = float(np.hypot(*(quad[3] - quad[0])) + np.hypot(*(quad[2] - quad[1]))) / 2
    return cut_out(picture, left, right - left, tall) if tall >= 1 else None


def cut_out(picture: Picture, start: NDArray[np.float64], line: NDArray[np.float64], tall: float) -> View | None:
    """The strip around a line of a picture; None where it is shorter than a pixel, or longer than any line.

    Args:
        start: the left end of the line's middle, (x, y) in pixels of the picture.
        line: from there to the right end.
        tall: what a strip's height is in the picture.
    """
    long = float(np.hypot(*line))
    scale = tall / STRIP_PX  # pixels of the picture for each of the strip
    width = round(long / scale)
    if long < 1 or not 1 <= width <= LONGEST * STRIP_PX:
        return None
    along, down = line / long * scale, np.array([-line[1], line[0]]) / long * scale
    to_picture = np.column_stack([along, down, start - down * STRIP_PX / 2])
    source, shrunk = picture, max(1, int(scale))
    if shrunk > 1:  # a warp looks at four pixels alone, so that what is much larger is made smaller first
        size = [max(1, round(side / shrunk)) for side in picture.shape[::-1]]
        source = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    shares = np.array([[source.shape[1] / picture.shape[1]], [source.shape[0] / picture.shape[0]]])
    between = to_picture * shares
    between[:, 2] += between[:, :2].sum(axis=1) / 2 - 0.5  # from the middles of pixels, as OpenCV counts, to their corners
    flags = cv2.WARP_INVERSE_MAP | (cv2.INTER_CUBIC if scale < 1 else cv2.INTER_LINEAR)
    strip = cv2.warpAffine(source, between, (width, STRIP_PX), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return View(padded(np.asarray(strip, dtype=np.uint8)), width, to_picture)
