"""The limits in budgets.yaml: read, compared with measured figures, and named where they are broken."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import yaml

from loadtest.figures import MEASURES, Figures

BUDGETS: Final = Path(__file__).with_name("budgets.yaml")
RATIOS: Final = ("failure_ratio", "accuracy")
HIGHER_IS_BETTER: Final = ("answers_per_s", "accuracy")

Budget = Mapping[str, float]  # the limit of every figure in MEASURES, by its name


class BudgetError(Exception):
    """The file of budgets cannot be read, lacks a limit, or holds one that cannot be."""


@dataclass(frozen=True, slots=True)
class Check:
    """One figure beside its limit, both in the unit of the figure's name."""

    figure: str
    measured: float
    limit: float

    @property
    def bound(self) -> Literal["min", "max"]:
        return "min" if self.figure in HIGHER_IS_BETTER else "max"

    @property
    def used(self) -> float:
        """How much of the limit is used up, 0 to 1; more where it is broken. Of an accuracy, the errors it allows."""
        part, whole = (self.limit, self.measured) if self.bound == "min" else (self.measured, self.limit)
        if self.figure == "accuracy":
            part, whole = 1 - self.measured, 1 - self.limit
        return part / whole if whole else float(part > 0)

    @property
    def kept(self) -> bool:
        return self.measured >= self.limit if self.bound == "min" else self.measured <= self.limit

    def __str__(self) -> str:
        """What is broken, for a log: "p99_ms 312 > 250"."""
        return f"{self.figure} {self.measured:g} {'<' if self.bound == 'min' else '>'} {self.limit:g}"


def compare(figures: Figures, budget: Budget) -> list[Check]:
    """Every figure beside its limit, in the order of MEASURES."""
    return [Check(name, getattr(figures, name), budget[name]) for name in MEASURES]


def read_budgets(path: Path = BUDGETS) -> dict[str, Budget]:
    """The budget of each target, in the file's order.

    Raises:
        BudgetError: no YAML, no target, a key that is missing, unknown or there twice, or a value out of range.
    """
    try:
        content = yaml.load(path.read_text(), _UniqueKeys)
    except (OSError, yaml.YAMLError) as err:
        raise BudgetError(f"{path} cannot be read: {' '.join(str(err).split())}") from err
    if not isinstance(content, dict) or not content:
        raise BudgetError(f"{path} names no target; it must hold a section for each")
    return {str(target): _to_budget(f"{path}: {target}", limits) for target, limits in content.items()}


def _to_budget(where: str, limits: Any) -> Budget:
    keys = {f"{name}_{Check(name, 0, 0).bound}": name for name in MEASURES}
    if not isinstance(limits, dict):
        raise BudgetError(f"{where} is no section; it must hold {', '.join(keys)}")
    for problem, names in (("unknown", limits.keys() - keys.keys()), ("missing", keys.keys() - limits.keys())):
        if names:
            raise BudgetError(f"{where}: {problem} {', '.join(sorted(map(str, names)))}; it must hold {', '.join(keys)}")
    return {name: _to_limit(f"{where}.{key}", limits[key], 1 if name in RATIOS else math.inf) for key, name in keys.items()}


def _to_limit(where: str, value: Any, highest: float) -> float:
    if type(value) not in (int, float) or not math.isfinite(value) or not 0 <= value <= highest:
        raise BudgetError(f"{where} is {value!r}; it must be a number from 0 {'to 1, as 0.98' if highest == 1 else 'up, as 250'}")
    return float(value)


class _UniqueKeys(yaml.SafeLoader):
    """Refuses a key that is there twice: YAML would keep the last one and say nothing."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise yaml.YAMLError(f"{twice[0]} is there twice")
        return super().construct_mapping(node, deep)
