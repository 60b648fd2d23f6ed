"""Budgets: the limits of one profile on one target, read from budgets/PROFILE and compared with measured figures.

models.toml names the budget of each model; a target that is not listed there uses the budget with its own name.
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
HIGHER_IS_BETTER: Final = ("rps", "accuracy", "rps_share")
CALIBRATED: Final = ("rps_share",)  # a budget may leave it out, and a server elsewhere is not judged by it

Budget = Mapping[str, float]  # the limits by the name of their figure in MEASURES


@dataclass(frozen=True, slots=True)
class Check:
    """One figure and its limit, both in the unit that the figure's name tells."""

    figure: str
    measured: float
    limit: float

    @property
    def bound(self) -> Literal["min", "max"]:
        return "min" if self.figure in HIGHER_IS_BETTER else "max"

    @property
    def used(self) -> float:
        """The used share of the limit, over 1 if it is broken; for an accuracy, the share of the errors that it allows."""
        part, whole = (self.limit, self.measured) if self.bound == "min" else (self.measured, self.limit)
        if self.figure == "accuracy":
            part, whole = 1 - self.measured, 1 - self.limit
        return part / whole if whole else float(part > 0)

    @property
    def kept(self) -> bool:
        return self.measured >= self.limit if self.bound == "min" else self.measured <= self.limit

    def __str__(self) -> str:
        """The broken limit in a log's words: "p99_ms 312 > 250"."""
        return f"{self.figure} {self.measured:g} {'<' if self.bound == 'min' else '>'} {self.limit:g}"


def compare(figures: Figures, budget: Budget) -> list[Check]:
    """Every figure that was measured and has a limit, in the order of MEASURES."""
    return [Check(name, getattr(figures, name), budget[name]) for name in MEASURES if name in budget and getattr(figures, name) is not None]


def holds(step: Window, budget: Budget) -> bool:
    """Whether a step of a ramp keeps the budgets for p99 and failures."""
    return step.requests > 0 and step.p99_ms <= budget["p99_ms"] and step.fail_ratio <= budget["fail_ratio"]


def targets_of(profile: str, folder: Path = BUDGETS, *, models: Path = LIST) -> list[str]:
    """The models that are built by default and have a budget for a profile, or all that have one where those have none.

    They are in the order of the list.

    Raises:
        WrongSettings: there is none.
        ServerError: the list of models cannot be read.
    """
    listed = read_models(models)
    found = [name for name in listed if budget_path(profile, name, folder, models=models).is_file()]
    if not found:
        raise WrongSettings(f"{folder / profile} holds no budget of a model that is listed; {models.name} names each one's")
    return [name for name in found if listed[name].built] or found


def budget_path(profile: str, target: str, folder: Path = BUDGETS, *, models: Path = LIST) -> Path:
    """The file with a target's limits in a profile; raises ServerError if the list of models cannot be read."""
    listed = read_models(models).get(target)
    return folder / profile / f"{listed.budget if listed else target}.yaml"


def read_budget(profile: str, target: str, folder: Path = BUDGETS, *, models: Path = LIST) -> Budget:
    """The limits for a target in a profile; raises WrongSettings if the file is missing, lacks a limit or has an invalid one."""
    path = budget_path(profile, target, folder, models=models)
    if not path.is_file():
        known = ", ".join(targets_of(profile, folder, models=models))
        raise WrongSettings(f"target {target} has no budget for {profile} ({path} is missing); known are {known}")
    keys = {f"{name}_{Check(name, 0, 0).bound}": name for name in MEASURES}
    optional = {key for key, name in keys.items() if name in CALIBRATED}
    section = to_section(str(path), read_yaml(path), required=keys.keys() - optional, optional=optional)
    limits = {name: (f"{path}: {key}", section[key]) for key, name in keys.items() if key in section}
    return {name: to_number(where, value, highest=1 if name in RATIOS else math.inf) for name, (where, value) in limits.items()}
