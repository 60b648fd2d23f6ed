"""The fifteen corruptions that a model's robustness is measured on, made after the definitions of MNIST-C.

None of them is trained on. Source: Mu and Gilmer, MNIST-C: a robustness benchmark for computer vision (2019, arXiv
1906.02337). The pictures are made here and are not MNIST-C's own, so figures agree with published ones to about a point.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Literal

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.random import Generator
from numpy.typing import NDArray

from digitkit.readers.digits.digit import SIDE_PX

Values = NDArray[np.float64]  # (N, 28, 28), paper 0, ink 1
Numbers = NDArray[np.float64]  # (N,), one a picture
Corruption = Callable[[Values, Generator], Values]

CENTRE = (SIDE_PX - 1) / 2
COLUMNS = np.arange(SIDE_PX)
CHUNK = 1_000  # pictures at a time

PHOTONS = 3.0  # mean number of photons from a pixel of full ink, in shot noise
IMPULSES = 0.17  # the share of pixels that are replaced
GLASS_SIGMA_PX, GLASS_ROUNDS = 0.7, 2
MOTION_RADIUS_PX, MOTION_SIGMA_PX, MOTION_DEG = 10, 3.0, 45.0
TURN_RAD = 0.4  # angle of shear and rotate, to either side
SHRINK = 0.7
SHIFT_PX = 3
BRIGHTER = 0.5
STRIPES = (COLUMNS < 7) | (COLUMNS >= 21)
FOG, FOG_DECAY, CLOUD_PX = 3.0, 1.4, 256
CLOUDS = 8  # clouds made at a time: the caches hold their 2 MB, and a cloud takes 0.6 ms instead of 1.7
SPATTER_MEAN, SPATTER_STD, SPATTER_SIGMA_PX, SPATTER_FROM = 0.65, 0.3, 1.0, 0.65
DROP_SIGMA_PX, DROP_FROM, MUD = 1.5, 0.8, 63 / 255
LINE_PX = 2.3  # the distance from a line's middle at which its logarithm falls to minus infinity
ZIGZAG_PX, ZIGZAG_FROM, ZIGZAG_TO, ZIGZAG_RISE = 2.0, 2, 25, 5
EDGE_SIGMA_PX, EDGE_LOW, EDGE_HIGH = 1.0, 0.1, 0.2


def corrupt(name: str, canvases: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    """Corrupted copies of canvases, uint8 (N, 28, 28) in and out: the same canvases and seed, the same copies.

    Args:
        name: a key of CORRUPTIONS.
    """
    draw, corrupted = np.random.default_rng(seed), np.empty_like(canvases)
    for start in range(0, len(canvases), CHUNK):
        values = CORRUPTIONS[name](canvases[start : start + CHUNK] / 255, draw)
        corrupted[start : start + CHUNK] = np.round(np.clip(values, 0, 1) * 255)
    return corrupted


def shot_noise(x: Values, draw: Generator) -> Values:
    """The noise of few photons: each pixel is a Poisson number whose mean is PHOTONS times its ink."""
    return draw.poisson(x * PHOTONS) / PHOTONS


def impulse_noise(x: Values, draw: Generator) -> Values:
    """Salt and pepper, one as often as the other."""
    salt = draw.random(x.shape) < 0.5
    return np.where(draw.random(x.shape) < IMPULSES, salt, x)


def glass_blur(x: Values, draw: Generator) -> Values:
    """Blurred, shuffled and blurred again: from the bottom right on, half of the pixels are swapped with one 0 or 1 px up and left."""
    flat = _blurred(x, GLASS_SIGMA_PX).reshape(len(x), -1)
    pictures = np.arange(len(x))
    places = [row * SIDE_PX + column for row in range(SIDE_PX - 1, 1, -1) for column in range(SIDE_PX - 1, 1, -1)]
    for here in places * GLASS_ROUNDS:
        swaps, up, left = draw.integers(0, 2, size=(3, len(x)))
        there = here - swaps * (up * SIDE_PX + left)
        flat[pictures, here], flat[pictures, there] = flat[pictures, there], flat[pictures, here]
    return _blurred(flat.reshape(x.shape), GLASS_SIGMA_PX)


def motion_blur(x: Values, draw: Generator) -> Values:
    """The weighted mean along half a Gaussian at a random angle, pixel by pixel as ImageMagick's -motion-blur does it."""
    angle = np.radians(draw.uniform(-MOTION_DEG, MOTION_DEG, size=(len(x), 1)))
    steps = np.arange(2 * MOTION_RADIUS_PX + 1)
    weights = np.exp(-(steps**2) / (2 * MOTION_SIGMA_PX**2))
    right, down = (np.ceil(steps * along - 0.5).astype(int) for along in (np.cos(angle), np.sin(angle)))  # (N, 21) each
    reach, blurred = len(steps) - 1, np.zeros_like(x)
    views = _views(x, reach, border="edge")
    for i, weight in enumerate(weights / weights.sum()):
        blurred += weight * views[np.arange(len(x)), reach + down[:, i], reach + right[:, i]]
    return blurred


