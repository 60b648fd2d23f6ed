"""Canvases become predictions: the one pipeline that training, serving, export and the tests call."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Run
from digitkit.pictures.eye import Sight
from digitkit.readers.digits.digit import NO_DIGIT, SEVERAL, SIDE_PX, UNSURE, Canvas, Prediction

CHUNK = 1024  # most canvases in one call of the model; all those of a batch of 64 full requests at once would need 8 GB

# Where the rules found the strokes that the eye sees, the eye's canvas counts this share of what the picture's own ink counts: on the
# development halves up to 0.7 % more are read right than with 1. On a disc or in a ring, where the rules find the outline, it counts whole.
TRACED = 0.9
ALIKE = 0.7  # the correlation from which on two canvases show the same strokes
EVEN = 0.5  # the probability from which on something is more likely than not


@dataclass(frozen=True, slots=True)
class Readings:
    """What the model made of N pictures.

    Attributes:
        logits: (N, 10), of the canvas that was chosen for each.
        scores: (N,), how likely each is a digit at all, 0 to 1.
        canvases: the chosen ones, N of them.
    """

    logits: NDArray[np.float32]
    scores: NDArray[np.float32]
    canvases: list[Canvas]


def classify(pictures: Sequence[Sequence[Canvas]], run: Run, min_score: float, sights: Sequence[Sight | None] = ()) -> list[Prediction]:
    """Predict one digit for each picture, in order; no pictures, no call of the model.

    Args:
        pictures: the canvases of each, one or more, as to_canvases gives them.
        run: the model, as net.load or ort.load gives it.
        min_score: predictions are accepted from this score on, 0 to 1.
        sights: what was seen in each picture, None for one that is a canvas; none where nothing was looked at.
    """
    if not pictures:
        return []
    return to_predictions(read(pictures, run, sights), min_score, sights)


def read(pictures: Sequence[Sequence[Canvas]], run: Run, sights: Sequence[Sight | None] = ()) -> Readings:
    """Run the model on the canvases of all pictures, CHUNK at a time, and choose one for each picture.

    Of several canvases the one is chosen whose digit has the highest probability over eleven classes, "no digit" among them; that of
    the eye, which comes last where it saw ink, at TRACED of it if the rules found the same strokes.

    The picture's score is the lowest of its canvases', so that it is accepted only if each of them looks like a digit. Where it was
    looked at, it is the geometric mean of that, of the chosen canvas's score, and of how sure the eye is that there is one digit; where
    the eye sees several, which no canvas can tell, its word alone counts.
    """
    canvases = [canvas for candidates in pictures for canvas in candidates]
    parts = [canvases[start : start + CHUNK] for start in range(0, len(canvases), CHUNK)]
    logits = np.concatenate([run(np.concatenate(part).reshape(len(part), SIDE_PX, SIDE_PX)) for part in parts])
    scores = lowest = digit_score(logits)
    if len(canvases) > len(pictures):
        counts = np.array([len(candidates) for candidates in pictures])
        starts = np.cumsum(counts) - counts
        probabilities = softmax(logits).max(axis=1) * scores  # of the best digit over eleven classes, (number of canvases,)
        for candidates, sight, last in zip(pictures, sights, starts + counts - 1, strict=False):
            if sight is not None and sight.has_ink and len(candidates) > 1 and are_alike(candidates[0], candidates[-1]):
                probabilities[last] *= TRACED
        chosen = [int(start + probabilities[start : start + count].argmax()) for start, count in zip(starts, counts, strict=True)]
        lowest = np.minimum.reduceat(scores, starts)
        logits, scores, canvases = logits[chosen], scores[chosen], [canvases[i] for i in chosen]
    for i, sight in enumerate(sights):
        if sight is not None:
            lowest[i] = 1 - sight.several if sight.several >= EVEN else np.cbrt(lowest[i] * scores[i] * sight.one)
    return Readings(logits, lowest, canvases)


def are_alike(canvas: Canvas, other: Canvas) -> bool:
    """Whether two canvases, neither of one grey level, show the same strokes."""
    return bool(np.corrcoef(canvas.reshape(-1), other.reshape(-1))[0, 1] >= ALIKE)


def in_chunks(run: Run, size: int) -> Run:
    """A Run that calls `run` with at most `size` canvases at a time, in equal parts: 3 % faster than full parts and a small rest."""

    def chunked(canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
        if len(canvases) <= size:
            return run(canvases)
        return np.concatenate([run(part) for part in np.array_split(canvases, -(-len(canvases) // size))])

    return chunked


def to_predictions(readings: Readings, min_score: float, sights: Sequence[Sight | None] = ()) -> list[Prediction]:
    """Predictions of readings. Their probabilities are calibrated: the temperature is already inside the weights."""
    probabilities = softmax(readings.logits)
    digits = readings.logits.argmax(axis=1)
    scores = readings.scores.tolist()
    reasons = [
        "" if score >= min_score else reason_against(score, sight)
        for score, sight in zip(scores, sights or repeat(None, len(scores)), strict=True)
    ]
    return [
        Prediction(digit, row[digit], not reason, tuple(row), reason, score, canvas, logits)
        for digit, row, canvas, logits, score, reason in zip(
            digits.tolist(), probabilities.tolist(), readings.canvases, readings.logits, scores, reasons, strict=True
        )
    ]


def reason_against(score: float, sight: Sight | None) -> str:
    """Why a prediction with this score is not accepted, one of REASONS."""
    if sight is not None and sight.several >= EVEN:
        return SEVERAL
    return NO_DIGIT if score < EVEN else UNSURE


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities (N, 10) that sum to 1."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


def digit_score(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """How likely each picture is a digit at all, (N,), 0 to 1.

    The net is trained with an eleventh class, "no digit", whose logit is fixed at 0. So the odds of being a digit are the sum of
    the ten logits' exponentials; the logarithm of that sum is the negative free energy of Liu et al. 2020 (arXiv 2010.03759).
    """
    log_odds = np.logaddexp.reduce(logits, axis=1)
    return np.asarray(np.exp(-np.logaddexp(0, -log_odds)), dtype=np.float32)
