"""The table of the corruptions: both ways of reading, what is refused, the mean, and the command from end to end."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, FakeRun
from numpy.typing import NDArray

from digitkit.artifacts.card import write_card
from digitkit.pictures.codec import decode_picture
from digitkit.readers.digits import net
from digitkit.settings import Settings
from training.data.mnist import Split
from training.evaluate.corrupted import BATCH, CLEAN, Figure, in_batches, main, mean, measure
from training.evaluate.corruptions import CORRUPTIONS, corrupt


def test_clean_pictures_are_read_alike_both_ways(fake_run: FakeRun, ten_digits: NDArray[np.uint8], settings: Settings) -> None:
    test = Split(ten_digits, np.arange(10))
    assert measure(CLEAN, test, fake_run, settings, seed=0) == Figure(CLEAN, 1.0, 1.0, 0.0)


def test_the_direct_figure_is_that_of_the_corrupted_pictures_themselves(ten_digits: NDArray[np.uint8], settings: Settings) -> None:
    run = FakeRun(corrupt("translate", ten_digits, seed=3))
    figure = measure("translate", Split(ten_digits, np.arange(10)), run, settings, seed=3)
    assert figure.direct == 1.0
    assert figure.served < 1.0  # to_canvas has moved the digits back, to where this run does not know them


def test_a_refused_picture_is_wrong_though_its_label_is_0(fake_run: FakeRun, settings: Settings) -> None:
    blank = Split(np.zeros((4, 28, 28), dtype=np.uint8), np.zeros(4, dtype=np.int64))
    figure = measure(CLEAN, blank, fake_run, settings, seed=0)
    assert (figure.served, figure.refused) == (0.0, 1.0)


def test_the_mean_leaves_the_clean_pictures_out() -> None:
    figures = [Figure(CLEAN, 1.0, 1.0, 0.0), Figure("a", 0.5, 0.25, 0.5), Figure("b", 1.0, 0.75, 0.0)]
    assert mean(figures) == Figure("mean of 2", 0.75, 0.5, 0.25)


def test_a_run_in_batches_answers_in_the_same_order(ten_digits: NDArray[np.uint8], fake_run: FakeRun) -> None:
    many = np.concatenate([ten_digits] * 14)
    assert np.array_equal(in_batches(fake_run)(many).argmax(axis=1), np.tile(np.arange(10), 14))
    assert fake_run.batches == [BATCH, 140 - BATCH]


@pytest.mark.slow
def test_the_command_leaves_the_printed_figures_in_both_files(mnist_root: Path, settings: Settings, tmp_path: Path) -> None:
    weights = tmp_path / "digits.pt"
    net.save(net.DigitNet(), weights)
    write_card(weights, version="1.0", recipe={}, data_sha256="", commit="", accuracy={}, temperature=1.0, parameters=0, packages={})
    flags = ["--weights", weights, "--data-root", mnist_root, "--pictures", 20, "--out", tmp_path / "report"]
    line = [sys.executable, "-m", "training.evaluate.corrupted", *map(str, flags)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "report" / "corruptions.json").read_text())
    with (tmp_path / "report" / "corruptions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == [row["name"] for row in report["corruptions"]] == [CLEAN, *CORRUPTIONS]
    assert [float(row["served"]) for row in rows] == [row["served"] for row in report["corruptions"]]
    assert report["mean"]["direct"] == pytest.approx(np.mean([row["direct"] for row in report["corruptions"][1:]]))
    assert all(f"{row['name']} " in done.stdout for row in rows)
    assert f"{report['mean']['served']:.2%}" in done.stdout.splitlines()[-2]
    assert report["pictures"] == 20
    sheet = decode_picture((tmp_path / "report" / "corruptions.png").read_bytes(), settings.limits)
    assert sheet.std() > 50


@pytest.mark.parametrize(
    ("flags", "message"),
    [(("--pictures", "0"), "--pictures is 0 .* at least 1"), (("--seed", "-1"), "--seed -1"), ((), "none.pt does not exist")],
)
def test_a_wrong_flag_gets_one_sentence_and_a_failure(
    flags: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["training.evaluate.corrupted", "--weights", str(tmp_path / "none.pt"), *flags])
    with pytest.raises(SystemExit, match=message):
        main()
