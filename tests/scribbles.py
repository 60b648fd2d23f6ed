"""Pictures with more ink than their digit's, in which the rules find the other ink and the eye finds the digit."""

from pathlib import Path

import cv2
import numpy as np

from digitkit.pictures.codec import encode_png

SIDE_PX, PAPER = 160, 200
SCRIBBLE = np.array([(5, 5), (150, 40), (10, 45), (155, 8)], dtype=np.int32)  # larger than the digit, and read as a 7


def under_scribble(digit: np.ndarray) -> np.ndarray:
    """A page, uint8 (160, 160), with a digit, dark on light, and a scribble over it, given the digit's canvas."""
    page = np.full((SIDE_PX, SIDE_PX), PAPER, dtype=np.uint8)
    cv2.polylines(page, [SCRIBBLE], isClosed=False, color=30, thickness=5)
    large = cv2.resize(digit, (70, 70), interpolation=cv2.INTER_CUBIC)
    page[50:120, 45:115] = np.minimum(page[50:120, 45:115], PAPER - (large / 1.5).astype(np.uint8))
    return page


def write_scribbled(digit: np.ndarray, path: Path) -> Path:
    """The PNG file of such a page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_png(under_scribble(digit)))
    return path
