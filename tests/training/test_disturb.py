"""Disturbances of canvases."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.nn import functional

from training.augment.disturb import AMOUNTS, WAYS, _hollow, disturb


@pytest.fixture
def canvases(ten_digits: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(ten_digits).repeat(6, 1, 1)


def drawn(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def test_a_share_of_the_canvases_is_disturbed_and_the_others_are_as_they_were(canvases: Tensor) -> None:
    spoilt = disturb(canvases, 0.5, drawn())
    assert spoilt.dtype == torch.uint8
    changed = (spoilt != canvases).flatten(1).any(dim=1)
    assert not changed[30:].any()
    assert changed[:30].float().mean() > 0.8


def test_no_share_disturbs_nothing(canvases: Tensor) -> None:
    assert disturb(canvases, 0.0, drawn()) is canvases


def test_one_seed_disturbs_alike_and_another_otherwise(canvases: Tensor) -> None:
    first, again, other = (disturb(canvases, 0.9, drawn(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("way", WAYS, ids=[way.__name__.strip("_") for way in WAYS])
def test_a_disturbed_digit_is_still_like_itself(way: type, canvases: Tensor) -> None:
    x = canvases.float()
    spoilt = way(x, torch.rand((AMOUNTS, len(x), 1, 1), generator=drawn()), drawn()).clamp(0, 255)
    # An outline is beside the stroke that it is of: only from afar do the two lie in one place.
    seen = [functional.avg_pool2d(pictures, 4) if way is _hollow else pictures for pictures in (x, spoilt)]
    alike = [np.corrcoef(a.flatten(), b.flatten())[0, 1] for a, b in zip(*seen, strict=True)]
    assert np.median(alike) > 0.5
    assert (spoilt != x).flatten(1).any(dim=1).float().mean() > 0.8
