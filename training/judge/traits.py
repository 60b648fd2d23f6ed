"""What sort of picture one is: how its digit leans, how thick its strokes are, how large and how strong it is.

The bounds of lean and stroke are the tenth and the ninetieth percentile of MNIST's validation pictures, so that a group is what is rare.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Picture
from digitkit.readers.digits.digit import Canvas

INK = 128  # grey levels from which on a pixel of a canvas is a stroke's


class Trait(NamedTuple):
    """A measure of pictures, and the names of its ranges.

    Attributes:
        measure: of a picture and its canvas.
        bounds: between two ranges; a bound belongs to the range below it.
        ranges: from the lowest up, one more than bounds.
    """

    measure: Callable[[Picture, Canvas], float]
    bounds: tuple[float, ...]
    ranges: tuple[str, ...]


def lean(_: Picture, canvas: Canvas) -> float:
    """How far a digit leans to the right, as the tangent of its angle: the shear that would set its ink upright."""
    moments = cv2.moments(canvas)
    return -moments["mu11"] / moments["mu02"] if moments["mu02"] else 0.0


def stroke(_: Picture, canvas: Canvas) -> float:
    """How thick a digit's strokes are, in pixels of the canvas.

    In a bar of w pixels the mean distance from a pixel's middle to that of the nearest one of paper is (w + 2) / 4.
    """
    mask = (canvas >= INK).astype(np.uint8)
    distances = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[mask > 0]
    return 4 * float(distances.mean()) - 2 if distances.size else 0.0


def size(picture: Picture, _: Canvas) -> float:
    """The longer side of a picture, in pixels."""
    return float(max(picture.shape))


def strength(picture: Picture, _: Canvas) -> float:
    """How far the ink stands out from the paper, in grey levels."""
    return float(np.ptp(cv2.blur(picture, (3, 3))))


TRAITS: Final = {
    "lean": Trait(lean, (-0.21, 0.45), ("to the left", "as most", "far to the right")),
    "stroke": Trait(stroke, (2.15, 3.5), ("thin", "as most", "thick")),
    "size": Trait(size, (32, 96), ("up to 32 px", "up to 96 px", "larger")),
    "ink": Trait(strength, (100, 200), ("faint", "medium", "strong")),
}


def traits_of(pictures: Sequence[Picture], canvases: NDArray[np.uint8]) -> dict[str, NDArray[np.bool_]]:
    """Which of N pictures are of each range of each trait, (N,), by names as "stroke: thin".

    Args:
        canvases: of the pictures, (N, 28, 28); a picture whose canvas is empty is of no range.
    """
    rows = [_measures(picture, canvas) for picture, canvas in zip(pictures, canvases, strict=True)]
    values = np.array(rows).reshape(len(pictures), len(TRAITS))
    groups: dict[str, NDArray[np.bool_]] = {}
    for (name, trait), column in zip(TRAITS.items(), values.T, strict=True):
        places = np.where(np.isnan(column), -1, np.searchsorted(trait.bounds, column))
        groups |= {f"{name}: {label}": places == i for i, label in enumerate(trait.ranges)}
    return groups


def _measures(picture: Picture, canvas: Canvas) -> list[float]:
    if not canvas.any():
        return [np.nan] * len(TRAITS)
    return [trait.measure(picture, canvas) for trait in TRAITS.values()]
