"""Learning from an export of reviewed pictures: which of its folders are trained on, and as what."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import FakeRun
from eyes import never
from nets import drawn, written
from numpy.typing import NDArray
from scribbles import write_scribbled

from digitkit.settings import Limits
from training import finetune, retrain
from training.augment.synthetic import NO_DIGIT
from training.data import mnist
from training.data.folder import Own
from training.data.shown import HELD_OUT, CanvasReader
from training.evaluate.served import DIGITS
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


@pytest.fixture
def reader(fake_run: FakeRun, limits: Limits) -> CanvasReader:
    return CanvasReader(fake_run, never, limits)


def given_to_finetune(command: ModuleType, *words: object, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a command would have trained on."""
    given: dict[str, Any] = {}

    def stop(recipe: object, own: Own, out: Path, **others: Any) -> None:
        given.update(others, own=own)
        raise mnist.DataError("that was all")

    monkeypatch.setattr(command, "finetune", stop)
    monkeypatch.setattr(sys, "argv", ["learn", *map(str, words)])
    with pytest.raises(SystemExit, match=r"that was all$"):
        command.main()
    return given


def test_digits_are_trained_on_beside_what_shows_none_and_what_nobody_has_reviewed(
    export: Path, reader: CanvasReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = written(drawn("lean"), tmp_path / "digits.pt")
    given = given_to_finetune(retrain, "--data", export, "--init-from", weights, monkeypatch=monkeypatch)
    assert (len(given["own"].split), len(given["more"].unlabelled)) == (60, 8)
    nothing = retrain.shown_in(export / "none", reader)
    assert len(given["more"].no_digits) == sum(not shown.is_held_out for shown in nothing) < len(nothing) == 20


@pytest.mark.parametrize("command", [retrain, finetune])
def test_what_is_learned_from_is_the_canvas_that_is_served_with_the_weights_it_starts_from(
    command: ModuleType, ten_digits: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the scribbles the rules find none of the digits."""
    for digit, canvas in enumerate(ten_digits):
        for room in (f"digits/{digit}", "none", "open"):
            write_scribbled(canvas, tmp_path / room / f"{digit}.png")
    data = tmp_path if command is retrain else tmp_path / "digits"
    given = given_to_finetune(command, "--data", data, "--init-from", DIGITS, monkeypatch=monkeypatch)
    run = CanvasReader.of(DIGITS).run
    assert run(given["own"].split.pictures).argmax(axis=1).tolist() == given["own"].split.labels.tolist() == list(range(10))
    if command is retrain:
        assert run(given["more"].unlabelled).argmax(axis=1).tolist() == list(range(10))
        held_out = given["own"].tenths < HELD_OUT
        assert run(given["more"].no_digits).argmax(axis=1).tolist() == np.flatnonzero(~held_out).tolist()


def test_an_export_without_a_reviewed_digit_is_refused_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = written(drawn("lean"), tmp_path / "digits.pt")
    monkeypatch.setattr(sys, "argv", ["retrain", "--data", str(tmp_path), "--init-from", str(weights)])
    with pytest.raises(SystemExit, match=r"^training\.retrain: there is no reviewed digit in .*make console has them reviewed$"):
        retrain.main()


def test_pictures_that_cannot_be_read_are_left_out(export: Path, reader: CanvasReader) -> None:
    assert retrain.stacked(retrain.shown_in(export / "open", reader)).shape == (8, 28, 28)
    assert retrain.stacked(retrain.shown_in(export / "nothing", reader)).shape == (0, 28, 28)


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
