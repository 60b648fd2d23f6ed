"""Trainings that start from weights: what stays frozen, what learns how fast, and LoRA's way back to plain weights."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from nets import drawn, logits, written
from test_training import TINY
from torch import nn

from digitkit.readers.digits import net
from digitkit.readers.digits.net import DigitNet
from training.data import mnist
from training.learn.average import make_average
from training.learn.loop import Trainer
from training.learn.lora import LowRank, add_lora, plain_state
from training.learn.optimize import make_optimizer, make_schedule
from training.learn.transfer import blocks, learning, starting_net
from training.recipe import Recipe, TrainingError


@pytest.fixture
def split(mnist_test: mnist.Split) -> mnist.Split:
    return mnist_test.take(slice(192))


@pytest.fixture
def given(tmp_path: Path) -> DigitNet:
    """A net whose batch norms have seen nothing like what they are to see."""
    model = drawn(TINY.architecture, 3)
    written(model, tmp_path / "given.pt")
    return model


def started(tmp_path: Path, **changes: Any) -> Recipe:
    return replace(TINY, init_from=str(tmp_path / "given.pt"), **changes)


def changed(before: DigitNet, after: DigitNet) -> list[str]:
    """The names in the state dict whose values differ, the counters of batch norm left out."""
    old, new = before.state_dict(), plain_state(after)
    return [name for name in old if not name.endswith("tracked") and not torch.equal(old[name], new[name])]


def test_a_training_starts_from_the_weights_it_was_given(split: mnist.Split, given: DigitNet, tmp_path: Path) -> None:
    assert changed(given, Trainer(started(tmp_path), split, split).net) == []


def test_weights_of_another_architecture_are_refused_with_the_flag_that_helps(split: mnist.Split, given: DigitNet, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=f"given.pt is of architecture {TINY.architecture}; add --architecture {TINY.architecture}$"):
        Trainer(started(tmp_path, architecture="seed"), split, split)


@pytest.mark.parametrize(
    ("freeze", "prefixes"),
    [("all-but-head", ("layers.13",)), ("features", ("layers.13",)), ("none", ("layers.0", "layers.2", "layers.13"))],
)
def test_what_is_frozen_keeps_its_weights_and_its_statistics(
    freeze: str, prefixes: tuple[str, ...], split: mnist.Split, given: DigitNet, tmp_path: Path
) -> None:
    trainer = Trainer(started(tmp_path, freeze=freeze), split, split)
    trainer.train_epoch(1)
    moved = changed(given, trainer.net)
    assert all(any(name.startswith(prefix) for name in moved) for prefix in prefixes)
    if freeze != "none":
        assert all(name.startswith(prefixes) for name in moved)


def test_features_are_the_convolutions_and_a_hidden_layer_is_none() -> None:
    seed = DigitNet("seed")
    assert [learning(replace(TINY, freeze=freeze), seed, 1) for freeze in ("none", "features", "all-but-head")] == [4, 2, 1]  # type: ignore[arg-type]


def test_a_frozen_layer_thaws_every_so_many_epochs_from_the_head_down(split: mnist.Split, given: DigitNet, tmp_path: Path) -> None:
    recipe = started(tmp_path, freeze="all-but-head", thaw_epochs=2)
    assert [learning(recipe, given, epoch) for epoch in range(1, 10)] == [1, 1, 2, 2, 3, 3, 4, 4, 4]
    trainer = Trainer(recipe, split, split)
    trainer.train_epoch(3)
    assert {name.split(".")[1] for name in changed(given, trainer.net)} == {"8", "9", "13"}


def test_the_layers_below_the_head_learn_at_their_own_rate_at_every_step(given: DigitNet) -> None:
    for schedule in ("one-cycle", "cosine", "constant"):
        recipe = replace(TINY, schedule=schedule, feature_rate=0.1)
        optimizer = make_optimizer(recipe, given)
        steps = make_schedule(recipe, optimizer, 10)
        for _ in range(7):
            head, below = optimizer.param_groups
            assert below["lr"] == pytest.approx(0.1 * head["lr"], rel=1e-3)
            optimizer.step()
            steps.step()
        assert [parameter.shape[0] for parameter in head["params"]] == [10, 10]
        assert sum(len(group["params"]) for group in optimizer.param_groups) == len(list(given.parameters()))


def test_the_blocks_of_an_ensemble_hold_the_layers_of_every_member() -> None:
    whole = net.ensemble([DigitNet("lean"), DigitNet("seed")])
    assert [sum(isinstance(layer, nn.Linear) for layer in block) for block in blocks(whole)] == [2, 1, 0, 0]
    held = {parameter for block in blocks(whole) for layer in block for parameter in layer.parameters()}
    assert held == set(whole.parameters())


@pytest.mark.parametrize("architecture", ["lean", "seed"])
def test_lora_of_rank_2_learns_under_5_percent_of_the_parameters_and_begins_with_the_same_answers(architecture: str) -> None:
    model, plain = drawn(architecture, 1), drawn(architecture, 1)
    add_lora(model, 2)
    learned = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    assert 0 < learned < 0.05 * sum(parameter.numel() for parameter in plain.parameters())
    assert np.array_equal(logits(model), logits(plain))


def test_the_change_of_a_weight_is_the_product_of_its_factors() -> None:
    weight = torch.randn(6, 3, 5, 5)
    change = LowRank(weight, 2)
    nn.init.normal_(change.up)
    product = change.up.detach().numpy() @ change.down.detach().numpy()
    got = (change(weight) - weight).detach().numpy()
    np.testing.assert_allclose(got, product.reshape(6, 3, 5, 5), atol=1e-5)
    assert np.linalg.matrix_rank(got.reshape(6, -1), tol=1e-4) == 2


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_lora_is_kept_as_plain_weights_that_give_the_same_logits(ema: float, split: mnist.Split, given: DigitNet, tmp_path: Path) -> None:
    trainer = Trainer(started(tmp_path, lora_rank=2, ema=ema, learning_rate=0.05), split, split)
    progress = trainer.run(tmp_path, resume=False)
    merged = DigitNet(TINY.architecture)
    merged.load_state_dict(progress.best_weights)
    if progress.best_epoch == TINY.epochs:
        np.testing.assert_allclose(logits(merged.eval()), logits(trainer.served_net()), atol=1e-4)  # type: ignore[arg-type]
    assert all(name.endswith("weight") for name in changed(given, merged))
    convolutions_and_head = {"layers.0.weight", "layers.4.weight", "layers.8.weight", "layers.13.weight"}
    assert set(changed(given, merged)) == convolutions_and_head


def test_an_average_of_a_net_with_lora_is_merged_too(given: DigitNet) -> None:
    add_lora(given, 2)
    average = make_average(given, 0.5)
    for layer in (given.layers[0], given.layers[-1]):  # type: ignore[index]
        nn.init.normal_(layer.parametrizations.weight[0].up)
    average.update_parameters(given)
    merged = DigitNet(TINY.architecture)
    merged.load_state_dict(plain_state(average.module))
    np.testing.assert_allclose(logits(merged.eval()), logits(average.module.eval()), atol=1e-5)
    assert not np.array_equal(logits(merged), logits(drawn(TINY.architecture, 3)))


def test_a_training_with_lora_goes_on_from_its_checkpoint_to_the_same_weights(split: mnist.Split, given: DigitNet, tmp_path: Path) -> None:
    recipe = started(tmp_path, lora_rank=2)
    whole = Trainer(recipe, split, split)
    whole.run(tmp_path, resume=False)
    again = Trainer(recipe, split, split)
    again.restore(tmp_path / "checkpoint.pt")
    assert np.array_equal(logits(whole.net.eval()), logits(again.net.eval()))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"freeze": "features"}, "name them with init_from"),
        ({"lora_rank": 2}, "name them with init_from"),
        ({"init_from": "w.pt", "freeze": "features", "lora_rank": 2}, "freeze and lora_rank exclude each other"),
        ({"init_from": "w.pt", "thaw_epochs": 2}, "thaw_epochs thaws what freeze has frozen; freeze is none"),
    ],
)
def test_levers_that_contradict_each_other_are_named(flags: dict[str, Any], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        starting_net(replace(TINY, **flags))
