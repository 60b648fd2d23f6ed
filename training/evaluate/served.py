"""Measuring a model the way a client sees it: encoded pictures in, predictions out, through the served code."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Run
from digitkit.pictures.codec import decode_picture, encode_png
from digitkit.readers.digits.canvas import to_canvases
from digitkit.readers.digits.classify import classify
from digitkit.readers.digits.digit import Prediction
from digitkit.settings import Settings

MODEL_CONFIG = Path(__file__).resolve().parents[2] / "handlers" / "model-config.yaml"
BATCH = 1_000


def predict_served(pictures: Sequence[bytes], run: Run, settings: Settings) -> list[Prediction]:
    """Predictions of encoded pictures, every step as in a worker; raises DigitError for a picture that is refused."""
    predictions: list[Prediction] = []
    for start in range(0, len(pictures), BATCH):
        canvases = [to_canvases(decode_picture(data, settings.limits)) for data in pictures[start : start + BATCH]]
        predictions += classify(canvases, run, settings.min_score)
    return predictions


def served_accuracy(pictures: NDArray[np.uint8], labels: NDArray[np.int64], run: Run, settings: Settings) -> float:
    """The share of pictures, uint8 (N, H, W), that are read right by the served path, 0 to 1."""
    predictions = predict_served([encode_png(picture) for picture in pictures], run, settings)
    return float(np.mean([p.digit for p in predictions] == labels))
