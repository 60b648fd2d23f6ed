"""Comparing a load test with an earlier one: how many times better or worse each figure is."""

from dataclasses import dataclass
from typing import Final

from loadtest.budget import HIGHER_IS_BETTER
from loadtest.results.figures import Result

RATIO: Final = 1.5  # the speed of a shared machine varies by that much over time
COMPARED: Final = ("p50_ms", "p95_ms", "p99_ms", "rps")  # failures and accuracy have no ratio; their budgets judge them


@dataclass(frozen=True, slots=True)
class FigureChange:
    """One figure of a target, now and in the baseline."""

    target: str
    figure: str
    now: float
    then: float

    @property
    def worse(self) -> float:
        """How many times worse it is now: 2 for twice the latency or half the rate, below 1 if it is better."""
        worse, better = (self.then, self.now) if self.figure in HIGHER_IS_BETTER else (self.now, self.then)
        return max(worse, 1) / max(better, 1)  # Locust counts whole milliseconds, so 0 means less than one

    def __str__(self) -> str:
        """For a log: "digits p99_ms 120, 1.8 times worse than the baseline's 67"."""
        return f"{self.target} {self.figure} {self.now:g}, {self.worse:.2g} times worse than the baseline's {self.then:g}"


def compare_with(then: Result, now: Result) -> list[FigureChange]:
    """Each figure of a target for which a ratio makes sense, then and now."""
    return [FigureChange(now.target, name, getattr(now.figures, name), getattr(then.figures, name)) for name in COMPARED]
