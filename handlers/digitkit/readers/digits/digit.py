"""What a digit is to this reader: the sizes of its canvas, its labels, and the types at the ends of the pipeline."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Run

LABELS = tuple(range(10))
# Why a prediction is not accepted: there is more than one digit, or none at all, or it looks too little like one to be sure.
SEVERAL, NO_DIGIT, UNSURE = REASONS = ("several_digits", "no_digit", "unsure")
SIDE_PX = 28  # a canvas is 28 x 28
BOX_PX = 20  # its ink fits 20 x 20, LeCun et al. 1998, section III
# The mean and the standard deviation of all pixels of MNIST's 60,000 training pictures, as fractions of 255.
MNIST_MEAN, MNIST_STD = 0.1307, 0.3081

Canvas: TypeAlias = NDArray[np.uint8]  # (28, 28), ink 255, paper 0
Attributions: TypeAlias = NDArray[np.float32]  # (28, 28); positive speaks for the target, the largest magnitude is 1
Explain: TypeAlias = Callable[[Canvas, int], Attributions]  # a canvas and the digit to explain


@dataclass(frozen=True, slots=True)
class Backend:
    """A loaded model.

    Attributes:
        run: canvases (N, 28, 28) to logits (N, 10).
        explain: which pixels speak for a digit.
        method: the name of the method of `explain`.
        place: the device or provider that it runs on.
    """

    run: Run
    explain: Explain
    method: str
    place: str


@dataclass(frozen=True, slots=True)
class Prediction:
    """One answer.

    Attributes:
        digit: 0 to 9.
        confidence: the calibrated probability of `digit`, 0 to 1.
        accepted: False where the picture is probably not one digit.
        probabilities: ten floats that sum to 1, in the order of LABELS.
        reason: one of REASONS where the prediction is not accepted, else "".
        score: how likely the picture is one digit, 0 to 1; no part of an answer.
        canvas: that was read; no part of an answer.
        logits: of that canvas, (10,); no part of an answer.
    """

    digit: int
    confidence: float
    accepted: bool
    probabilities: tuple[float, ...]
    reason: str = ""
    score: float = field(default=0.0, compare=False)
    canvas: Canvas = field(default_factory=lambda: np.zeros((SIDE_PX, SIDE_PX), dtype=np.uint8), compare=False, repr=False)
    logits: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)
