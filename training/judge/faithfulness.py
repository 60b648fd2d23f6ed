"""Whether explanations point at what matters: by deletion and insertion, against the same ink in a random order.

The pixels of a canvas are wiped out, or set on an empty one, from the most important on, and the target's probability is followed. Where
an explanation is right, it falls early and rises early. Only pixels with ink count, since paper cannot be wiped out: else any
explanation that finds the digit at all would beat chance.
Source: Petsiuk et al., RISE (2018), section 4.1.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitkit.contract import Run
from digitkit.readers.digits.classify import softmax
from digitkit.readers.digits.digit import Canvas, Explain

STEPS: Final = 20  # of wiping out all ink


class Faithfulness(NamedTuple):
    """The mean probability of the target while pixels are wiped out (less is better) and while they are set (more is better)."""

    deletion: float
    insertion: float


def faithfulness(run: Run, canvas: Canvas, importance: NDArray[np.floating], target: int) -> Faithfulness:
    """Of one explanation, the area under both curves, 0 to 1.

    Args:
        importance: (28, 28), of each pixel.
    """
    ink = np.flatnonzero(canvas.ravel())
    order = ink[np.argsort(-importance.ravel()[ink], kind="stable")]
    wiped = np.repeat(canvas.reshape(1, -1), STEPS + 1, axis=0)
    for step in range(STEPS + 1):
        wiped[step, order[: round(step / STEPS * len(order))]] = 0
    both = np.concatenate([wiped, canvas.reshape(1, -1) - wiped]).reshape(-1, *canvas.shape)
    probabilities = softmax(run(both))[:, target]
    return Faithfulness(*(float(np.trapezoid(part, dx=1 / STEPS)) for part in np.split(probabilities, 2)))


def mean_faithfulness(run: Run, explain: Explain, canvases: Sequence[Canvas]) -> Faithfulness:
    """Of the explanations of what is read in each canvas."""
    targets = run(np.stack(canvases)).argmax(axis=1)
    return _mean([faithfulness(run, canvas, explain(canvas, int(t)), int(t)) for canvas, t in zip(canvases, targets, strict=True)])


def by_chance(run: Run, canvases: Sequence[Canvas], draw: Generator) -> Faithfulness:
    """Of explanations that rate every pixel at random."""
    targets = run(np.stack(canvases)).argmax(axis=1)
    return _mean([faithfulness(run, canvas, draw.random(canvas.shape), int(t)) for canvas, t in zip(canvases, targets, strict=True)])


def _mean(found: list[Faithfulness]) -> Faithfulness:
    deletions, insertions = zip(*found, strict=True)
    return Faithfulness(float(np.mean(deletions)), float(np.mean(insertions)))
