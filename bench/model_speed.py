"""How fast models answer, timed in turn, so that a machine that slows down affects all of them."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Run

BATCHES = (1, 8, 32, 64, 256, 1024)
ROUNDS = 5
ROUND_S = 0.1  # of one model and one batch size
LEAST_CALLS = 3


@dataclass(frozen=True, slots=True)
class Speed:
    """The speed of one model at one batch size.

    Attributes:
        pictures_s: pictures a second in the fastest round; slower rounds were disturbed by other work of the machine.
        median_us: of a call.
        p99_us: of a call.
    """

    pictures_s: float
    median_us: float
    p99_us: float


def speeds(runs: Mapping[str, Run], canvases: NDArray[np.uint8], batch: int) -> dict[str, Speed]:
    """The speed of each model on batches of the first `batch` canvases."""
    given = np.ascontiguousarray(canvases[:batch])
    rounds: dict[str, list[list[float]]] = {name: [] for name in runs}
    for run in runs.values():
        run(given)  # the first call allocates
    for _ in range(ROUNDS):
        for name, run in runs.items():
            rounds[name].append(_calls(run, given))
    return {name: _speed(calls, batch) for name, calls in rounds.items()}


def _calls(run: Run, given: NDArray[np.uint8]) -> list[float]:
    """The seconds that each call took in one round."""
    calls: list[float] = []
    ends = time.perf_counter() + ROUND_S
    while len(calls) < LEAST_CALLS or time.perf_counter() < ends:
        before = time.perf_counter()
        run(given)
        calls.append(time.perf_counter() - before)
    return calls


def _speed(rounds: list[list[float]], batch: int) -> Speed:
    every = np.concatenate(rounds)
    fastest = min(float(np.median(calls)) for calls in rounds)
    return Speed(batch / fastest, 1e6 * float(np.median(every)), 1e6 * float(np.percentile(every, 99)))
