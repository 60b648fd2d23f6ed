"""Publishing the best of several trainings."""

from pathlib import Path

import pytest
import torch

from digitkit import net
from digitkit.card import CardError, check_card, write_card
from training.release import release

FACTS = {"version": "1.0", "data_sha256": "", "commit": "", "temperature": 1.0, "parameters": 1, "packages": {}}


def run_of(folder: Path, seed: int, validation: float, test: float, epochs: int = 1) -> Path:
    folder.mkdir()
    torch.manual_seed(seed)
    net.save(net.DigitNet("lean"), folder / "digits.pt")
    accuracy = {"validation": validation, "test": test, "seeds": 1}
    write_card(folder / "digits.pt", recipe={"epochs": epochs, "seed": seed}, accuracy=accuracy, **FACTS)
    return folder


def test_the_best_on_validation_is_published_whatever_the_test_says(tmp_path: Path) -> None:
    runs = [run_of(tmp_path / "a", 0, 0.98, 0.99), run_of(tmp_path / "b", 1, 0.99, 0.97), run_of(tmp_path / "c", 2, 0.97, 0.98)]
    release(runs, tmp_path / "out")
    card = check_card(tmp_path / "out" / "digits.pt")
    assert (tmp_path / "out" / "digits.pt").read_bytes() == (runs[1] / "digits.pt").read_bytes()
    assert card.recipe["seed"] == 1
    assert card.accuracy["test"] == 0.97
    assert card.accuracy["seeds"] == 3
    assert card.accuracy["test_mean"] == pytest.approx(0.98)
    assert card.accuracy["test_std"] == pytest.approx(0.01)


def test_runs_of_different_recipes_are_refused(tmp_path: Path) -> None:
    runs = [run_of(tmp_path / "a", 0, 0.9, 0.9), run_of(tmp_path / "b", 1, 0.9, 0.9, epochs=2)]
    with pytest.raises(ValueError, match="2 runs of 2 recipes"):
        release(runs, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_altered_weights_are_refused(tmp_path: Path) -> None:
    runs = [run_of(tmp_path / "a", 0, 0.9, 0.9), run_of(tmp_path / "b", 1, 0.9, 0.9)]
    (runs[0] / "digits.pt").write_bytes(b"other")
    with pytest.raises(CardError, match="sha256 differs"):
        release(runs, tmp_path / "out")
