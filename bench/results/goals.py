"""The goals of the server: ratios within a round, because the machine's speed drifts between rounds, and a few absolute figures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.contenders.targets import ALONE, MAIN, PEERS, both_kinds, ours
from bench.rounds import BARE, RoundRow


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure (a field of RoundRow) of a target at a number of connections."""

    target: str
    connections: int
    figure: str


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure, or its ratio to another one, and its goal: at most `bound`, or at least `bound`."""

    what: str
    cell: Cell
    over: Cell | None
    sense: str
    bound: float

    def is_met(self, value: float) -> bool:
        return value >= self.bound if self.sense == ">=" else value <= self.bound

    def values(self, rows: Sequence[RoundRow], workers: int) -> list[float]:
        """The value in each round in which it was measured, with `workers` workers of our server."""
        given, divisors = _by_round(rows, self.cell, workers), _by_round(rows, self.over, workers) if self.over else None
        if divisors is None:
            return list(given.values())
        return [value / divisors[number] for number, value in given.items() if divisors.get(number)]


def _by_round(rows: Sequence[RoundRow], cell: Cell, workers: int) -> dict[int, float]:
    """The figure in each round; for a target that chooses its number of workers itself, the same for all numbers."""
    found = [row for row in rows if (row.target, row.connections) == (cell.target, cell.connections) and row.workers in (0, workers)]
    return {row.round: getattr(row, cell.figure) for row in found}


def goals() -> Iterator[Goal]:
    """All goals, those against the stock handler first."""
    onnx, rate, p50, pictures = MAIN, "answers_s", "p50_ms", "pictures_s"
    for own, over, bound in (onnx, "stock-1thread", 10), ("digits", "stock-1thread", 6), (onnx, "stock", 100), ("digits", "stock", 100):
        yield Goal(f"{own} over {over}, requests/s at 64", Cell(own, 64, rate), Cell(over, 64, rate), ">=", bound)
    for peer in both_kinds(PEERS):
        for own in ours():
            for at in (64, 256):
                yield Goal(f"{own} over {peer}, requests/s at {at}", Cell(own, at, rate), Cell(peer, at, rate), ">=", 1)
    yield Goal(f"{onnx} over /ping, requests/s at 256", Cell(onnx, 256, rate), Cell("ping", 256, rate), ">=", 0.3)
    yield Goal(f"{onnx} over stock-1thread, p50 at 1", Cell(onnx, 1, p50), Cell("stock-1thread", 1, p50), "<=", 0.5)
    yield Goal(f"{onnx}, p99 over p50 at 64", Cell(onnx, 64, "p99_ms"), Cell(onnx, 64, p50), "<=", 2)
    for many in (64, 1024):
        cell = Cell(f"{onnx}-{many}", 1, pictures)
        yield Goal(f"{many:,} pictures in a request over the bare model, pictures/s", cell, Cell(BARE, 64, pictures), ">=", 0.8)
    yield Goal(f"{onnx}, p50 at 1, ms", Cell(onnx, 1, p50), None, "<=", 1.2)
    yield Goal(f"{ALONE}, p50 at 1, ms", Cell(ALONE, 1, p50), None, "<=", 0.7)
    yield Goal(f"{ALONE} over {onnx}, p50 at 1", Cell(ALONE, 1, p50), Cell(onnx, 1, p50), "<=", 0.5)
    yield Goal(f"{onnx}, processor time for a request at 64, us", Cell(onnx, 64, "cpu_us"), None, "<=", 120)
    yield Goal(f"{onnx}, first right answer after the start, s", Cell(onnx, 64, "start_s"), None, "<=", 5)
    yield Goal(f"{onnx}, memory, MB", Cell(onnx, 64, "memory_mb"), None, "<=", 600)
