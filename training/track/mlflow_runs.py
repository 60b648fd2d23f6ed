"""MLflow without a server: runs in SQLite, files in a folder, both beside the folder of the run.

`mlflow ui --backend-store-uri sqlite:///runs/mlflow.db` shows them.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking import MlflowClient

EXPERIMENT = "digits"
DATABASE, FILES = "mlflow.db", "mlflow-files"  # beside the runs
NOTE = "mlflow-run"  # in the folder of a run: which of MLflow's runs it is
LONGEST_PARAMETER = 500  # characters; MLflow refuses more


class MlflowRun:
    """A run of the experiment `digits`. It is asked by its client, so no state of the process changes."""

    def __init__(self, run: Path, *, resume: bool) -> None:
        home, note = run.parent.absolute(), run / NOTE
        run.mkdir(parents=True, exist_ok=True)
        self._client = MlflowClient(f"sqlite:///{home / DATABASE}")
        if resume and note.is_file():
            self._id = note.read_text()
            return
        found = self._client.get_experiment_by_name(EXPERIMENT)
        experiment = found.experiment_id if found else self._client.create_experiment(EXPERIMENT, (home / FILES).as_uri())
        self._id = self._client.create_run(experiment, run_name=run.name).info.run_id
        note.write_text(self._id)

    def describe(self, facts: Mapping[str, Any]) -> None:
        """Short facts are parameters, by which runs are compared; what is longer, and what a resumed run says again, is a tag."""
        known = self._client.get_run(self._id).data.params
        texts = {name: str(value) for name, value in facts.items() if str(value)}
        new = {name for name, text in texts.items() if name not in known and len(text) <= LONGEST_PARAMETER}
        parameters = [Param(name, texts[name]) for name in sorted(new)]
        tags = [RunTag(name, text) for name, text in texts.items() if name not in new and known.get(name) != text]
        self._client.log_batch(self._id, params=parameters, tags=tags)

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        self._client.log_batch(self._id, metrics=[Metric(name, float(value), 0, step) for name, value in values.items()])

    def keep(self, path: Path) -> None:
        self._client.log_artifact(self._id, str(path))

    def close(self) -> None:
        self._client.set_terminated(self._id)