def shear(x: Values, draw: Generator) -> Values:
    lean = np.tan(TURN_RAD) * _signs(len(x), draw)
    return _warped(x, np.array([[[1, a], [0, 1]] for a in lean]))


def rotate(x: Values, draw: Generator) -> Values:
    angle = TURN_RAD * _signs(len(x), draw)
    return _warped(x, np.array([[[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]] for a in angle]))


def scale(x: Values, _: Generator) -> Values:
    return _warped(x, np.repeat(np.eye(2)[None] / SHRINK, len(x), axis=0))


def brightness(x: Values, _: Generator) -> Values:
    return x + BRIGHTER


def translate(x: Values, draw: Generator) -> Values:
    """SHIFT_PX up or down and left or right, paper moving in."""
    down, right = SHIFT_PX * _signs((2, len(x)), draw)
    moved: Values = _views(x, SHIFT_PX, border="constant")[np.arange(len(x)), SHIFT_PX + down, SHIFT_PX + right]
    return moved


def stripe(x: Values, _: Generator) -> Values:
    """The columns of STRIPES inverted."""
    return np.where(STRIPES, 1 - x, x)


def fog(x: Values, draw: Generator) -> Values:
    """Under a cloud that is up to FOG times as bright as ink, then dimmed to the old maximum."""
    corners = [_clouds(len(x[i : i + CLOUDS]), draw)[:, :SIDE_PX, :SIDE_PX] for i in range(0, len(x), CLOUDS)]
    brightest = x.max(axis=(1, 2), keepdims=True)
    dimmed: Values = (x + FOG * np.concatenate(corners)) * brightest / (brightest + FOG)
    return dimmed


def spatter(x: Values, draw: Generator) -> Values:
    """Drops of mud where smooth noise is high."""
    wet = _blurred(draw.normal(SPATTER_MEAN, SPATTER_STD, size=x.shape), SPATTER_SIGMA_PX) > SPATTER_FROM
    drops = _blurred(wet.astype(np.float64), DROP_SIGMA_PX)
    drops[drops < DROP_FROM] = 0
    spattered: Values = x * (1 - drops) + drops * MUD
    return spattered


