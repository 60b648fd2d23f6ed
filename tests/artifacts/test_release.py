"""Publishing the best of several trainings."""

from pathlib import Path

import pytest
import torch

from digitkit.artifacts.card import CardError, check_card, write_card
from digitkit.readers.digits import net
from training.release import main, release

FACTS = {"data_sha256": "", "commit": "", "temperature": 1.0, "parameters": 1, "packages": {}}


def run_of(folder: Path, seed: int, validation: float, test: float, *, epochs: int = 1, version: str = "1.0") -> Path:
    folder.mkdir()
    torch.manual_seed(seed)
    net.save(net.DigitNet("lean"), folder / "digits.pt")
    accuracy = {"validation": validation, "test": test, "seeds": 1}
    write_card(folder / "digits.pt", recipe={"epochs": epochs, "seed": seed}, accuracy=accuracy, version=version, **FACTS)
    return folder


def test_the_best_on_validation_is_published_whatever_the_test_says(tmp_path: Path) -> None:
    runs = [run_of(tmp_path / "a", 0, 0.98, 0.99), run_of(tmp_path / "b", 1, 0.99, 0.97), run_of(tmp_path / "c", 2, 0.97, 0.98)]
    release(runs, tmp_path / "out", version="1.1")
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
        release(runs, tmp_path / "out", version="1.1")
    assert not (tmp_path / "out").exists()


def test_altered_weights_are_refused(tmp_path: Path) -> None:
    runs = [run_of(tmp_path / "a", 0, 0.9, 0.9), run_of(tmp_path / "b", 1, 0.9, 0.9)]
    (runs[0] / "digits.pt").write_bytes(b"other")
    with pytest.raises(CardError, match="sha256 differs"):
        release(runs, tmp_path / "out", version="1.1")


def test_a_release_gives_the_weights_its_version(tmp_path: Path) -> None:
    runs = [run_of(tmp_path / "a", 0, 0.9, 0.9), run_of(tmp_path / "b", 1, 0.8, 0.9)]
    for version in ("1.9", "1.10", "2.0"):
        assert release(runs, tmp_path / "out", version=version).version == version
        assert check_card(tmp_path / "out" / "digits.pt").version == version


@pytest.mark.parametrize("version", ["1.9", "1.10"])
def test_a_version_that_is_not_newer_is_refused_and_the_released_weights_stay(version: str, tmp_path: Path) -> None:
    runs = [run_of(tmp_path / "a", 0, 0.9, 0.9), run_of(tmp_path / "b", 1, 0.8, 0.9)]
    before = release(runs, tmp_path / "out", version="1.10")
    with pytest.raises(ValueError, match=rf"version {version} is not newer than 1\.10, which is released; 1\.11 is the next one"):
        release(runs, tmp_path / "out", version=version)
    assert check_card(tmp_path / "out" / "digits.pt") == before


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "training.release: a release needs a version: make release VERSION=1.1"),
        (["--version", "1.10"], "training.release: version 1.10 is not newer than 1.10, which is released; 1.11 is the next one"),
        (["--version", "1"], "argument --version: '1' is no version; it must be two whole numbers with a point between them"),
    ],
)
def test_a_bad_version_is_told_before_any_training(
    flags: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_of(tmp_path / "out", 0, 0.9, 0.9, version="1.10")
    with pytest.raises(SystemExit) as ended:
        main(["--out", str(tmp_path / "out"), *flags])
    told = capsys.readouterr().err + (ended.value.code if isinstance(ended.value.code, str) else "")
    assert ended.value.code not in (0, None)
    assert message in told


def test_a_version_that_may_be_released_passes_without_runs(tmp_path: Path) -> None:
    run_of(tmp_path / "out", 0, 0.9, 0.9, version="1.10")
    main(["--out", str(tmp_path / "out"), "--version", "1.11"])
    main(["--out", str(tmp_path / "none"), "--version", "0.1"])
