"""Budgets: the limits of one profile on one target, read from budgets/PROFILE and compared with measured figures.

models.toml names the budget of each model; a target that is not listed there has one of its own name.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from deploy.model_list import LIST, read_models
from loadtest.results.figures import MEASURES, Figures, Window
from loadtest.strict_yaml import WrongSettings, read_yaml, to_number, to_section

BUDGETS: Final = Path(__file__).with_name("budgets")
RATIOS: Final = ("fail_ratio", "accuracy")
HIGHER_IS_BETTER: Final = ("rps", "accuracy")

Budget = Mapping[str, float]  # the limit of every figure in MEASURES, by its name


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


def holds(step: Window, budget: Budget) -> bool:
    """Whether a step of a ramp keeps the budgets of p99 and of failures."""
    return step.requests > 0 and step.p99_ms <= budget["p99_ms"] and step.fail_ratio <= budget["fail_ratio"]


def targets_of(profile: str, folder: Path = BUDGETS, *, models: Path = LIST) -> list[str]:
    """The models that are always built and have a budget for a profile, in the order of the list.

    Raises:
        WrongSettings: none has.
        ServerError: the list of models cannot be read.
    """
    built = [name for name, model in read_models(models).items() if model.built]
    found = [name for name in built if budget_path(profile, name, folder, models=models).is_file()]
    if not found:
        raise WrongSettings(f"{folder / profile} holds no budget of a model that is always built; {models.name} names each one's")
    return found


def budget_path(profile: str, target: str, folder: Path = BUDGETS, *, models: Path = LIST) -> Path:
    """The file of a target's limits in a profile; raises ServerError where the list of models cannot be read."""
    listed = read_models(models).get(target)
    return folder / profile / f"{listed.budget if listed else target}.yaml"


def read_budget(profile: str, target: str, folder: Path = BUDGETS, *, models: Path = LIST) -> Budget:
    """The limits of a profile on a target; raises WrongSettings where the file is missing, or lacks a limit or holds a wrong one."""
    path = budget_path(profile, target, folder, models=models)
    if not path.is_file():
        known = ", ".join(targets_of(profile, folder, models=models))
        raise WrongSettings(f"target {target} has no budget for {profile} ({path} is missing); known are {known}")
    keys = {f"{name}_{Check(name, 0, 0).bound}": name for name in MEASURES}
    section = to_section(str(path), read_yaml(path), required=keys.keys())
    return {name: to_number(f"{path}: {key}", section[key], highest=1 if name in RATIOS else math.inf) for key, name in keys.items()}
