"""The gates of export: a model is published only if it answers as the weights that it was made from do."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Run
from digitkit.readers.digits.digit import SIDE_PX
from export.errors import ExportError
from training.data import mnist

BATCHES = (0, 1, 2, 31, 32, 1024)
READING_BATCH = 500


@dataclass(frozen=True, slots=True)
class Gate:
    """How far a form may be from the weights.

    Attributes:
        lost_points: loss of accuracy on the 10,000 test digits, in percentage points; 0 means that not one answer may differ.
        logits: the largest difference of a logit on any input, as a share of the largest logit of that input's batch.
    """

    lost_points: float
    logits: float


def check(name: str, ours: Run, reference: Run, *, test: mnist.Split, gate: Gate) -> None:
    """Compare a model's answers with those of the reference, and print how much they differ.

    Raises:
        ExportError: they differ by more than the gate allows, or the model does not take batches of any size.
    """
    gap = largest_gap(name, ours, reference)
    got, expected = (read(run, test.pictures) for run in (ours, reference))
    differing = int(np.count_nonzero(got != expected))
    lost = 100 * (np.count_nonzero(expected == test.labels) - np.count_nonzero(got == test.labels)) / len(test)
    print(f"{name}: {differing} of {len(test):,} answers differ, {lost:+.2f} points lost, logits by at most {gap:.1e}")
    if gate.lost_points == 0 and differing:
        raise ExportError(f"{name} answers {differing} of {len(test):,} test digits differently from its weights; not one may differ")
    if lost > gate.lost_points:
        raise ExportError(f"{name} loses {lost:.2f} points of accuracy on {len(test):,} test digits; {gate.lost_points} are allowed")
    if not gap <= gate.logits:
        raise ExportError(f"{name} differs by {gap:.1e} of the largest logit on made-up canvases; {gate.logits:.0e} is allowed")


def read(run: Run, pictures: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The digit of each picture, (N,)."""
    batches = [pictures[start : start + READING_BATCH] for start in range(0, len(pictures), READING_BATCH)]
    return np.concatenate([run(batch).argmax(axis=1) for batch in batches])


def largest_gap(name: str, ours: Run, reference: Run) -> float:
    """The largest difference of a logit on generated canvases over all BATCHES, as a share of its batch's largest logit."""
    largest = 0.0
    for size in BATCHES:
        for canvases in made_up(size):
            got, expected = ours(canvases), reference(canvases)
            if got.shape != expected.shape or got.dtype != expected.dtype:
                raise ExportError(f"{name} answers {size} canvases with {got.dtype} {got.shape}, its weights with {expected.shape}")
            if size:
                gap = float(np.abs(got - expected).max() / np.abs(expected).max())
                largest = gap if np.isnan(gap) else max(largest, gap)
    return largest


def made_up(size: int) -> list[NDArray[np.uint8]]:
    """Canvases unlike any in training: random greys, random black and white, and canvases of a single grey."""
    random = np.random.default_rng(size)
    shape = (size, SIDE_PX, SIDE_PX)
    greys = random.integers(0, 256, shape, dtype=np.uint8)
    extreme = (255 * random.integers(0, 2, shape)).astype(np.uint8)
    equal = np.broadcast_to(np.resize(np.array([0, 255, 128], dtype=np.uint8), size)[:, None, None], shape).copy()
    return [greys, extreme, equal]
