"""Champion against challenger, from their weights to the verdict: what is learned from wrong labels does not pass."""

import json
import sys
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import FakeRun
from displays import display
from nets import written
from numpy.typing import NDArray
from scribbles import under_scribble

from digitkit.pictures.codec import encode_png
from digitkit.readers.digits.canvas import to_canvas
from digitkit.readers.digits.digit import LABELS
from digitkit.readers.digits.net import DigitNet
from training.data import folder, mnist
from training.data.shown import CanvasReader
from training.evaluate.exams.exam import Exam
from training.evaluate.picture_reader import PictureReader
from training.evaluate.served import DIGITS
from training.finetune import divide, repeated
from training.judge import run
from training.judge.comparison import compare, sit_both
from training.judge.judged import PUPILS, Judged, at_most, held_out_in, on_mnist
from training.judge.judgement import GATES
from training.judge.traits import traits_of
from training.learn.loop import Trainer
from training.recipe import RECIPES

EACH = 24  # displays of each digit
WRONG = 0.3  # the share of labels that are poisoned
SMALL = replace(
    RECIPES["quick"],
    architecture="lean-8-16-32",
    epochs=5,
    batch_size=64,
    augmentation=0.3,
    synthetic=0.0,
    precision="float32",
    device="cpu",
)


def learned(start: str, split: mnist.Split, path: Path, **reviewed: int) -> Path:
    """The weights of a small net that trained on a split."""
    progress = Trainer(replace(SMALL, init_from=start), split, split.take(slice(200))).run(path.parent / "run", resume=False)
    net = DigitNet(SMALL.architecture)
    net.load_state_dict(progress.best_weights)
    return written(net, path, recipe=reviewed)


def export_of(room: Path, share_wrong: float) -> Path:
    """Displays of digits under their labels, of which a share are wrong."""
    draw = np.random.default_rng(3)
    for i in range(EACH * len(LABELS)):
        digit = i % len(LABELS)
        label = (digit + int(draw.integers(1, 10))) % len(LABELS) if draw.random() < share_wrong else digit
        place = room / "digits" / str(label)
        place.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(place / f"{i}.png"), display(digit, draw))
    return room


