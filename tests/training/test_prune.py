"""Pruning: the smaller net is the larger one without its weakest channels."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from nets import drawn, logits, written
from torch import nn

from digitkit.artifacts.card import check_card
from digitkit.readers.digits import net
from digitkit.readers.digits.net import ARCHITECTURES, DigitNet
from training import prune


def lively(architecture: str) -> DigitNet:
    """A net whose batch norms have scales and statistics of their own."""
    model = drawn(architecture, 5)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 2)
            nn.init.normal_(layer.bias)
            assert layer.running_mean is not None and layer.running_var is not None
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
    return model


def masked(model: DigitNet, share: float) -> DigitNet:
    """The net with the channels that pruning removes unheard by the layer that they go into."""
    copy = net.ensemble([model])
    for layers in copy.members():
        kept = prune.keep(layers, share)
        weighted = [layer for layer in layers if isinstance(layer, nn.Conv2d | nn.Linear)]
        for own, below, above in zip(kept, weighted, weighted[1:], strict=False):
            width = len(below.weight)
            removed = np.setdiff1d(np.arange(width), own.numpy())
            assert len(removed) == round(share * width)
            with torch.no_grad():
                above.weight.view(len(above.weight), width, -1)[:, removed] = 0
    return copy


@pytest.mark.parametrize("architecture", [*ARCHITECTURES, "lean-8-12-16", "lean-4-8-8+seed"])
def test_a_pruned_net_answers_as_the_whole_one_with_those_channels_masked(architecture: str) -> None:
    model = lively(architecture)
    smaller = prune.prune(model, 0.5)
    np.testing.assert_allclose(logits(smaller), logits(masked(model, 0.5)), atol=1e-3)
    assert not np.allclose(logits(smaller), logits(model), atol=1e-2)


def test_a_pruned_net_is_smaller_and_its_file_says_how_wide_it_is(tmp_path: Path) -> None:
    smaller = prune.prune(drawn("lean"), 0.5)
    assert smaller.architecture == "lean-16-32-64"
    assert sum(parameter.numel() for parameter in smaller.parameters()) < 0.3 * 104_938
    again = net.read(written(smaller, tmp_path / "digits.pt"))
    assert np.array_equal(logits(again), logits(smaller))


def test_the_weakest_channels_go_by_their_weights_and_by_their_batch_norms_scale() -> None:
    layers = drawn("lean-4-4-4").layers
    convolution, norm = layers[0], layers[2]  # type: ignore[index]
    with torch.no_grad():
        convolution.weight.fill_(1)
        convolution.weight[2] = 0.1
        norm.weight.copy_(torch.tensor([1.0, 0.2, 1.0, -1.0]))
    assert prune.keep(layers, 0.5)[0].tolist() == [0, 3]  # type: ignore[arg-type]


def test_a_share_of_0_changes_nothing_and_one_channel_stays_at_the_least() -> None:
    model = lively("lean")
    assert np.array_equal(logits(prune.prune(model, 0)), logits(model))
    assert prune.prune(drawn("lean-2-2-2"), 0.9).architecture == "lean-1-1-1"
    for share in (1.0, -0.1):
        with pytest.raises(ValueError, match="it must be from 0 to below 1"):
            prune.prune(model, share)


@pytest.mark.slow
def test_a_pruned_net_is_trained_again_from_what_was_left(weights: Path, mnist_root: Path, tmp_path: Path) -> None:
    words = ["--weights", weights, "--share", "0.25", "--run", tmp_path, "--data-root", mnist_root, "--version", "1.4"]
    training = ["--epochs", "2", "--pictures", "8000", "--synthetic", "0"]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "argv", ["prune", *map(str, words), *training])
        prune.main()
    cut, trained = check_card(tmp_path / prune.CUT), check_card(tmp_path / "digits.pt")
    assert trained.recipe["architecture"] == cut.recipe["architecture"] == "lean-12-24-48"
    assert trained.recipe["made_from"] == {str(tmp_path / prune.CUT): cut.sha256}
    assert trained.version == cut.version == "1.4"
    assert cut.recipe["made_from"] == {str(weights): check_card(weights).sha256}
    assert trained.accuracy["test"] > max(0.95, cut.accuracy["test"])
