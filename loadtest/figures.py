"""What is measured: the figures of one target under load, their names and units."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Measure:
    """How a figure is shown.

    Attributes:
        label: for people.
        unit: after the number.
        decimals: of the number as shown, at most.
        scale: shown number over measured number.
    """

    label: str
    unit: str
    decimals: int
    scale: float = 1.0

    def show(self, value: float) -> str:
        """The number with its unit: "1,203 /s", "98.9 %". One that would be rounded away is written out: "0.0004 %"."""
        number = value * self.scale
        rounded = round(number, self.decimals) or number
        return f"{rounded:,.0f} {self.unit}" if rounded == int(rounded) else f"{rounded:g} {self.unit}"


# Every figure that has a budget, in the order of all tables.
MEASURES: Final = {
    "p50_ms": Measure("p50", "ms", 0),
    "p95_ms": Measure("p95", "ms", 0),
    "p99_ms": Measure("p99", "ms", 0),
    "failure_ratio": Measure("failed requests", "%", 2, scale=100),
    "answers_per_s": Measure("right answers", "/s", 0),
    "accuracy": Measure("accuracy", "%", 2, scale=100),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The figures of one target; their names are those of MEASURES.

    Attributes:
        p50_ms, p95_ms, p99_ms: latency from sending to the last byte, as Locust rounds it: to 1 ms below 100, else to 10.
        failure_ratio: the share of requests without an answer, with another status than 200, or with wrong content.
        answers_per_s: requests a second that did not fail.
        accuracy: the share of the test pictures that are read right, 0 to 1.
    """

    p50_ms: float
    p95_ms: float
    p99_ms: float
    failure_ratio: float
    answers_per_s: float
    accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one target did under load.

    Attributes:
        target: the model's name in TorchServe.
        figures: those that have a budget.
        requests: how many were measured.
        percentiles_ms: latency by share of requests, "0.5" to "1.0".
        failures: how many requests failed, by reason.
    """

    target: str
    figures: Figures
    requests: int
    percentiles_ms: dict[str, float]
    failures: dict[str, int]


def to_result(content: dict[str, Any]) -> Result:
    """The result whose fields, as asdict() gives them, were read from JSON."""
    return Result(**content | {"figures": Figures(**content["figures"])})


def write_result(result: Result, path: Path) -> None:
    path.write_text(json.dumps(asdict(result)))


def read_result(path: Path) -> Result:
    return to_result(json.loads(path.read_text()))
