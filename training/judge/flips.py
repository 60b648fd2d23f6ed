"""What flips an answer: a small change of ink, the least that a greedy search finds, after which a canvas is read as another digit.

A change is a stroke of a pen or of an eraser, not a speck on single pixels: pixels that no hand could set flip any net, and tell nothing
of what it looks at. So discs are painted or erased, one after the other, each time the one that brings the other digit nearest for its
ink, until the answer turns; those that turn out to be needless are taken back.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Run
from digitkit.readers.digits.digit import SIDE_PX, Canvas

RADIUS_PX: Final = 1.5  # of a disc, half as wide as a stroke is thick
STEP_PX: Final = 2  # between the places of discs
MOST: Final = 24  # discs, after which a canvas counts as one that does not flip


@dataclass(frozen=True, slots=True)
class Flip:
    """A canvas that is read as another digit, and how.

    Attributes:
        before, after: the canvas as it was and as it is read otherwise.
        read, then: the digits.
        ink: how much was changed, in pixels that went from paper to ink or back.
    """

    before: Canvas
    after: Canvas
    read: int
    then: int
    ink: float

    @property
    def painted(self) -> NDArray[np.uint8]:
        """The ink that was added, uint8 (28, 28)."""
        return np.where(self.after > self.before, self.after - self.before, 0).astype(np.uint8)

    @property
    def erased(self) -> NDArray[np.uint8]:
        """The ink that was taken away."""
        return np.where(self.before > self.after, self.before - self.after, 0).astype(np.uint8)


def flip(run: Run, canvas: Canvas, target: int | None = None) -> Flip | None:
    """A small change after which a canvas is read as `target`, or as any other digit; None where MOST discs do not suffice."""
    read = int(run(canvas[np.newaxis])[0].argmax())
    if target == read:
        return None
    chosen: list[NDArray[np.uint8]] = []
    while _margin(run(drawn(canvas, chosen)[np.newaxis]), read, target)[0] <= 0:
        if len(chosen) == MOST:
            return None
        chosen.append(_best(run, drawn(canvas, chosen), read, target))
    for disc in list(chosen):  # the first were chosen before the others were known
        without = [other for other in chosen if other is not disc]
        if _margin(run(drawn(canvas, without)[np.newaxis]), read, target)[0] > 0:
            chosen = without
    after = drawn(canvas, chosen)
    changed = np.abs(after.astype(int) - canvas).sum() / 255
    return Flip(canvas, after, read, int(run(after[np.newaxis])[0].argmax()), float(changed))


def drawn(canvas: Canvas, chosen: list[NDArray[np.uint8]]) -> Canvas:
    """A canvas after discs, each (2, 28, 28): what is erased, and then what is painted."""
    for disc in chosen:
        canvas = np.maximum(np.minimum(canvas, 255 - disc[0]), disc[1])
    return canvas


def _discs() -> NDArray[np.uint8]:
    """Every disc, (D, 2, 28, 28): the eraser's and the pen's at each place, with soft edges as strokes have."""
    places = np.arange(STEP_PX // 2, SIDE_PX, STEP_PX)
    rows, columns = np.ogrid[:SIDE_PX, :SIDE_PX]
    shapes = [np.clip(RADIUS_PX + 0.5 - np.hypot(rows - y, columns - x), 0, 1) for y in places for x in places]
    spots = (255 * np.stack(shapes)).astype(np.uint8)
    nothing = np.zeros_like(spots)
    return np.concatenate([np.stack([spots, nothing], axis=1), np.stack([nothing, spots], axis=1)])


DISCS: Final = _discs()


def _best(run: Run, canvas: Canvas, read: int, target: int | None) -> NDArray[np.uint8]:
    """The disc that brings the other digit nearest for each pixel of ink that it changes."""
    canvases = np.maximum(np.minimum(canvas, 255 - DISCS[:, 0]), DISCS[:, 1])
    changed = np.abs(canvases.astype(int) - canvas).sum(axis=(1, 2)) / 255
    now = _margin(run(canvas[np.newaxis]), read, target)[0]
    margins = _margin(run(canvases), read, target)
    flips, gains = margins > 0, (margins - now) / np.maximum(changed, 1)
    if flips.any():
        return np.asarray(DISCS[int(np.where(flips, -changed, -np.inf).argmax())])
    return np.asarray(DISCS[int(np.where(changed > 0, gains, -np.inf).argmax())])


def _margin(logits: NDArray[np.float32], read: int, target: int | None) -> NDArray[np.float32]:
    """How far the target, or the likeliest other digit, is ahead of what was read, (N,), in logits."""
    others = np.delete(logits, read, axis=1).max(axis=1)
    if target is None:
        return np.asarray(others - logits[:, read])
    return np.asarray(logits[:, target] - np.delete(logits, target, axis=1).max(axis=1))
