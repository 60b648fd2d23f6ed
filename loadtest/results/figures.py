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
        unit: shown after the number.
        decimals: of the number as shown, at most.
        scale: the factor from the measured to the shown number.
    """

    label: str
    unit: str
    decimals: int
    scale: float = 1.0

    def show(self, value: float) -> str:
        """The number with its unit: "1,203 /s", "98.9 %". A number that would be rounded to 0 is written out: "0.0004 %"."""
        number = value * self.scale
        rounded = round(number, self.decimals) or number
        return f"{rounded:,.0f} {self.unit}" if rounded == int(rounded) else f"{rounded:g} {self.unit}"


# Every figure that has a budget, in the order of the tables.
MEASURES: Final = {
    "p50_ms": Measure("p50", "ms", 0),
    "p95_ms": Measure("p95", "ms", 0),
    "p99_ms": Measure("p99", "ms", 0),
    "fail_ratio": Measure("failed requests", "%", 2, scale=100),
    "rps": Measure("right answers", "/s", 0),
    "accuracy": Measure("accuracy", "%", 2, scale=100),
    "rps_share": Measure("right answers, of what the machine can", "%", 1, scale=100),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The figures of one target, with the names in MEASURES and as Locust defines them.

    Attributes:
        p50_ms, p95_ms, p99_ms: latency as Locust rounds it, to 1 ms below 100 and to 10 above: in a closed workload from sending
            to the last byte, in an open one from the time at which the request was due.
        fail_ratio: the share of requests without an answer, with a wrong status, or with wrong content.
        rps: requests a second that did not fail.
        accuracy: the share of the test pictures that are read correctly, 0 to 1.
        rps_share: `rps` as a share of the calibration's; None where nothing was calibrated.
    """

    p50_ms: float
    p95_ms: float
    p99_ms: float
    fail_ratio: float
    rps: float
    accuracy: float
    rps_share: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What happened in a part of the test, a stage or a second. An answer counts in the part in which it arrives.

    Attributes:
        name: of the stage.
        load: users or arrivals a second.
        start_s: seconds after the warm-up.
        late_p99_ms: how late the load generator itself sent an open workload's requests, 99th percentile.
        held: whether a step of a ramp kept its budgets; None in other profiles.
    """

    name: str
    load: float
    start_s: float
    seconds: float
    requests: int
    failures: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    late_p99_ms: float
    held: bool | None = None

    @property
    def rps(self) -> float:
        return (self.requests - self.failures) / self.seconds if self.seconds else 0.0

    @property
    def fail_ratio(self) -> float:
        return self.failures / self.requests if self.requests else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """The results of one kind of request through one endpoint, over the whole test."""

    door: str
    kind: str
    requests: int
    failures: int
    p50_ms: float
    p95_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one target did under load.

    Attributes:
        target: the model's name in TorchServe.
        figures: those that have a budget; for a ramp, at its knee, or in its first step if none held.
        requests: how many were measured.
        percentiles_ms: latency by share of requests, "0.5" to "1.0".
        failures: how many requests failed, by reason.
        stages: the stages, or the steps of the ramp.
        kinds: by door and kind of request.
        seconds: second by second.
    """

    target: str
    figures: Figures
    requests: int
    percentiles_ms: dict[str, float]
    failures: dict[str, int]
    stages: list[Window]
    kinds: list[Kind]
    seconds: list[Window]

    @property
    def knee(self) -> Window | None:
        """The highest step of a ramp that held; None if none did, or if there is no ramp."""
        return highest_held(self.stages)


def highest_held(stages: list[Window]) -> Window | None:
    return max((stage for stage in stages if stage.held), key=lambda stage: stage.load, default=None)


def to_result(content: dict[str, Any]) -> Result:
    """The result from its fields, as asdict() gave them and JSON holds them."""
    windows = {name: [Window(**each) for each in content[name]] for name in ("stages", "seconds")}
    kinds = [Kind(**each) for each in content["kinds"]]
    return Result(**content | windows | {"kinds": kinds, "figures": Figures(**content["figures"])})


def write_result(result: Result, path: Path) -> None:
    path.write_text(json.dumps(asdict(result)))


def read_result(path: Path) -> Result:
    return to_result(json.loads(path.read_text()))
