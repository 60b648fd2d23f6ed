"""What a recipe can add to a plain training: averaged weights, clipped gradients, another layout; and what they leave alone."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from training.data import mnist
from training.learn import checkpoint
from training.learn.checkpoint import CHECKPOINT
from training.learn.loop import Trainer
from training.recipe import RECIPES, Recipe

TINY = replace(RECIPES["quick"], epochs=3, batch_size=64, synthetic=0.0, precision="float32", device="cpu")
STEPS = 8  # of an epoch


@pytest.fixture(scope="module")
def splits(mnist_root: Path) -> tuple[mnist.Split, mnist.Split]:
    train, validation = mnist.load_train(mnist_root)
    return train.take(slice(64 * STEPS)), validation.take(slice(256))


def flat(net: nn.Module) -> Tensor:
    return torch.cat([value.detach().flatten().double() for value in net.state_dict().values()])


def weights_after_every_step(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """Filled with the net's weights, batch norm's statistics and all, while `trainer` trains."""
    seen: list[Tensor] = []
    plain_step = trainer.step

    def step(canvases: Tensor, labels: Tensor) -> Tensor:
        loss = plain_step(canvases, labels)
        seen.append(flat(trainer.net))
        return loss

    monkeypatch.setattr(trainer, "step", step)
    return seen


def test_averaged_weights_are_the_ramped_exponential_average_of_every_steps_weights(
    splits: tuple[mnist.Split, mnist.Split], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = Trainer(replace(TINY, ema=0.3), *splits)
    seen = weights_after_every_step(trainer, monkeypatch)
    trainer.train_epoch(1)
    expected = seen[0]
    for count, current in enumerate(seen[1:], start=1):
        keep = min(0.3, (1 + count) / (10 + count))
        expected = keep * expected + (1 - keep) * current
    is_float = torch.cat([torch.full((v.numel(),), v.is_floating_point()) for v in trainer.net.state_dict().values()])
    assert len(seen) == STEPS
    assert torch.allclose(flat(trainer.served_net())[is_float], expected[is_float], atol=1e-5)
    assert not torch.allclose(seen[-1][is_float], expected[is_float], atol=1e-3)


def test_validation_and_the_best_weights_are_those_of_the_average(splits: tuple[mnist.Split, mnist.Split], tmp_path: Path) -> None:
    trainer = Trainer(replace(TINY, ema=0.9, epochs=1), *splits)
    progress = trainer.run(tmp_path, resume=False)
    averaged = trainer.served_net()
    assert averaged is not trainer.net
    assert all(torch.equal(value, averaged.state_dict()[name]) for name, value in progress.best_weights.items())
    assert progress.best_weights.keys() == trainer.net.state_dict().keys()
    assert trainer.validate()[0] == progress.best_accuracy


def test_an_average_changes_nothing_in_the_training_itself(splits: tuple[mnist.Split, mnist.Split], tmp_path: Path) -> None:
    plain, averaged = (Trainer(replace(TINY, ema=ema), *splits) for ema in (0.0, 0.9))
    for trainer in (plain, averaged):
        trainer.train_epoch(1)
    assert torch.equal(flat(plain.net), flat(averaged.net))


def test_a_gradient_longer_than_the_limit_is_cut_to_it_and_a_shorter_one_is_left(splits: tuple[mnist.Split, mnist.Split]) -> None:
    canvases, labels = torch.from_numpy(splits[0].pictures[:64]), torch.from_numpy(splits[0].labels[:64])

    def norm(clip: float) -> float:
        trainer = Trainer(replace(TINY, clip=clip, dropout=0.0), *splits)
        trainer.step(canvases, labels)
        return float(torch.cat([p.grad.flatten() for p in trainer.net.parameters() if p.grad is not None]).norm())

    whole = norm(0.0)
    assert norm(whole / 3) == pytest.approx(whole / 3, rel=1e-4)
    assert norm(whole * 3) == pytest.approx(whole, rel=1e-6)


@pytest.mark.parametrize(("layout", "strides"), [("channels-last", torch.channels_last), ("contiguous", torch.contiguous_format)])
def test_the_layout_is_the_nets_and_its_averages(
    layout: str, strides: torch.memory_format, splits: tuple[mnist.Split, mnist.Split]
) -> None:
    trainer = Trainer(replace(TINY, layout=layout, ema=0.9), *splits)  # type: ignore[arg-type]
    trainer.train_epoch(1)
    for net in (trainer.net, trainer.served_net()):
        kernels = [p for p in net.parameters() if p.dim() == 4 and p.shape[1] > 1]
        assert kernels and all(kernel.is_contiguous(memory_format=strides) for kernel in kernels)


@pytest.mark.parametrize("schedule", ["one-cycle", "plateau"])
def test_a_training_with_every_lever_goes_on_from_a_checkpoint_to_the_same_bits(
    schedule: str, splits: tuple[mnist.Split, mnist.Split], tmp_path: Path
) -> None:
    recipe: Recipe = replace(TINY, ema=0.95, clip=0.5, label_smoothing=0.1, schedule=schedule)  # type: ignore[arg-type]
    whole = Trainer(recipe, *splits)
    whole.run(tmp_path, resume=False)
    cut_short = Trainer(recipe, *splits)
    cut_short.epoch()
    checkpoint.save(tmp_path / CHECKPOINT, recipe, cut_short.progress, cut_short.states())
    resumed = Trainer(recipe, *splits)
    resumed.run(tmp_path, resume=True)
    for net in ("net", "average"):
        assert torch.equal(flat(getattr(whole, net)), flat(getattr(resumed, net)))
    assert whole.progress.best_weights.keys() == resumed.progress.best_weights.keys()
    assert whole.progress.best_epoch == resumed.progress.best_epoch


def test_the_share_of_the_time_that_data_took_is_kept_for_every_epoch(splits: tuple[mnist.Split, mnist.Split], tmp_path: Path) -> None:
    history = Trainer(replace(TINY, epochs=2), *splits).run(tmp_path, resume=False).history
    assert all(0 < epoch["data_share"] < 1 for epoch in history)
