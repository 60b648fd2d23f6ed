"""What all scenes are drawn with: a digit enlarged to any height, pages that it is laid on, and grey levels that tell them apart."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitkit.contract import Picture
from training.data.mnist import Split
from training.evaluate.exams.exam import Exam

Ink: TypeAlias = NDArray[np.float32]  # (H, W), how much of each pixel is inked, 0 to 1
Scene: TypeAlias = Callable[[Split, Generator], Iterator[Exam]]  # the exams of one family of scenes, of MNIST's test digits

RUNG = 200  # pictures in an exam, where a picture is drawn in a millisecond or so
EDGE = 3.0  # how much steeper the soft edges of an enlarged digit are made, so that a pen's edge comes out


def some(digits: Split, draw: Generator, count: int = RUNG) -> Split:
    """`count` different digits, drawn at random."""
    chosen = draw.permutation(len(digits))[:count]
    return Split(digits.pictures[chosen], digits.labels[chosen])


def enlarged(canvas: Picture, longer: int) -> Ink:
    """A digit cropped to its ink and scaled so that its longer side has so many pixels, its proportions kept and its edges sharp."""
    x, y, across, down = cv2.boundingRect(canvas)
    scale = longer / max(across, down)
    size = (max(2, round(across * scale)), max(2, round(down * scale)))
    shrinks = scale < 1
    ink = cv2.resize(canvas[y : y + down, x : x + across], size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC) / 255.0
    return np.asarray(np.clip(ink if shrinks else (ink - 0.5) * EDGE + 0.5, 0, 1), dtype=np.float32)


def placed(ink: Ink, size: tuple[int, int], top: int, left: int) -> Ink:
    """The ink in its place on an empty page of `size`, height and width; what reaches over the edge is cut off."""
    page = np.zeros(size, dtype=np.float32)
    part = page[top : top + ink.shape[0], left : left + ink.shape[1]]
    part[:] = ink[: part.shape[0], : part.shape[1]]
    return page


def anywhere(ink: Ink, size: tuple[int, int], draw: Generator) -> Ink:
    """The ink anywhere on an empty page of `size`, whole."""
    top, left = (int(draw.integers(0, whole - part + 1)) for whole, part in zip(size, ink.shape, strict=True))
    return placed(ink, size, top, left)


def centred(ink: Ink, size: tuple[int, int]) -> Ink:
    return placed(ink, size, (size[0] - ink.shape[0]) // 2, (size[1] - ink.shape[1]) // 2)


def painted(ink: Ink, paper: float | NDArray[np.floating], colour: float) -> Picture:
    """The ink in one grey level on paper of another, or of a level for each pixel."""
    return np.asarray(np.clip(paper + (colour - paper) * ink, 0, 255), dtype=np.uint8)


def levels(draw: Generator, *, contrast: int = 130) -> tuple[float, float]:
    """Grey levels of paper and ink that differ by `contrast` or more, dark on light as often as light on dark."""
    dark = float(draw.uniform(0, 255 - contrast))
    light = float(draw.uniform(dark + contrast, 255))
    return (light, dark) if draw.random() < 0.5 else (dark, light)


def log_uniform(draw: Generator, low: float, high: float) -> int:
    """A whole number from `low` to `high`, small ones as often as large ones by their ratio."""
    return round(float(np.exp(draw.uniform(np.log(low), np.log(high)))))
