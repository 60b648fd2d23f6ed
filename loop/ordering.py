"""In which order pictures are reviewed: what teaches most comes first.

The score of a picture is its doubt times its novelty, both 0 to 1.

- **Doubt** is 1 where models, people or feedback contradict one another; else 1 minus the lowest confidence of its answers, and at least
  a half where one was not accepted.
- **Novelty** is how far its logits lie from those of every picture that is labelled, or that comes before it, as a share of the farthest.
  So the rare comes before the frequent, and of forty alike one comes first and the others late. It is never below LEAST_NOVELTY, and 1
  where no logits are known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

LEAST_NOVELTY: Final = 0.05
NOT_ACCEPTED: Final = 0.5  # the least doubt of an answer that was not accepted

Vectors = NDArray[np.float64]  # (N, D)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A picture that may be reviewed next.

    Attributes:
        answers: what each model read, as rows of schema.ANSWERS.
        labels: what each person said, the newest last, and by whom.
        claims: what answers and feedback say it is.
    """

    sha256: str
    answers: Sequence[dict[str, Any]]
    labels: Sequence[tuple[str, str]]
    claims: frozenset[str]

    @property
    def is_contradicted(self) -> bool:
        """Whether somebody, or some model, says otherwise than another."""
        read = {answer["label"] for answer in self.answers}
        return len(read) > 1 or len(self.claims | {label for _, label in self.labels}) > 1

    @property
    def doubt(self) -> float:
        if self.is_contradicted or not self.answers:
            return 1.0
        return max(max(1 - float(answer["confidence"]), 0.0 if answer["accepted"] else NOT_ACCEPTED) for answer in self.answers)

    @property
    def logits(self) -> list[float] | None:
        """Of the first model that has some."""
        return next((answer["logits"] for answer in self.answers if answer["logits"]), None)


def most_telling(candidates: Sequence[Candidate], labelled: Sequence[list[float]], count: int) -> list[Candidate]:
    """The `count` candidates that are reviewed next, in order.

    Args:
        labelled: the logits of pictures that are labelled already.
    """
    doubts = np.array([candidate.doubt for candidate in candidates])
    size = max((len(candidate.logits or ()) for candidate in candidates), default=0)
    has_logits = np.array([len(candidate.logits or ()) == size > 0 for candidate in candidates], dtype=bool)
    vectors = np.array([candidate.logits if known else [0.0] * size for candidate, known in zip(candidates, has_logits, strict=True)])
    distances = nearest(vectors, np.array([known for known in labelled if len(known) == size]))
    chosen: list[Candidate] = []
    left = np.ones(len(candidates), dtype=bool)
    while left.any() and len(chosen) < count:
        novelty = np.where(has_logits, np.maximum(relative(distances, left & has_logits), LEAST_NOVELTY), 1.0)
        best = int(np.where(left, doubts * novelty, -1.0).argmax())
        chosen.append(candidates[best])
        left[best] = False
        if has_logits[best]:
            distances = np.minimum(distances, np.linalg.norm(vectors - vectors[best], axis=1))
    return chosen


def nearest(vectors: Vectors, others: Vectors) -> NDArray[np.float64]:
    """How far each vector (N, D) is from the nearest of others (M, D): (N,), infinite where there are none."""
    if not len(others) or not vectors.size:
        return np.full(len(vectors), np.inf)
    squares = (vectors**2).sum(axis=1)[:, None] + (others**2).sum(axis=1) - 2 * vectors @ others.T
    return np.asarray(np.sqrt(np.maximum(squares, 0).min(axis=1)))


def relative(distances: NDArray[np.float64], among: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Distances as shares of the largest among some, 1 for the infinitely far."""
    farthest = float(np.max(distances[among & np.isfinite(distances)], initial=0.0))
    return np.where(np.isfinite(distances), distances / farthest if farthest else 0.0, 1.0)
