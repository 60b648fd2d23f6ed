"""How the pictures of validation look to this reader, in three statistics: the reference of a card, which drift is measured against."""

from collections.abc import Sequence
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from digitkit.counting.drift import shares
from digitkit.readers.digits.digit import Canvas

STATISTICS: Final = ("digit", "confidence", "ink")
DIGIT_BOUNDS: Final = tuple(map(float, range(9)))  # ten bins, one a digit
CONFIDENCE_BOUNDS: Final = (0.5, 0.8, 0.9, 0.95, 0.99, 0.999)  # most good pictures lie above the last one
INK_BINS: Final = 10  # deciles: each holds a tenth of the reference's pictures


def reference(digits: NDArray[Any], confidences: NDArray[Any], inks: NDArray[Any]) -> dict[str, dict[str, list[float]]]:
    """The distribution of each statistic over N validation pictures, for the card; the arguments are (N,) each."""
    ink_bounds = np.quantile(inks, np.arange(1, INK_BINS) / INK_BINS).round(4).tolist()
    bounds = (list(DIGIT_BOUNDS), list(CONFIDENCE_BOUNDS), ink_bounds)
    return {
        name: {"bounds": edges, "shares": shares(values, edges).round(6).tolist()}
        for name, values, edges in zip(STATISTICS, (digits, confidences, inks), bounds, strict=True)
    }


def mean_ink(canvases: Sequence[Canvas]) -> NDArray[np.float32]:
    """The mean of each canvas, (N,), 0 to 255. OpenCV takes 2 us for 64 of them, NumPy 15; np.stack 21, np.concatenate 8."""
    if not canvases:
        return np.empty(0, dtype=np.float32)
    flat = np.concatenate(canvases).reshape(len(canvases), -1)
    return np.asarray(cv2.reduce(flat, 1, cv2.REDUCE_AVG, dtype=cv2.CV_32F)[:, 0], dtype=np.float32)
