"""What two models read in the same pictures: of all of them and of each group, how many each reads right, and who loses what."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from training.evaluate.plots import wilson_interval

Mask = NDArray[np.bool_]
LEAST: Final = 100  # pictures of a group that counts: of fewer, one picture is more than a point


class Share(NamedTuple):
    """A share of pictures with its 95 % interval (Wilson's), 0 to 1."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Pair:
    """Which of the N pictures of a group champion and challenger read right, (N,) each."""

    name: str
    champion: Mask
    challenger: Mask

    @property
    def pictures(self) -> int:
        return len(self.champion)

    @property
    def drop(self) -> float:
        """How much less the challenger reads right, as a share; below 0 where it reads more."""
        return share(self.champion).value - share(self.challenger).value

    @property
    def lost(self) -> int:
        return int(np.count_nonzero(self.champion & ~self.challenger))

    @property
    def won(self) -> int:
        return int(np.count_nonzero(self.challenger & ~self.champion))

    @property
    def chance(self) -> float:
        """How likely two equal models differ by chance as much to the challenger's disadvantage: McNemar's exact test, of one side.

        Source: McNemar, Note on the sampling error of the difference between correlated proportions (1947).
        """
        differing = self.lost + self.won
        return float(binomtest(self.lost, differing, alternative="greater").pvalue) if differing else 1.0

    def take(self, name: str, chosen: Mask) -> "Pair":
        return Pair(name, self.champion[chosen], self.challenger[chosen])


def share(right: Mask) -> Share:
    rate = float(right.mean())
    low, high = wilson_interval(np.array([rate]), np.array([len(right)]))
    return Share(rate, float(low[0]), float(high[0]))


def groups_of(whole: Pair, groups: dict[str, Mask]) -> Iterator[Pair]:
    """The pair of each group that is large enough to count."""
    for name, chosen in groups.items():
        if np.count_nonzero(chosen) >= LEAST:
            yield whole.take(name, chosen)


class Gap(NamedTuple):
    """The group that a model reads worst, and by how much less than all pictures together."""

    group: str
    value: float


def gap(whole: Mask, groups: dict[str, Mask]) -> Gap:
    """Of a model that reads `whole`, (N,), right, and the groups' own pictures as they say."""
    worst = min(groups, key=lambda name: groups[name].mean())
    return Gap(worst, float(whole.mean() - groups[worst].mean()))
