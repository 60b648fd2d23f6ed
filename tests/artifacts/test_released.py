"""The released weights: a file and a card that anyone can serve without training."""

import subprocess

import numpy as np
import pytest
import torch
from conftest import ROOT

from digitkit.artifacts.card import check_card
from digitkit.readers.digits import net
from training.data import mnist

RELEASED = ROOT / "training" / "released" / "digits.pt"


def test_released_weights_are_small_and_match_their_card() -> None:
    assert RELEASED.stat().st_size < 4_000_000
    card = check_card(RELEASED)
    assert card.parameters == sum(parameter.numel() for parameter in net.read(RELEASED).parameters()) <= 500_000
    assert card.accuracy["seeds"] >= 3


def test_shipped_weights_are_exported_and_served_without_training() -> None:
    planned = subprocess.run(["make", "-n", "run", "WEIGHTS=shipped"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "--weights training/released/digits.pt" in planned
    assert "training.train" not in planned


@pytest.mark.slow
def test_released_weights_read_the_test_split_as_their_card_says(mnist_test: mnist.Split) -> None:
    run = net.as_run(net.read(RELEASED), torch.device("cpu"))
    digits = np.concatenate([run(batch) for batch in np.array_split(mnist_test.pictures, 20)]).argmax(axis=1)
    assert float(np.mean(digits == mnist_test.labels)) == pytest.approx(check_card(RELEASED).accuracy["test"], abs=1e-4)
