"""Canvases become predictions: the one pipeline that training, serving, export and the tests call."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Canvas, Prediction, Run

# Canvases that a CPU takes at a time: their activations stay in its cache. 1,024 at once were 2 to 3 times slower each, and took
# 150 MB in place of 14.
CPU_CHUNK = 64
CHUNK = 1024  # canvases in one call of the model; a batch of 64 full requests would need 8 GB


def classify(canvases: Sequence[Canvas], run: Run, min_score: float) -> list[Prediction]:
    """Predict one digit for each canvas, in order, CHUNK at a time; no canvases, no call of the model.

    Args:
        canvases: uint8 (28, 28) each.
        run: the model, as net.load or ort.load gives it.
        min_score: predictions are accepted from this score on, 0 to 1.
    """
    chunks = [canvases[start : start + CHUNK] for start in range(0, len(canvases), CHUNK)]
    return to_predictions(np.concatenate([run(np.stack(chunk)) for chunk in chunks]), min_score) if chunks else []


def in_chunks(run: Run, size: int) -> Run:
    """`run`, asked for at most `size` canvases at a time."""

    def chunked(canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
        if len(canvases) <= size:
            return run(canvases)
        return np.concatenate([run(canvases[start : start + size]) for start in range(0, len(canvases), size)])

    return chunked


def to_predictions(logits: NDArray[np.float32], min_score: float) -> list[Prediction]:
    """Predictions of logits (N, 10), which are calibrated: the temperature is inside the weights."""
    probabilities = softmax(logits)
    digits = logits.argmax(axis=1)
    accepted = digit_score(logits) >= min_score
    return [
        Prediction(digit, row[digit], ok, tuple(row))
        for digit, row, ok in zip(digits.tolist(), probabilities.tolist(), accepted.tolist(), strict=True)
    ]


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities (N, 10) that sum to 1."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


def digit_score(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """How likely each picture is a digit at all, (N,), 0 to 1.

    The net is trained with an eleventh class, "no digit", whose logit is fixed at 0. So the odds of being a digit are
    the sum of the ten exponentials, and its logarithm is the negative free energy of Liu et al. 2020 (arXiv 2010.03759).
    """
    log_odds = np.logaddexp.reduce(logits, axis=1)
    return np.asarray(np.exp(-np.logaddexp(0, -log_odds)), dtype=np.float32)
