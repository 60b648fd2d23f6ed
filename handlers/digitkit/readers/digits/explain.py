"""Which pixels made the decision: attributions of a canvas, and their picture.

The PyTorch target explains by gradients (net.integrated_gradients); any Run can be explained by occlusion, which needs
forward passes only.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Run
from digitkit.pictures.attributions import scaled
from digitkit.readers.digits.classify import softmax
from digitkit.readers.digits.digit import SIDE_PX, Attributions, Canvas, Explain

PATCH_PX: Final = 5  # side of the square that is wiped out: as wide as a stroke with its edges


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a canvas was read as it was, or why it was not read as `target`.

    Attributes:
        digit: the prediction.
        target: the digit that the attributions speak for or against.
        method: "integrated gradients" or "occlusion".
        canvas: what was explained.
        attributions: float32 (28, 28), -1 to 1.
    """

    digit: int
    target: int
    method: str
    canvas: Canvas
    attributions: Attributions


def occlusion(run: Run) -> Explain:
    """An Explain that wipes out one patch after the other and measures how far the target's log-odds fall.

    Source: Zeiler and Fergus, Visualizing and understanding convolutional networks (2014), section 4.2.
    """

    def explain(canvas: Canvas, target: int) -> Attributions:
        wiped = np.repeat(canvas[np.newaxis], SIDE_PX * SIDE_PX + 1, axis=0)  # (785, 28, 28), the first one stays whole
        reach = PATCH_PX // 2
        for i, (y, x) in enumerate(np.ndindex(SIDE_PX, SIDE_PX), start=1):
            wiped[i, max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1] = 0
        odds = log_odds(run(wiped), target)
        return scaled((odds[0] - odds[1:]).reshape(SIDE_PX, SIDE_PX))

    return explain


def log_odds(logits: NDArray[np.float32], target: int) -> NDArray[np.float32]:
    """How much the target is ahead of all other digits together, (N,), in nats."""
    probability = np.clip(softmax(logits)[:, target], 1e-7, 1 - 1e-7)
    return np.asarray(np.log(probability / (1 - probability)), dtype=np.float32)
