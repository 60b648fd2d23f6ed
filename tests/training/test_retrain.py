"""Learning from an export of reviewed pictures: which of its folders are trained on, and as what."""

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from nets import drawn, written

from digitkit.settings import Limits
from training import finetune, retrain
from training.augment.synthetic import NO_DIGIT
from training.data import mnist
from training.recipe import RECIPES


@pytest.fixture
def export(mnist_test: mnist.Split, tmp_path: Path) -> Path:
    """A folder as loop.labels writes it, of 60 digits, 20 pictures of none, 3 of several and 8 that are open."""
    folder = tmp_path / "export"
    rooms = [f"digits/{label}" for label in mnist_test.labels[:60]] + ["none"] * 20 + ["several"] * 3 + ["open"] * 8
    for i, room in enumerate(rooms):
        (folder / room).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / room / f"{i}.png"), mnist_test.pictures[i])
    (folder / "open" / "broken.png").write_bytes(b"broken")
    return folder


def test_digits_are_trained_on_beside_what_shows_none_and_what_nobody_has_reviewed(
    export: Path, limits: Limits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}

    def stop(recipe: object, own: mnist.Split, out: Path, **others: Any) -> None:
        given.update(others, own=own)
        raise mnist.DataError("that was all")

    monkeypatch.setattr(retrain, "finetune", stop)
    weights = written(drawn("lean"), tmp_path / "digits.pt")
    monkeypatch.setattr(sys, "argv", ["retrain", "--data", str(export), "--init-from", str(weights)])
    with pytest.raises(SystemExit, match=r"^training\.retrain: that was all$"):
        retrain.main()
    assert (len(given["own"]), len(given["more"].unlabelled)) == (60, 8)
    nothing = retrain.canvases_in(export / "none", limits)
    assert len(given["more"].no_digits) == sum(not finetune.is_held_out(canvas) for canvas in nothing) < len(nothing)


def test_an_export_without_a_reviewed_digit_is_refused_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = written(drawn("lean"), tmp_path / "digits.pt")
    monkeypatch.setattr(sys, "argv", ["retrain", "--data", str(tmp_path), "--init-from", str(weights)])
    with pytest.raises(SystemExit, match=r"^training\.retrain: there is no reviewed digit in .*make console has them reviewed$"):
        retrain.main()


def test_pictures_that_cannot_be_read_are_left_out(export: Path, limits: Limits) -> None:
    assert retrain.canvases_in(export / "open", limits).shape == (8, 28, 28)
    assert retrain.canvases_in(export / "nothing", limits).shape == (0, 28, 28)


@pytest.mark.parametrize(("gain", "kept"), [(0.1, "with them"), (0.0, "alone")])
def test_unlabelled_pictures_are_learned_from_only_where_validation_is_better_for_it(
    gain: float, kept: str, mnist_test: mnist.Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stand:
        """A training that ends at once."""

        def __init__(self, recipe: Any, *splits: mnist.Split, unlabelled: object = None) -> None:
            assert (unlabelled is None) == (recipe.unlabelled == 0)
            self.name, self.best_accuracy = ("alone", 0.5) if unlabelled is None else ("with them", 0.5 + gain)

        def run(self, run_dir: Path, *, resume: bool) -> "Stand":
            return self

    monkeypatch.setattr(finetune, "Trainer", Stand)
    few = mnist_test.take(slice(4))
    best: Any = finetune.best_training(RECIPES["retrain"], few, few, few.pictures, tmp_path)
    assert best.name == kept


def test_what_shows_no_digit_is_of_the_eleventh_class() -> None:
    assert finetune.no_digits(np.zeros((3, 28, 28), dtype=np.uint8)).labels.tolist() == [NO_DIGIT] * 3