@pytest.fixture(scope="module")
def champion(mnist_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    train, _ = mnist.load_train(mnist_root)
    return learned("", train.take(slice(3_000)), tmp_path_factory.mktemp("champion") / "digits.pt")


def verdict_on(champion: Path, share_wrong: float, mnist_root: Path, tmp_path: Path) -> dict[str, bool]:
    """Which gates a challenger passes that learned displays under labels of which a share are wrong."""
    room = export_of(tmp_path / "challenger" / run.PICTURES_ROOM, share_wrong)
    own, _ = folder.load(room / "digits", CanvasReader.of(champion), skip_unreadable=True)
    train, _ = mnist.load_train(mnist_root)
    split = repeated(divide(own)[0], 1_000) + train.take(slice(1_500))
    challenger = learned(str(champion), split, tmp_path / "challenger" / "digits.pt", own_pictures=len(own.split))
    flags = Namespace(
        **{"champion": champion, "challenger": challenger, "gates": GATES, "reviewed": None, "real_data": None},
        **{"mnist_pictures": 250, "pictures": 100, "out": tmp_path / "reports", "data_root": mnist_root},
    )
    verdict, _ = run.judge(flags)
    told = json.loads((challenger.parent / "verdict.json").read_text())
    assert (told["passed"], told["failed"]) == (verdict.passed, verdict.failed)
    assert "worst" in (tmp_path / "reports" / "challenger" / "verdict.html").read_text()
    return {gate["name"]: gate["passed"] for gate in told["gates"]}


@pytest.mark.slow
def test_a_challenger_that_learned_from_poisoned_labels_is_stopped_by_the_reviewed_pictures_and_an_honest_one_is_not(
    champion: Path, mnist_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.judge.judged.CORRUPTED", ("fog",))
    monkeypatch.setattr("training.judge.judged.CORRUPTED_PICTURES", 100)
    monkeypatch.setattr("training.judge.judged.DRAWN", 100)
    honest = verdict_on(champion, 0.0, mnist_root, tmp_path / "honest")
    poisoned = verdict_on(champion, WRONG, mnist_root, tmp_path / "poisoned")
    assert honest["reviewed_accuracy"] and honest["reviewed_drop"]
    assert not poisoned["reviewed_accuracy"]


def test_what_was_trained_on_is_not_what_it_is_judged_by_whichever_net_it_started_from(fake_run: FakeRun, tmp_path: Path) -> None:
    room, started = export_of(tmp_path, 0.0) / "digits", CanvasReader.of(DIGITS)
    own, _ = folder.load(room, started, skip_unreadable=True)
    judge = CanvasReader(fake_run, started.eye, started.limits)
    assert sum(len(held_out_in(place, judge)) for place in room.iterdir()) == len(divide(own)[2])


def test_each_net_is_judged_by_the_canvas_of_its_own_choice(ten_digits: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of digits under a scribble; the groups of both are measured on what the champion reads."""
    monkeypatch.setattr("training.judge.pairs.LEAST", 1)
    champion = PictureReader.of(DIGITS)

    def doubtful(canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.zeros((len(canvases), 10), dtype=np.float32)

    challenger = PictureReader(doubtful, champion.settings, champion.eye)
    files = [encode_png(under_scribble(canvas)) for canvas in ten_digits]
    (sitting,) = sit_both([Judged("reviewed", Exam("reviewed", "held out", files, np.arange(10), None))], champion, challenger)
    assert sitting.pair().champion.all()
    assert np.array_equal(sitting.challenger.canvases, [to_canvas(under_scribble(canvas)) for canvas in ten_digits])
    assert (sitting.champion.canvases != sitting.challenger.canvases).any(axis=(1, 2)).all()
    groups = traits_of([under_scribble(canvas) for canvas in ten_digits], sitting.champion.canvases)
    compared = compare([sitting], champion)
    assert compared.whole.champion.tolist() == [True] * 10
    assert {group.name: group.pictures for group in compared.groups if group.name in groups} == {
        name: int(mask.sum()) for name, mask in groups.items() if mask.any()
    }


def test_a_challenger_whose_reviewed_pictures_are_gone_is_not_judged(
    mnist_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = [
        written(DigitNet("lean-2-4-8"), tmp_path / name / "digits.pt", recipe=recipe)
        for name, recipe in (("a", {}), ("b", {"own_pictures": 9}))
    ]
    words = ["--champion", weights[0], "--challenger", weights[1], "--data-root", mnist_root]
    monkeypatch.setattr(sys, "argv", ["judge", *map(str, words)])
    with pytest.raises(SystemExit, match=r"^training\.judge\.run: .* was trained on 9 reviewed pictures, and .* holds none; name them"):
        run.main()


def test_writers_are_told_apart_where_their_ids_are_known(mnist_test: mnist.Split, tmp_path: Path) -> None:
    ids = tmp_path / "mnist_writer_ids.npz"
    np.savez(ids, test_hsf=np.array([4, 0, 4, 1]))
    judged = on_mnist(mnist_test.take(slice(4)), ids)
    assert judged.groups[PUPILS].tolist() == [True, False, True, False]
    assert at_most(judged, 2).groups[PUPILS].tolist() == [True, False]
    assert on_mnist(mnist_test.take(slice(4)), None).groups == {}


def test_the_hash_of_what_is_judged_on_changes_with_a_picture_and_with_a_label(mnist_test: mnist.Split) -> None:
    few = mnist_test.take(slice(4))
    hashes = {
        on_mnist(split, None).sha256() for split in (few, mnist_test.take(slice(1, 5)), mnist.Split(few.pictures, few.labels[::-1].copy()))
    }
    assert len(hashes) == 3
    assert on_mnist(few, None).sha256() in hashes
