"""The scenes that an eye is trained on, in memory."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from digitkit.pictures.look import LOOK_PX
from training.data import mnist
from training.drawn.parts import Columns, draw_parts
from training.scenes.composing import Composer


class Scenes(torch.utils.data.Dataset[tuple[Tensor, Tensor, Tensor, Tensor]]):
    """N scenes: looks and inks uint8 (N, 64, 64), kinds and digits int64 (N,)."""

    def __init__(self, parts: list[Path]) -> None:
        columns = [np.load(part) for part in parts]
        self.looks, self.inks, self.kinds, self.digits = (
            torch.from_numpy(np.concatenate([part[name] for part in columns])) for name in ("looks", "inks", "kinds", "digits")
        )

    def __len__(self) -> int:
        return len(self.looks)

    def take(self, chosen: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.looks[chosen], self.inks[chosen], self.kinds[chosen], self.digits[chosen]

    def steps(self, size: int) -> int:
        return math.ceil(len(self) / size)

    def batches(self, size: int, seed: int) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
        """One pass over the scenes in an order drawn from the seed, every look in one of the two polarities."""
        draw = torch.Generator().manual_seed(seed)
        for chosen in torch.randperm(len(self), generator=draw).split(size):
            looks, inks, kinds, digits = self.take(chosen)
            is_inverted = torch.rand(len(looks), 1, 1, generator=draw) < 0.5
            yield torch.where(is_inverted, 255 - looks, looks), inks, kinds, digits


def draw_scenes(folder: Path, count: int, seed: int, *, data_root: Path, is_validation: bool = False) -> Scenes:
    """`count` scenes; the arguments are those of draw_parts."""
    return Scenes(draw_parts(folder, count, seed, _drawn, data_root=data_root, is_validation=is_validation))


def _drawn(split: mnist.Split, seed: tuple[int, int], count: int) -> Columns:
    composer = Composer(split, seed)
    looks = np.empty((count, LOOK_PX, LOOK_PX), dtype=np.uint8)
    inks, kinds, digits = np.empty_like(looks), np.empty(count, dtype=np.int64), np.empty(count, dtype=np.int64)
    for i in range(count):
        looks[i], inks[i], kinds[i], digits[i] = composer.scene()
    return {"looks": looks, "inks": inks, "kinds": kinds, "digits": digits}
