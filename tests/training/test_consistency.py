"""Learning from pictures without labels: what the averaged net is sure of becomes a label, and nothing else does."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_training import TINY
from torch import Generator, Tensor, nn

from training.data import mnist
from training.few_labels import choose
from training.learn.consistency import Unlabelled
from training.learn.loop import Trainer
from training.recipe import TrainingError

CPU = torch.device("cpu")
RECIPE = replace(TINY, architecture="lean-2-4-8", batch_size=32, ema=0.9, unlabelled=2.0, synthetic=0.0)


class BySum(nn.Module):
    """A net that is sure of dark canvases, which it takes for a 3, and of nothing else."""

    def forward(self, canvases: Tensor) -> Tensor:
        logits = torch.zeros(len(canvases), 10)
        logits[:, 3] = torch.where(canvases.float().mean(dim=(1, 2)) > 128, 20.0, -20.0)
        return logits


@pytest.fixture
def split(mnist_test: mnist.Split) -> mnist.Split:
    return mnist_test.take(slice(64))


def test_only_what_the_net_is_sure_of_is_learned_and_as_what_it_reads() -> None:
    canvases = np.stack([np.full((28, 28), 255 * (i % 2), dtype=np.uint8) for i in range(40)])
    recipe = replace(RECIPE, augmentation=0.0, disturbance=0.0)
    learned, labels = Unlabelled(recipe, canvases, CPU).labelled_by(BySum(), Generator().manual_seed(0))
    assert 0 < len(labels) < round(recipe.unlabelled * recipe.batch_size)
    assert set(labels.tolist()) == {3}
    assert int(learned.min()) == 255


def test_what_is_learned_is_deformed_more_than_what_is_read(split: mnist.Split) -> None:
    read: list[Tensor] = []

    class Sure(nn.Module):
        def forward(self, canvases: Tensor) -> Tensor:
            read.append(canvases)
            return nn.functional.one_hot(torch.zeros(len(canvases), dtype=torch.long), 10) * 20.0

    one = split.pictures[:1]
    learned, _ = Unlabelled(replace(RECIPE, augmentation=0.6), one, CPU).labelled_by(Sure(), Generator().manual_seed(0))

    def distance(canvases: Tensor) -> float:
        return float((canvases.float() - torch.from_numpy(one).float()).abs().mean())

    assert 0 < distance(read[0]) < 0.7 * distance(learned)


@pytest.mark.parametrize(
    ("recipe", "canvases", "message"),
    [
        (replace(RECIPE, ema=0.0), np.zeros((2, 28, 28), dtype=np.uint8), "give --ema, as 0.99"),
        (RECIPE, np.zeros((0, 28, 28), dtype=np.uint8), "there are no pictures without a label"),
    ],
)
def test_what_is_missing_is_said(recipe: object, canvases: np.ndarray, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        Unlabelled(recipe, canvases, CPU)  # type: ignore[arg-type]


def test_a_training_with_unlabelled_pictures_is_the_same_every_time(split: mnist.Split, tmp_path: Path) -> None:
    recipe = replace(RECIPE, epochs=2, sure=0.11)
    ends = [Trainer(recipe, split, split, unlabelled=split.pictures).run(tmp_path / str(i), resume=False) for i in range(2)]
    assert ends[0].best_accuracy == ends[1].best_accuracy
    for name, value in ends[0].best_weights.items():
        assert torch.equal(value, ends[1].best_weights[name])


def test_a_training_without_a_share_of_them_leaves_them_alone(split: mnist.Split) -> None:
    assert Trainer(replace(RECIPE, unlabelled=0.0), split, split, unlabelled=split.pictures).unlabelled is None


def test_few_labels_are_as_many_of_each_digit(mnist_test: mnist.Split) -> None:
    few = choose(mnist_test, 4, seed=1)
    assert np.bincount(few.labels).tolist() == [4] * 10
    assert choose(mnist_test, 4, seed=1).sha256() == few.sha256() != choose(mnist_test, 4, seed=2).sha256()
    with pytest.raises(mnist.DataError, match="of each digit are asked for"):
        choose(mnist_test.take(slice(20)), 40, seed=0)


def test_the_averaged_net_reads_them(split: mnist.Split, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = Trainer(RECIPE, split, split, unlabelled=split.pictures)
    assert trainer.unlabelled is not None
    asked: list[nn.Module] = []

    def nothing(net: nn.Module, draw: Generator) -> tuple[Tensor, Tensor]:
        asked.append(net)
        return torch.zeros(0, 28, 28, dtype=torch.uint8), torch.zeros(0, dtype=torch.long)

    monkeypatch.setattr(trainer.unlabelled, "labelled_by", nothing)
    trainer.epoch()
    assert set(map(id, asked)) == {id(trainer.served_net())}
