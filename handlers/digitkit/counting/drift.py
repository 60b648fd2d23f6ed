"""Drift: how far the pictures that arrive now are from those that the model was validated on, in the statistics of its reader."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Reference: TypeAlias = Mapping[str, Mapping[str, list[float]]]  # by statistic: "bounds" between its bins, and "shares", one a bin

WINDOW: Final = 2048  # pictures; the index of ten bins over this many is about 0.004 by chance alone
LARGE: Final = 0.25  # from this index on a statistic has drifted; deploy/monitoring/alerts.yml alerts above the same
GROWN: Final = 2.0  # a bin that holds so many times its share of the reference is where it has drifted to
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
        self._grown: Mapping[str, list[bool]] = {}

    def add(self, *values: NDArray[Any]) -> None:
        """Take in the values of each statistic, (N,) each, the newest last."""
        self._window = np.concatenate([self._window, np.stack(values)], axis=1)[:, -WINDOW:]
        self._grown = {name: self._grown_bins(name) for name, index in self.indices().items() if index > LARGE}

    def _grown_bins(self, name: str) -> list[bool]:
        """Which bins of a statistic hold GROWN times their share of the reference or more."""
        known = self._reference[name]
        found = shares(self._window[self._statistics.index(name)], known["bounds"])
        return [bool(now >= GROWN * share) for now, share in zip(found, known["shares"], strict=True)]

    @property
    def is_large(self) -> bool:
        """Whether any statistic has drifted, as the window was when `add` was called last; from any thread."""
        return bool(self._grown)

    def has(self, *values: float) -> bool:
        """Whether a picture with these values is of a kind that has drifted: of a bin that has grown, in a statistic that has drifted.

        It is as the window was when `add` was called last, and may be asked from any thread.
        """
        grown = self._grown
        return any(
            name in grown and grown[name][bisect_left(self._reference[name]["bounds"], value)]
            for name, value in zip(self._statistics, values, strict=True)
        )

    def indices(self) -> dict[str, float]:
        """The stability index of each statistic that the reference holds; empty before LEAST pictures."""
        if self._window.shape[1] < LEAST:
            return {}
        rows = dict(zip(self._statistics, self._window, strict=True))
        return {
            name: stability_index(np.asarray(known["shares"]), shares(rows[name], known["bounds"]))
            for name, known in self._reference.items()
        }
