"""Attributions, which say what in a picture speaks for an answer: their scale, and how they are drawn."""

import io
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

FOR, AGAINST = np.array([214.0, 39.0, 40.0]), np.array([31.0, 119.0, 180.0])  # red and blue
OVERLAY_SCALE: Final = 10  # pixels of an overlay for each of what was explained


def scaled(attributions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Attributions whose largest magnitude is 1; all 0 where nothing speaks for or against."""
    largest = float(np.abs(attributions).max())
    return np.asarray(attributions / largest if largest > 0 else attributions, dtype=np.float32)


def overlay(ink: NDArray[np.uint8], attributions: NDArray[np.float32]) -> bytes:
    """A PNG of ink (H, W), bright as it is, dark on light; what speaks for the target is red and what speaks against it blue."""
    size = [side * OVERLAY_SCALE for side in ink.shape[::-1]]
    grey = 255 - cv2.resize(ink, size, interpolation=cv2.INTER_CUBIC).astype(np.float32) * 0.6
    strength = cv2.resize(attributions, size, interpolation=cv2.INTER_LINEAR)
    weight = np.abs(strength)[..., np.newaxis] * 0.8
    colour = np.where(strength[..., np.newaxis] > 0, FOR, AGAINST)
    pixels = grey[..., np.newaxis] * (1 - weight) + colour * weight
    buffer = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(buffer, format="PNG")
    return buffer.getvalue()
