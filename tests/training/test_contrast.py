"""Pre-training without labels: what two views of a canvas share is learned, and a training goes on from it."""

import math
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from test_training import TINY
from torch import Generator, Tensor

from digitkit.artifacts.card import check_card
from digitkit.readers.digits.digit import MNIST_MEAN, MNIST_STD
from digitkit.readers.digits.net import DigitNet
from training import pretrain as command
from training.data import mnist
from training.learn.contrast import TEMPERATURE, contrast_loss, pretrain, view
from training.learn.loop import Trainer
from training.recipe import TrainingError

RECIPE = replace(TINY, architecture="lean-4-8-16", epochs=6, batch_size=64, augmentation=1.0, learning_rate=1e-2)
AMONG = 64  # canvases of which a view is to find its own


def told_apart(net: DigitNet, canvases: Tensor) -> float:
    """The share of canvases whose first view is more like their second than like that of any other of AMONG, by the net's features."""
    draw = Generator().manual_seed(7)
    with torch.no_grad():
        layers = net.eval().members()[0][:-1]
        first, second = (layers((view(canvases, RECIPE, draw).unsqueeze(1) / 255 - MNIST_MEAN) / MNIST_STD).flatten(1) for _ in range(2))
    groups = (torch.nn.functional.normalize(views).unflatten(0, (-1, AMONG)) for views in (first, second))
    nearest = torch.einsum("gif,gjf->gij", *groups).argmax(2)
    return float((nearest == torch.arange(AMONG)).float().mean())


def test_the_loss_is_least_where_only_the_views_of_one_canvas_are_alike() -> None:
    own = torch.eye(8)
    assert contrast_loss(torch.cat([own, own])) == pytest.approx(math.log(1 + 14 * math.exp(-1 / TEMPERATURE)), rel=1e-5)
    assert contrast_loss(torch.cat([own, own.roll(1, 0)])) > 4
    assert contrast_loss(torch.ones(16, 8)) == pytest.approx(math.log(15), rel=1e-5)


def test_features_come_to_tell_pictures_apart_without_a_label(mnist_test: mnist.Split, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = mnist_test.pictures[:1536]
    others = torch.from_numpy(mnist_test.pictures[2048:3072])
    recipe = replace(RECIPE, batch_size=128)
    torch.manual_seed(recipe.seed)
    before = told_apart(DigitNet(recipe.architecture), others)
    net, loss = pretrain(recipe, pictures)
    assert loss < 0.7 * math.log(2 * recipe.batch_size - 1)
    assert told_apart(net, others) > before + 0.1
    assert capsys.readouterr().out.count("views/s") == recipe.epochs


def test_the_head_stays_as_it_began_and_one_seed_gives_one_net(mnist_test: mnist.Split) -> None:
    torch.manual_seed(RECIPE.seed)
    head = DigitNet(RECIPE.architecture).members()[0][-1].weight
    net, again = (pretrain(replace(RECIPE, epochs=1), mnist_test.pictures[:128])[0] for _ in range(2))
    assert torch.equal(net.members()[0][-1].weight, head)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(net.parameters(), again.parameters(), strict=True))


@pytest.mark.parametrize(
    ("changes", "count", "told"),
    [
        ({}, 63, "there are 63 pictures, and a batch has 64"),
        ({"schedule": "plateau"}, 64, "pre-training takes one-cycle or cosine"),
        ({"architecture": "lean-4-8-16+lean-4-8-16"}, 64, "pre-train each by itself"),
    ],
)
def test_what_cannot_be_pretrained_is_refused_with_what_can(
    changes: dict[str, object], count: int, told: str, mnist_test: mnist.Split
) -> None:
    with pytest.raises(TrainingError, match=told):
        pretrain(replace(RECIPE, **changes), mnist_test.pictures[:count])  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_training_starts_from_what_the_command_leaves(
    mnist_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "pretrained" / "digits.pt"
    given = ["--out", str(out), "--data-root", str(mnist_root), "--epochs", "1", "--architecture", "lean-4-8-16"]
    monkeypatch.setattr(sys, "argv", ["training.pretrain", *given])
    command.main()
    assert f"--init-from {out}" in capsys.readouterr().out
    assert check_card(out).accuracy["test"] < 0.5  # it has seen no label
    split = mnist.load_train(mnist_root)[0].take(slice(128))
    started = Trainer(replace(RECIPE, init_from=str(out)), split, split).net
    fresh = Trainer(RECIPE, split, split).net
    assert not torch.equal(started.members()[0][0].weight, fresh.members()[0][0].weight)
