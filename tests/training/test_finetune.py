"""Fine-tuning on a user's pictures: which are trained on, and that what was known before is kept."""

import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import ROOT
from displays import display
from numpy.typing import NDArray
from scribbles import write_scribbled

from digitkit.artifacts.card import check_card
from digitkit.readers.digits import net
from digitkit.readers.digits.digit import LABELS
from digitkit.readers.digits.recognise import Given
from training import finetune
from training.data import mnist
from training.data.folder import Own
from training.data.shown import tenth_of
from training.evaluate.served import DIGITS


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of 400 digits of displays."""
    draw, folder = np.random.default_rng(0), tmp_path / "displays"
    for digit in LABELS:
        (folder / str(digit)).mkdir(parents=True)
        for i in range(40):
            cv2.imwrite(str(folder / str(digit) / f"{i:02}.png"), display(digit, draw))
    return folder


@pytest.fixture
def own(mnist_test: mnist.Split) -> mnist.Split:
    return mnist_test.take(slice(1_000))


def canvases(split: mnist.Split) -> set[bytes]:
    return {canvas.tobytes() for canvas in split.pictures}


def owned(split: mnist.Split) -> Own:
    """The same pictures as a user's own."""
    return Own(split, np.array([tenth_of(Given([canvas])) for canvas in split.pictures]), [])


def test_equal_canvases_lie_in_one_part_and_every_picture_in_some_part(own: mnist.Split) -> None:
    twice = own + own
    parts = finetune.divide(owned(twice))
    assert sum(len(part) for part in parts) == 2_000
    assert sum(len(canvases(part)) for part in parts) == len(canvases(own))
    shares = [len(part) / len(twice) for part in parts]
    assert shares == pytest.approx([0.7, 0.1, 0.2], abs=0.04)


def test_a_pictures_part_stays_when_others_come(own: mnist.Split) -> None:
    few, many = finetune.divide(owned(own.take(slice(300)))), finetune.divide(owned(own))
    assert all(canvases(before) <= canvases(after) for before, after in zip(few, many, strict=True))


def test_too_few_pictures_are_counted_in_one_sentence(own: mnist.Split) -> None:
    with pytest.raises(mnist.DataError, match=r"^2 pictures are too few .* give at least 50$"):
        finetune.divide(owned(own.take(slice(2))))


def test_few_pictures_are_repeated_whole(own: mnist.Split) -> None:
    thrice = finetune.repeated(own.take(slice(40)), 100)
    assert len(thrice) == 120
    assert np.array_equal(thrice.pictures[40:80], own.pictures[:40])
    assert np.array_equal(thrice.labels[80:], own.labels[:40])
    assert len(finetune.repeated(own, 100)) == len(own)


def test_held_out_pictures_are_read_by_each_nets_own_choice(ten_digits: NDArray[np.uint8], tmp_path: Path) -> None:
    """The released net finds the digits under the scribbles, as it is served; one with all weights at 0 reads the rules' canvas as a 0."""
    files = [write_scribbled(canvas, tmp_path / f"{digit}.png") for digit, canvas in enumerate(ten_digits)]
    served, doubtful = net.read(DIGITS), net.read(DIGITS)
    for parameter in doubtful.parameters():
        parameter.data.zero_()
    own = Own(mnist.Split(ten_digits, np.arange(10)), np.array([0, 1] * 4 + [2, 9]), files)
    assert finetune.right_as_served(served, own).tolist() == [True] * 8
    assert finetune.right_as_served(doubtful, own).tolist() == [True] + [False] * 7
    files[3].unlink()
    assert finetune.right_as_served(served, own).tolist() == [True] * 3 + [False] + [True] * 4


def test_a_change_counts_what_was_learned_and_what_was_forgotten() -> None:
    before, after = np.array([True, True, False, False, True]), np.array([True, False, True, True, True])
    assert finetune.Change("a", before, after).cells() == ["a", "5", "60.00%", "80.00%", "2", "1"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data", "nowhere"], "there is nothing to fine-tune; name the weights with --init-from"),
        (["--data", "nowhere", "--init-from", "none.pt"], "none.pt does not exist"),
    ],
)
def test_what_is_missing_is_named_in_one_sentence(words: list[str], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["finetune", *words])
    with pytest.raises(SystemExit, match=f"^training.finetune: {re.escape(message)}$"):
        finetune.main()


@pytest.mark.slow
@pytest.mark.parametrize(("lora_rank", "epochs"), [(2, 4), (0, 2)])  # all weights together learn as much in half the time
def test_a_new_style_is_learned_and_mnist_kept(
    lora_rank: int,
    epochs: int,
    weights: Path,
    pictures: Path,
    mnist_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "tuned" / "digits.pt"
    # A bar alone, a display's 1, is at times taken for a ruled line, also by the eye, and so for no ink: it is left out.
    words = ["--init-from", weights, "--data", pictures, "--skip-unreadable", "--out", out, "--data-root", mnist_root]
    recipe = ["--lora-rank", lora_rank, "--epochs", epochs, "--synthetic", "0"]
    monkeypatch.setattr(sys, "argv", ["finetune", *map(str, [*words, *recipe])])
    finetune.main()
    before, after = check_card(weights).accuracy, check_card(out).accuracy
    assert after["held_out"] > max(0.95, after["held_out_before"] + 0.05)
    assert after["test"] > before["test"] - 0.01
    table = capsys.readouterr().out
    assert f"{after['held_out_before']:.2%}" in table and f"{after['held_out']:.2%}" in table
    assert "forgotten" in table
    assert check_card(weights).version == "1.0"
    assert check_card(out).version == "1.1"  # the one after: both can be served


@pytest.mark.parametrize("named", [[], ["DATA=nowhere"]])
def test_make_finetune_without_pictures_ends_before_anything_is_trained(named: list[str]) -> None:
    ended = subprocess.run(["make", "finetune", "RECIPE=none", *named], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "name yours: make finetune DATA=folder" in ended.stderr
    assert "training.train" not in ended.stdout
