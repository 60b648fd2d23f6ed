"""What trackers are told of a training, and what each keeps of it."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from cards import FACTS as FACTS_OF_A_CARD

from digitkit.artifacts.card import Card, write_card
from training import train
from training.data import mnist
from training.learn.loop import Trainer
from training.recipe import RECIPES, TrainingError
from training.track.tracker import TRACKERS, Tracker, open_tracker

TINY = replace(RECIPES["quick"], epochs=2, pictures=512, batch_size=64, synthetic=0.0, precision="float32", device="cpu")
FACTS = {"learning_rate": 0.1, "data_sha256": "d" * 64, "made_from": {"runs/a/digits.pt": "a" * 64}, "long": "x" * 900}


class Listening:
    """A tracker that keeps what it hears."""

    def __init__(self) -> None:
        self.facts: dict[str, Any] = {}
        self.heard: list[tuple[int, set[str]]] = []
        self.kept: list[Path] = []
        self.is_closed = False

    def describe(self, facts: Mapping[str, Any]) -> None:
        self.facts |= facts

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        self.heard.append((step, set(values)))

    def keep(self, path: Path) -> None:
        self.kept.append(path)

    def close(self) -> None:
        self.is_closed = True


def test_a_tracker_hears_the_recipe_the_lineage_every_epoch_and_the_files(
    tmp_path: Path, mnist_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Listening()
    opened: Tracker = heard

    def finish(trainer: Trainer, added: dict[str, mnist.Split], run_dir: Path, **_: Any) -> Card:
        (run_dir / "digits.pt").write_bytes(b"weights")
        return write_card(run_dir / "digits.pt", **FACTS_OF_A_CARD)

    learned, validation = mnist.load_train(mnist_root)
    monkeypatch.setattr(mnist, "load_train", lambda root: (learned, validation.take(slice(64))))
    monkeypatch.setattr(train, "finish", finish)
    monkeypatch.setitem(TRACKERS, "tensorboard", lambda run, resume: opened)
    train.train(replace(TINY, epochs=1, pictures=128), tmp_path, data_root=mnist_root, resume=True)
    assert asdict(replace(TINY, epochs=1, pictures=128)).items() <= heard.facts.items()
    assert (heard.facts["data_sha256"], heard.facts["made_from"], heard.facts["version"]) == (mnist.data_hash(mnist_root), {}, "1.0")
    assert heard.heard == [(1, {"loss/train", "loss/validation", "accuracy/validation", "learning_rate", "pictures_per_s", "data_share"})]
    assert [path.name for path in heard.kept] == ["digits.pt", "digits.pt.json"]
    assert heard.is_closed


def test_without_a_tracker_scalars_are_tensorboards_and_those_after_the_checkpoint_are_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.summary.writer import event_file_writer

    # Files of one second are read in the order of these numbers as texts, and a process that has written others may be at 9 here.
    monkeypatch.setattr(event_file_writer, "_global_uid", event_file_writer.AtomicCounter(10))
    for resume, steps in ((False, (1, 2, 3)), (True, (3, 4))):
        board = open_tracker("tensorboard", tmp_path, resume=resume)
        board.describe(FACTS)
        for step in steps:
            board.scalars({"loss/train": 1 / step}, step)
        card = tmp_path / "digits.pt.json"
        card.write_text(json.dumps({"version": "1.1"}))
        board.keep(card)
        board.close()
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("loss/train")] == [1, 2, 3, 4]
    assert {"recipe and lineage/text_summary", "digits.pt.json/text_summary"} <= set(events.Tags()["tensors"])


@pytest.mark.filterwarnings("ignore")  # of packages that the extra brings
def test_mlflow_keeps_runs_in_sqlite_beside_their_folder_and_goes_on_with_a_resumed_one(tmp_path: Path) -> None:
    client = pytest.importorskip("mlflow.tracking", reason="the extra mlflow is not installed").MlflowClient
    run = tmp_path / "runs" / "quick"
    for resume, steps in ((False, (1, 2)), (True, (3,))):
        tracker = open_tracker("mlflow", run, resume=resume)
        tracker.describe(FACTS)
        for step in steps:
            tracker.scalars({"loss/train": 1 / step}, step)
        (run / "report.html").write_text("report")
        tracker.keep(run / "report.html")
        tracker.close()
    asked = client(f"sqlite:///{tmp_path}/runs/mlflow.db")
    (found,) = asked.search_runs([asked.get_experiment_by_name("digits").experiment_id])
    assert (found.info.run_name, found.info.status, found.data.params["data_sha256"]) == ("quick", "FINISHED", "d" * 64)
    assert found.data.tags["long"] == FACTS["long"]
    assert [metric.step for metric in asked.get_metric_history(found.info.run_id, "loss/train")] == [1, 2, 3]
    assert [file.path for file in asked.list_artifacts(found.info.run_id)] == ["report.html"]


@pytest.mark.filterwarnings("ignore")
def test_wandb_keeps_runs_offline(tmp_path: Path) -> None:
    pytest.importorskip("wandb", reason="the extra wandb is not installed")
    tracker = open_tracker("wandb", tmp_path / "quick", resume=False)
    tracker.describe(FACTS)
    tracker.scalars({"loss/train": 0.5}, 1)
    (tmp_path / "quick" / "report.html").write_text("report")
    tracker.keep(tmp_path / "quick" / "report.html")
    tracker.close()
    assert list((tmp_path / "quick" / "wandb").glob("offline-run-*/*.wandb"))
    assert list((tmp_path / "quick" / "wandb").glob("offline-run-*/files/report.html"))


@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_a_tracker_whose_package_is_missing_is_a_sentence_that_says_how_to_get_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Missing:
        """Finds no package of this name."""

        def find_spec(self, wanted: str, *_: Any) -> None:
            if wanted.partition(".")[0] == name:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    for module in [each for each in sys.modules if each.startswith((name, "training.track.mlflow", "training.track.wandb"))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
    with pytest.raises(TrainingError, match=rf"--tracker {name} needs the package {name}, which is an extra"):
        open_tracker(name, tmp_path, resume=False)


def test_a_trainer_alone_tells_tensorboard(tmp_path: Path, mnist_root: Path) -> None:
    learned, validation = mnist.load_train(mnist_root)
    Trainer(replace(TINY, epochs=1), learned.take(slice(128)), validation.take(slice(64))).run(tmp_path, resume=False)
    assert list((tmp_path / "tensorboard").iterdir())
