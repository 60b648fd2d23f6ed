"""The training loop: deterministic, resumable, and every lever of a recipe at work."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from digitkit.readers.digits.net import ARCHITECTURES, DigitNet
from training.augment.deform import augment
from training.data import mnist
from training.learn import checkpoint
from training.learn.calibrate import divide_logits, fit_temperature
from training.learn.checkpoint import CHECKPOINT, Progress
from training.learn.device import choose_device
from training.learn.loop import Trainer
from training.recipe import RECIPES, Recipe, TrainingError
from training.train import main

TINY = replace(RECIPES["quick"], epochs=2, pictures=512, batch_size=64, synthetic=0.0, precision="float32", device="cpu")


@pytest.fixture(scope="module")
def splits(mnist_root: Path) -> tuple[mnist.Split, mnist.Split]:
    train, validation = mnist.load_train(mnist_root)
    return train.take(slice(512)), validation.take(slice(256))


def trained(recipe: Recipe, splits: tuple[mnist.Split, mnist.Split], run: Path) -> Trainer:
    run.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(recipe, *splits)
    trainer.run(run, resume=False)
    return trainer


def weights(trainer: Trainer) -> torch.Tensor:
    return torch.cat([value.flatten().float() for value in trainer.net.state_dict().values()])


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_gives_float32_logits_of_uint8_canvases(architecture: str) -> None:
    logits = DigitNet(architecture).eval()(torch.zeros((3, 28, 28), dtype=torch.uint8))
    assert logits.shape == (3, 10)
    assert logits.dtype == torch.float32


def test_two_trainings_with_one_seed_end_in_the_same_weights(splits: tuple[mnist.Split, mnist.Split], tmp_path: Path) -> None:
    first, second = (trained(TINY, splits, tmp_path / name) for name in ("a", "b"))
    other = trained(replace(TINY, seed=1), splits, tmp_path / "c")
    assert torch.equal(weights(first), weights(second))
    assert not torch.equal(weights(first), weights(other))


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "adagrad"])
def test_every_optimizer_lowers_the_loss(optimizer: str, splits: tuple[mnist.Split, mnist.Split], tmp_path: Path) -> None:
    recipe = replace(TINY, optimizer=optimizer, learning_rate=0.01, schedule="constant", augmentation=0.0, dropout=0.0)  # type: ignore[arg-type]
    history = trained(recipe, splits, tmp_path).progress.history
    assert history[-1]["loss/train"] < history[0]["loss/train"]


@pytest.mark.parametrize("schedule", ["constant", "step", "cosine", "one-cycle", "plateau"])
def test_every_schedule_moves_the_learning_rate_as_its_name_says(
    schedule: str, splits: tuple[mnist.Split, mnist.Split], tmp_path: Path
) -> None:
    recipe = replace(TINY, schedule=schedule, epochs=3, learning_rate=1e-3)  # type: ignore[arg-type]
    rates = [epoch["learning_rate"] for epoch in trained(recipe, splits, tmp_path).progress.history]
    if schedule in ("constant", "plateau"):
        assert rates == [1e-3] * 3
    else:
        assert rates[-1] < rates[0]


@pytest.mark.slow
def test_early_stopping_waits_its_patience_and_keeps_the_best_weights(splits: tuple[mnist.Split, mnist.Split], tmp_path: Path) -> None:
    recipe = replace(TINY, epochs=30, patience=2, learning_rate=0.0 + 1e-9, schedule="constant", dropout=0.0)
    trainer = trained(recipe, splits, tmp_path)
    assert trainer.progress.epoch == trainer.progress.best_epoch + 2 < 30
    assert trainer.progress.best_weights.keys() == trainer.net.state_dict().keys()


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_end(mnist_root: Path, tmp_path: Path) -> None:
    words = ["--epochs", "3", "--pictures", "3000", "--synthetic", "0", "--device", "cpu", "--data-root", str(mnist_root)]

    def start(run: Path, *more: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "training.train", "--run", str(run), *words, *more]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    assert start(tmp_path / "whole").wait(timeout=240) == 0
    killed = start(tmp_path / "killed")
    deadline = time.monotonic() + 240
    while not (tmp_path / "killed" / CHECKPOINT).exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.3)  # into the second epoch
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "killed" / "digits.pt").exists()
    assert start(tmp_path / "killed", "--resume").wait(timeout=240) == 0
    whole, resumed = (json.loads((tmp_path / name / "digits.pt.json").read_text()) for name in ("whole", "killed"))
    assert whole["accuracy"]["validation"] == resumed["accuracy"]["validation"]
    assert whole["accuracy"]["test"] == resumed["accuracy"]["test"]
    assert whole["temperature"] == resumed["temperature"]


def test_ctrl_c_ends_a_training_with_how_to_go_on(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("training.train.train", interrupted)
    monkeypatch.setattr(sys, "argv", ["train"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    assert (
        capsys.readouterr().err == "training.train: stopped; --resume, which make train always gives, goes on after the last whole epoch\n"
    )


def test_a_checkpoint_of_another_architecture_is_refused(splits: tuple[mnist.Split, mnist.Split], tmp_path: Path) -> None:
    trained(TINY, splits, tmp_path)
    with pytest.raises(TrainingError, match=f"architecture '{TINY.architecture}' there, 'seed' asked for"):
        Trainer(replace(TINY, architecture="seed"), *splits).run(tmp_path, resume=True)


def test_a_damaged_checkpoint_is_refused(splits: tuple[mnist.Split, mnist.Split], tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT).write_bytes(b"no checkpoint")
    with pytest.raises(TrainingError, match="no checkpoint that can be read"):
        Trainer(TINY, *splits).run(tmp_path, resume=True)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
def test_a_full_disk_leaves_the_last_checkpoint_and_says_so(tmp_path: Path) -> None:
    kept = tmp_path / CHECKPOINT
    checkpoint.save(kept, TINY, Progress(epoch=3), {})
    kept.with_suffix(".part").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device"):
        checkpoint.save(kept, TINY, Progress(epoch=4), {"net": torch.zeros(100_000)})
    assert checkpoint.load(kept, TINY)[0].epoch == 3


def test_a_device_that_is_not_there_is_named() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(TrainingError, match="device 'cuda' is not available here"):
        choose_device("cuda")


def test_augmentation_is_drawn_from_its_generator_and_keeps_the_shape(splits: tuple[mnist.Split, mnist.Split]) -> None:
    canvases = torch.from_numpy(splits[0].pictures[:32])
    first, second = (augment(canvases, 1.0, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, second)
    assert first.shape == canvases.shape
    assert first.dtype == torch.uint8
    assert not torch.equal(first, canvases)
    assert torch.equal(augment(canvases, 0.0, torch.Generator()), canvases)


def test_the_temperature_that_was_put_in_is_found(splits: tuple[mnist.Split, mnist.Split]) -> None:
    draw = torch.Generator().manual_seed(0)
    true_logits = torch.randn((20_000, 10), generator=draw) * 2
    labels = torch.multinomial(true_logits.softmax(dim=1), 1, generator=draw).squeeze(1)
    assert fit_temperature(true_logits * 3, labels) == pytest.approx(3, rel=0.05)


def test_dividing_the_logits_divides_them() -> None:
    net = DigitNet("lean").eval()
    canvases = torch.randint(0, 255, (4, 28, 28), dtype=torch.uint8)
    with torch.no_grad():
        before = net(canvases)
        divide_logits(net, 2.5)
        after = net(canvases)
    assert torch.allclose(before / 2.5, after, atol=1e-5)
