"""Drift: how far the pictures that arrive now are from those that the model was validated on, in the statistics of its reader."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Reference: TypeAlias = Mapping[str, Mapping[str, list[float]]]  # by statistic: "bounds" between its bins, and "shares", one a bin

WINDOW: Final = 2048  # pictures; the index of ten bins over this many is about 0.004 by chance alone
LEAST: Final = 512  # pictures before an index is given: it is then about 0.018 by chance, and 0.1 is the first that matters


def shares(values: NDArray[Any], bounds: list[float]) -> NDArray[np.float64]:
    """The share of values in each of len(bounds) + 1 bins, a bound belonging to the bin below it.

    Half a value is added to each bin, so that an empty one has a logarithm (Krichevsky and Trofimov 1981).
    """
    counts = np.bincount(np.searchsorted(bounds, values, side="left"), minlength=len(bounds) + 1) + 0.5
    return np.asarray(counts / counts.sum())


def stability_index(expected: NDArray[np.float64], found: NDArray[np.float64]) -> float:
    """The population stability index, 0 for equal shares: by custom up to 0.1 is no change, from 0.25 on a large one.

    Source: Siddiqi, Credit Risk Scorecards (2006): the sum of (found - expected) * ln(found / expected).
    """
    return float(((found - expected) * np.log(found / expected)).sum())


class Drift:
    """How far the last WINDOW pictures of a worker are from a reference; an empty reference gives no index.

    Args:
        statistics: their names, in the order in which `add` is given their values.
        reference: of the model's card.
    """

    def __init__(self, statistics: Sequence[str], reference: Reference) -> None:
        self._statistics, self._reference = statistics, reference
        self._window = np.empty((len(statistics), 0))

    def add(self, *values: NDArray[Any]) -> None:
        """Take in the values of each statistic, (N,) each, the newest last."""
        self._window = np.concatenate([self._window, np.stack(values)], axis=1)[:, -WINDOW:]

    def indices(self) -> dict[str, float]:
        """The stability index of each statistic that the reference holds; empty before LEAST pictures."""
        if self._window.shape[1] < LEAST:
            return {}
        rows = dict(zip(self._statistics, self._window, strict=True))
        return {
            name: stability_index(np.asarray(known["shares"]), shares(rows[name], known["bounds"]))
            for name, known in self._reference.items()
        }
