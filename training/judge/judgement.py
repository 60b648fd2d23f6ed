"""The gates between a challenger and the champion's place, and the verdict that says which ones it failed."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import yaml

GATES: Final = Path(__file__).with_name("gates.yaml")
VERDICT: Final = "verdict.json"  # beside the challenger's weights
BOUNDS: Final = ("most", "least")


class GateError(Exception):
    """A file that holds no gates, or none that can be understood; the message says why."""


@dataclass(frozen=True, slots=True)
class GateRule:
    """A bound of one figure."""

    name: str
    bound: Literal["most", "least"]
    limit: float
    optional: bool = False

    def passes(self, figure: float | None) -> bool:
        """Whether a figure is within the bound; None stands for one that could not be measured."""
        if figure is None:
            return self.optional
        return figure <= self.limit if self.bound == "most" else figure >= self.limit


@dataclass(frozen=True, slots=True)
class GateOutcome:
    """What a gate made of its figure."""

    name: str
    figure: float | None
    bound: str
    limit: float
    passed: bool


@dataclass(frozen=True, slots=True)
class Judgement:
    """What decides whether a challenger may be promoted.

    Attributes:
        failed: the names of the gates that did not let it pass.
        champion, challenger: the sha256 of their weights.
        data: of what they were judged on, the sha256 by name.
    """

    passed: bool
    failed: list[str]
    gates: list[GateOutcome]
    champion: str
    challenger: str
    data: dict[str, str]

    def write(self, folder: Path) -> Path:
        path = folder / VERDICT
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")
        return path


def load_gates(path: Path, known: frozenset[str]) -> list[GateRule]:
    """The gates of a file.

    Args:
        known: the names of all figures that there are.
    Raises:
        GateError: it cannot be read, or names a figure that there is not.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as err:
        raise GateError(f"{path} holds no gates: {' '.join(str(err).split())}") from err
    if not isinstance(content, dict) or not content:
        raise GateError(f"{path} holds no gates; a line of it is as mnist_drop: {{most: 0.0005}}")
    return [_gate(path, str(name), told, known) for name, told in content.items()]


def _gate(path: Path, name: str, told: Any, known: frozenset[str]) -> GateRule:
    if name not in known:
        raise GateError(f"{path} has a gate for {name}, which is not measured; there are {', '.join(sorted(known))}")
    bounds = [bound for bound in BOUNDS if isinstance(told, dict) and type(told.get(bound)) in (int, float)]
    if len(bounds) != 1 or set(told) - {*bounds, "optional"} or not isinstance(told.get("optional", False), bool):
        raise GateError(f"the gate {name} of {path} is {told!r}; it must be as {{most: 0.01}} or {{least: 0.9, optional: true}}")
    return GateRule(name, bounds[0], float(told[bounds[0]]), told.get("optional", False))  # type: ignore[arg-type]


def decide(
    gates: list[GateRule], figures: Mapping[str, float | None], *, champion: str, challenger: str, data: dict[str, str]
) -> Judgement:
    """The verdict of all gates on the figures."""
    outcomes = [GateOutcome(gate.name, figures[gate.name], gate.bound, gate.limit, gate.passes(figures[gate.name])) for gate in gates]
    failed = [outcome.name for outcome in outcomes if not outcome.passed]
    return Judgement(not failed, failed, outcomes, champion, challenger, data)
