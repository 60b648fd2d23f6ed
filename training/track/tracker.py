"""What a training tells whoever keeps its figures, and the choice between those who do: --tracker."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from training.recipe import TrainingError


class Tracker(Protocol):
    """One training as a tracker knows it."""

    def describe(self, facts: Mapping[str, Any]) -> None:
        """Keep what the training is: the fields of its recipe, and its lineage, the hashes of its data and of its parents."""

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Keep the figures of an epoch, `step`, by name."""

    def keep(self, path: Path) -> None:
        """Keep a file that came of it: weights, their card, a report."""

    def close(self) -> None:
        """Write what is not written yet."""


def _tensorboard(run: Path, resume: bool) -> Tracker:
    from training.track.tensorboard_runs import TensorBoardRun

    return TensorBoardRun(run, resume=resume)


def _mlflow(run: Path, resume: bool) -> Tracker:
    from training.track.mlflow_runs import MlflowRun

    return MlflowRun(run, resume=resume)


def _wandb(run: Path, resume: bool) -> Tracker:
    from training.track.wandb_runs import WandbRun

    return WandbRun(run, resume=resume)


# Each is imported when it is chosen: the packages of two of them are extras.
TRACKERS: dict[str, Callable[[Path, bool], Tracker]] = {"tensorboard": _tensorboard, "mlflow": _mlflow, "wandb": _wandb}
DEFAULT_TRACKER = "tensorboard"


def open_tracker(name: str, run: Path, *, resume: bool) -> Tracker:
    """The tracker of a run.

    Args:
        name: one of TRACKERS.
        run: the run's folder.
        resume: whether it goes on with what it kept of this run.
    Raises:
        TrainingError: its package is not installed.
    """
    try:
        return TRACKERS[name](run, resume)
    except ModuleNotFoundError as err:
        if err.name != name:
            raise
        install = f".venv/bin/uv pip install --python .venv/bin/python '.[{name}]'"
        raise TrainingError(f"--tracker {name} needs the package {name}, which is an extra: {install}") from err
