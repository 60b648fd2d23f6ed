"""Checkpoints: everything that a killed training needs to go on as if nothing had happened."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from digitkit.readers.digits.net import write
from training.recipe import Recipe, TrainingError

CHECKPOINT = "checkpoint.pt"


@dataclass(slots=True)
class Progress:
    """How far a training got, and its best weights so far."""

    epoch: int = 0  # epochs finished
    best_accuracy: float = -1.0  # on validation, 0 to 1
    best_epoch: int = 0
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    seconds: float = 0.0  # of training so far, synthetic pictures and validation included
    history: list[dict[str, float]] = field(default_factory=list)


def save(path: Path, recipe: Recipe, progress: Progress, states: dict[str, Any]) -> None:
    """Write the checkpoint beside its place and move it in, so that a kill leaves the old one or the new one.

    Args:
        states: state_dict() by name, of all that changes from step to step.
    """
    staged = path.with_suffix(".part")
    content = {"recipe": asdict(recipe), "progress": {name: getattr(progress, name) for name in Progress.__slots__}}
    write(content | {"states": states}, staged)
    staged.replace(path)


def load(path: Path, recipe: Recipe) -> tuple[Progress, dict[str, Any]]:
    """What `save` was given.

    Raises:
        TrainingError: the file is damaged, or of another recipe than `recipe`.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        theirs, ours = content["recipe"], asdict(recipe)
        progress, states = Progress(**content["progress"]), content["states"]
    except Exception as err:  # torch.load raises a dozen types for a damaged file
        raise TrainingError(f"{path} is no checkpoint that can be read ({type(err).__name__}); remove it") from err
    changed = [f"{key} {theirs.get(key)!r} there, {ours[key]!r} asked for" for key in ours if theirs.get(key) != ours[key]]
    if changed:
        raise TrainingError(f"{path} is of another recipe: {'; '.join(changed)}; train without --resume, or in another --run")
    return progress, states
