"""Whole pictures without a digit: photos, textures, noise, patterns, screens, charts, paper, frames and cells."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator

from digitkit.contract import Picture
from training.scenes import layouts, patterns
from training.scenes.crops import cropped_photo
from training.scenes.patterns import Field

SIDES_PX = (24.0, 200.0)  # a picture's sides, from and to
ASPECT = 0.25  # standard deviation of the logarithm of width by height
LEAST_RANGE = 0.03  # between the darkest and the brightest grey of a picture, as a share of all greys

Kind = Callable[[int, int, Generator], Field]
PHOTOS = 0.4  # the share of crops of photos and clip art, where the machine has any
# The other kinds, with the parts that they have of what photos leave.
KINDS: dict[Kind, float] = {
    patterns.noise: 0.19, patterns.plasma: 0.09, patterns.blobs: 0.07, patterns.gradient: 0.04, patterns.stripes: 0.05,
    patterns.chequers: 0.05, patterns.dotted_sheet: 0.03, patterns.bar_code: 0.03, patterns.square_code: 0.05,
    layouts.text_lines: 0.07, layouts.screen: 0.06, layouts.chart: 0.05, layouts.ruled: 0.07, layouts.frames: 0.06,
    layouts.drums: 0.03, layouts.folded: 0.03, layouts.shaded: 0.03,
}  # fmt: skip


def nothing(draw: Generator) -> Picture:
    """A grey picture in which there is no digit: uint8 (H, W), sides from 24 to 200 px."""
    side = SIDES_PX[0] * (SIDES_PX[1] / SIDES_PX[0]) ** draw.random()
    height, width = (int(np.clip(side * np.exp(way * draw.normal(0, ASPECT)), *SIDES_PX)) for way in (-0.5, 0.5))
    if draw.random() < PHOTOS and (photo := cropped_photo(height, width, draw)) is not None:
        return photo if draw.random() < 0.85 else np.asarray(255 - photo, dtype=np.uint8)
    return _exposed(_KINDS[draw.choice(len(_KINDS), p=_SHARES)](height, width, draw), draw)


def _exposed(field: Field, draw: Generator) -> Picture:
    """The grey levels of a field: some part of the range, in either polarity, at times blurred or grainy."""
    low, high = np.sort(draw.random(2))
    if draw.random() < 0.4:
        low, high = low * 0.3, 1 - (1 - high) * 0.3
    high = max(high, low + LEAST_RANGE)
    if draw.random() < 0.4:
        low, high = high, low
    picture = 255 * (low + (high - low) * field)
    if draw.random() < 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), draw.uniform(0.4, 2))
    if draw.random() < 0.4:
        picture = picture + draw.uniform(1, 12) * draw.standard_normal(field.shape, dtype=np.float32)
    return np.asarray(np.clip(picture, 0, 255), dtype=np.uint8)


_KINDS, _SHARES = tuple(KINDS), tuple(KINDS.values())
