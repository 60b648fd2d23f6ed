"""A picture as it is kept: a grey PNG of bounded size, without the metadata of the file that it came in."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np

from digitkit.contract import Picture
from digitkit.pictures.codec import encode_png


@dataclass(frozen=True)
class Sample:
    """A picture to keep, and what was read of it.

    Attributes:
        png: the picture.
        width, height: of it, in pixels.
        task: of the model that it was sent to.
        reason: why it is kept.
        answer: the columns of schema.ANSWERS but for its sha256; None where nothing is known to have been read.
    """

    png: bytes
    width: int
    height: int
    task: str
    reason: str
    answer: Mapping[str, Any] | None = None

    @cached_property
    def sha256(self) -> str:
        """Of the PNG: the same pixels have the same, whatever file they came in."""
        return hashlib.sha256(self.png).hexdigest()


def to_sample(picture: Picture, side_pixels: int, *, task: str, reason: str, answer: Mapping[str, Any] | None = None) -> Sample:
    """A picture as it is kept, no side longer than `side_pixels`."""
    small = shrink(picture, side_pixels)
    return Sample(encode_png(small), small.shape[1], small.shape[0], task, reason, answer)


def shrink(picture: Picture, side_pixels: int) -> Picture:
    """A picture of which no side is longer than `side_pixels`: itself, or a smaller one."""
    longer = max(picture.shape)
    if longer <= side_pixels:
        return picture
    height, width = (max(1, round(side * side_pixels / longer)) for side in picture.shape)
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
