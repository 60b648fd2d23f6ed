"""Weights & Biases, offline: nothing leaves this machine until somebody calls `wandb sync`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import wandb

PROJECT = "digits"


class WandbRun:
    """An offline run in `wandb/` of the run's folder. A training that is resumed is another run there, of the same group."""

    def __init__(self, run: Path, *, resume: bool) -> None:
        run.mkdir(parents=True, exist_ok=True)
        job = "resumed" if resume else "begun"
        settings = wandb.Settings(mode="offline", silent=True, console="off", disable_git=True, x_disable_stats=True)
        self._run = wandb.init(project=PROJECT, dir=str(run), name=run.name, group=run.name, job_type=job, settings=settings)

    def describe(self, facts: Mapping[str, Any]) -> None:
        self._run.config.update(dict(facts), allow_val_change=True)

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        self._run.log(dict(values), step=step)

    def keep(self, path: Path) -> None:
        self._run.save(str(path.absolute()), base_path=str(path.absolute().parent), policy="now")

    def close(self) -> None:
        self._run.finish()