def dotted_line(x: Values, draw: Generator) -> Values:
    """A line from a random row on the left to one on the right, two columns in every four."""
    first, last = draw.integers(0, SIDE_PX - 1, size=(2, len(x))).astype(float)
    lines = _lines(np.zeros(len(x)), first, np.full(len(x), SIDE_PX - 1.0), last)
    return x + np.where(COLUMNS // 2 % 2 == 1, lines, 0)


def zigzag(x: Values, draw: Generator) -> Values:
    """Teeth along a line that rises or falls by ZIGZAG_RISE rows at most."""
    first = draw.integers(0, SIDE_PX - 1, size=(len(x), 1))
    slope = np.arctan(draw.integers(-ZIGZAG_RISE, ZIGZAG_RISE, size=(len(x), 1), endpoint=True) / (ZIGZAG_TO - ZIGZAG_FROM))
    length = (ZIGZAG_TO - ZIGZAG_FROM) / np.cos(slope)  # 23.0 to 23.5, so the last of the corners is cut off
    corners, heights = ZIGZAG_PX * np.array([0, 1, 3, 5, 7, 9, 11, 13]), ZIGZAG_PX * np.array([0, 1, -1, 1, -1, 1, -1, 1])
    along = np.minimum(corners, length)  # (N, 8)
    away = np.interp(along, corners, heights)
    columns = ZIGZAG_FROM + along * np.cos(slope) - away * np.sin(slope)
    rows = first + along * np.sin(slope) + away * np.cos(slope)
    for a, b in pairwise(range(len(corners))):
        x = np.minimum(x + _lines(columns[:, a], rows[:, a], columns[:, b], rows[:, b]), 1)
    return x


def canny_edges(x: Values, _: Generator) -> Values:
    """Canny's edges, 1 on 0, with the defaults of scikit-image.

    Source: Canny, A computational approach to edge detection (1986); a ridge of the gradient is found by interpolation.
    """
    paper = cv2.GaussianBlur(np.ones_like(x[0]), (9, 9), EDGE_SIGMA_PX, borderType=cv2.BORDER_CONSTANT)
    smooth = [cv2.GaussianBlur(picture, (9, 9), EDGE_SIGMA_PX, borderType=cv2.BORDER_CONSTANT) / paper for picture in x]
    down, right = (
        np.stack([cv2.Sobel(picture, -1, *order, borderType=cv2.BORDER_REFLECT) for picture in smooth]) for order in ((0, 1), (1, 0))
    )
    strength = np.hypot(down, right)
    ridge = _is_ridge(strength, down, right) & (strength >= EDGE_LOW)
    ridge[:, [0, -1]] = ridge[:, :, [0, -1]] = False
    # All pictures as one tall one: no edge reaches from one to the next, since the rows at their borders are empty.
    count, parts = cv2.connectedComponents(ridge.reshape(-1, SIDE_PX).astype(np.uint8), connectivity=8)
    is_edge = np.zeros(count, dtype=bool)
    is_edge[parts[(ridge & (strength >= EDGE_HIGH)).reshape(-1, SIDE_PX)]] = True
    return is_edge[parts].reshape(x.shape).astype(np.float64)


CORRUPTIONS: dict[str, Corruption] = {
    "shot noise": shot_noise,
    "impulse noise": impulse_noise,
    "glass blur": glass_blur,
    "motion blur": motion_blur,
    "shear": shear,
    "scale": scale,
    "rotate": rotate,
    "brightness": brightness,
    "translate": translate,
    "stripe": stripe,
    "fog": fog,
    "spatter": spatter,
    "dotted line": dotted_line,
    "zigzag": zigzag,
    "canny edges": canny_edges,
}


def _signs(shape: int | tuple[int, int], draw: Generator) -> NDArray[np.int64]:
    """-1 or 1 at random."""
    return draw.integers(0, 2, size=shape) * 2 - 1


def _blurred(x: Values, sigma_px: float) -> Values:
    """Each picture under a Gaussian that ends at 4 sigma; beyond the border its pixels repeat."""
    side = 2 * int(4 * sigma_px + 0.5) + 1
    return np.stack([cv2.GaussianBlur(picture, (side, side), sigma_px, borderType=cv2.BORDER_REPLICATE) for picture in x])


def _warped(x: Values, maps: NDArray[np.float64]) -> Values:
    """Each picture under its map (N, 2, 2), which leads from (x, y) about the centre to where the pixel comes from."""
    offsets = CENTRE * (1 - maps.sum(axis=2, keepdims=True))  # so that the centre stays
    flags, size = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, (SIDE_PX, SIDE_PX)
    both = zip(x.astype(np.float32), np.concatenate([maps, offsets], axis=2), strict=True)  # in float64 OpenCV rounds places to 1/32 px
    return np.stack([cv2.warpAffine(picture, matrix, size, flags=flags) for picture, matrix in both])


def _views(x: Values, reach: int, *, border: Literal["edge", "constant"]) -> Values:
    """A view (N, 2 reach + 1, 2 reach + 1, 28, 28): [n, reach + a, reach + b] is picture n moved up by a and left by b pixels."""
    padded = np.pad(x, ((0, 0), (reach, reach), (reach, reach)), mode=border)
    return sliding_window_view(padded, (SIDE_PX, SIDE_PX), axis=(1, 2))


def _clouds(count: int, draw: Generator) -> NDArray[np.float32]:
    """Plasma fractals (N, CLOUD_PX, CLOUD_PX) from 0 to 1, on a torus, by the diamond-square algorithm.

    Source: Fournier et al., Computer rendering of stochastic models (1982).
    """
    height = np.zeros((count, CLOUD_PX, CLOUD_PX), dtype=np.float32)
    step, swing = CLOUD_PX, 1.0

    def wobbled(total: NDArray[np.float32]) -> NDArray[np.float32]:
        return total / 4 + swing * (2 * draw.random(total.shape, dtype=np.float32) - 1)

    while step > 1:
        half = step // 2
        corners = height[:, ::step, ::step]
        right, below = np.roll(corners, -1, axis=2), np.roll(corners, -1, axis=1)
        middles = wobbled(corners + right + below + np.roll(right, -1, axis=1))
        height[:, half::step, half::step] = middles
        height[:, ::step, half::step] = wobbled(corners + right + middles + np.roll(middles, 1, axis=1))
        height[:, half::step, ::step] = wobbled(corners + below + middles + np.roll(middles, 1, axis=2))
        step, swing = half, swing / FOG_DECAY**2  # squared: in MNIST-C the swing is the product of two factors that both decay
    height -= height.min(axis=(1, 2), keepdims=True)
    height /= height.max(axis=(1, 2), keepdims=True)
    return height


def _lines(x0: Numbers, y0: Numbers, x1: Numbers, y1: Numbers) -> Values:
    """Soft lines (N, 28, 28) from (x0, y0) to (x1, y1), 1 in their middle, darker with the logarithm of the distance in rows."""
    slope = (y1 - y0) / (x1 - x0)
    middle = y0[:, None] + slope[:, None] * (COLUMNS - x0[:, None])  # (N, 28), the row in each column
    distance = np.abs(COLUMNS[None, :, None] - middle[:, None, :])
    left, right = np.floor(x0)[:, None], np.ceil(x1)[:, None]
    inside = (left <= COLUMNS) & (right > COLUMNS)
    lines: Values = np.maximum(np.log1p(-np.minimum(distance / LINE_PX, 0.9)) + 1, 0) * inside[:, None, :]
    return lines


def _is_ridge(strength: Values, down: Values, right: Values) -> NDArray[np.bool_]:
    """Whether the strength of the gradient (down, right) is nowhere less than one pixel further along it, or back."""
    padded = np.pad(strength, ((0, 0), (1, 1), (1, 1)))
    picture, row, column = np.ogrid[: len(strength), 1 : SIDE_PX + 1, 1 : SIDE_PX + 1]
    steep = np.abs(down) >= np.abs(right)
    step_y, step_x = np.sign(down).astype(int), np.sign(right).astype(int)
    tilt = np.where(steep, np.abs(right), np.abs(down)) / np.maximum(np.maximum(np.abs(down), np.abs(right)), 1e-9)

    def further(by: int) -> Values:
        straight = padded[picture, row + by * np.where(steep, step_y, 0), column + by * np.where(steep, 0, step_x)]
        diagonal = padded[picture, row + by * step_y, column + by * step_x]
        return np.asarray(tilt * diagonal + (1 - tilt) * straight)

    return np.asarray(strength >= np.maximum(further(1), further(-1)))
