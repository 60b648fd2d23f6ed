"""Measuring a model the way a client sees it: encoded pictures in, predictions out, through the served code."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from digitkit.backends import blocks, eye_net
from digitkit.backends.eye_net import EyeNet
from digitkit.contract import Run
from digitkit.errors import DigitError
from digitkit.pictures.codec import decode_picture, encode_png
from digitkit.pictures.eye import Eye
from digitkit.readers.digits.digit import Prediction
from digitkit.readers.digits.recognise import prepare, recognise
from digitkit.settings import Settings

EYE = Path(__file__).resolve().parents[1] / "released" / "eye.pt"  # the eye that every archive has
DIGITS = EYE.with_name("digits.pt")  # the released weights
MODEL_CONFIG = Path(__file__).resolve().parents[2] / "handlers" / "model-config.yaml"
BATCH = 1_000


def released_eye() -> Eye:
    """The eye that is released, on the CPU; raises CardError."""
    return eye_net.as_eye(blocks.read(EyeNet(), EYE), torch.device("cpu"))


def predict_served(pictures: Sequence[bytes], run: Run, settings: Settings, eye: Eye | None = None) -> list[Prediction]:
    """Predictions of encoded pictures, every step as in a worker; raises DigitError for a picture that is refused.

    Args:
        eye: the released one where none is given.
    """
    predictions: list[Prediction] = []
    eye = eye or released_eye()
    for start in range(0, len(pictures), BATCH):
        given = [prepare(decode_picture(data, settings.limits)) for data in pictures[start : start + BATCH]]
        for answer in recognise(given, run, eye, settings.threshold("digits")):
            if isinstance(answer, DigitError):
                raise answer
            predictions.append(answer)
    return predictions


def served_accuracy(pictures: NDArray[np.uint8], labels: NDArray[np.int64], run: Run, settings: Settings) -> float:
    """The share of pictures, uint8 (N, H, W), that are read right by the served path, 0 to 1."""
    predictions = predict_served([encode_png(picture) for picture in pictures], run, settings)
    return float(np.mean([p.digit for p in predictions] == labels))
