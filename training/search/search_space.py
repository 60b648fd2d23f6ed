"""What a search may change of a recipe: fields, and the values that they are drawn from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from optuna.trial import Trial

from training.recipe import Recipe

Value: TypeAlias = float | int | str


@dataclass(frozen=True, slots=True)
class Between:
    """Numbers from `low` to `high`, drawn evenly, or evenly by their logarithms."""

    low: float
    high: float
    is_log: bool = False

    def drawn(self, trial: Trial, name: str) -> Value:
        return trial.suggest_float(name, self.low, self.high, log=self.is_log)

    def has(self, value: object) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class OneOf:
    """Any of a few values."""

    values: tuple[Value, ...]

    def drawn(self, trial: Trial, name: str) -> Value:
        chosen = trial.suggest_categorical(name, self.values)
        assert chosen is not None  # which is none of the values
        return chosen

    def has(self, value: object) -> bool:
        return value in self.values


Space: TypeAlias = Mapping[str, Between | OneOf]

SPACE: Final[Space] = {
    "learning_rate": Between(1e-3, 2e-2, is_log=True),
    "weight_decay": Between(1e-3, 0.2, is_log=True),
    "batch_size": OneOf((128, 256, 512)),
    "schedule": OneOf(("one-cycle", "cosine")),
    "dropout": Between(0.0, 0.5),
    "label_smoothing": Between(0.0, 0.1),
    "ema": OneOf((0.0, 0.99, 0.998)),
    "augmentation": Between(0.1, 1.0),
    "disturbance": Between(0.0, 0.6),
    "calm": Between(0.0, 0.5),
    "synthetic": Between(0.0, 0.6),
}


def part_of(names: Sequence[str]) -> Space:
    """The space of the fields with these names, of all of them where there is none; raises ValueError."""
    unknown = [name for name in names if name not in SPACE]
    if unknown:
        raise ValueError(f"{', '.join(unknown)} cannot be searched; what can is {', '.join(SPACE)}")
    return {name: SPACE[name] for name in names or SPACE}


def drawn(trial: Trial, base: Recipe, space: Space) -> Recipe:
    """The recipe of a trial."""
    changed = {name: values.drawn(trial, name) for name, values in space.items()}
    return replace(base, **changed)  # type: ignore[arg-type]


def own_values(base: Recipe, space: Space) -> dict[str, Value]:
    """What a recipe has in the fields of a space, as far as the space has it, so that it is one of the trials."""
    return {name: getattr(base, name) for name, values in space.items() if values.has(getattr(base, name))}


def as_flags(values: Mapping[str, Value]) -> str:
    """Values as flags of training.train, numbers with four digits."""
    told = ((name, f"{value:.4g}" if isinstance(value, float) else str(value)) for name, value in values.items())
    return " ".join(f"--{name.replace('_', '-')} {value}" for name, value in told)
