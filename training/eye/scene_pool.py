"""The scenes that an eye is trained on: drawn by several processes, kept on disk in parts, so that a killed training draws none twice."""

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from digitkit.pictures.look import LOOK_PX
from training.data import mnist
from training.scenes.composing import Composer

PART = 10_000  # scenes of one file
VALIDATION = 1_000_000  # what is added to a part's number to make the seed of validation's parts


class Scenes(torch.utils.data.Dataset[tuple[Tensor, Tensor, Tensor, Tensor]]):
    """N scenes in memory: looks and inks uint8 (N, 64, 64), kinds and digits int64 (N,)."""

    def __init__(self, parts: list[Path]) -> None:
        columns = [np.load(part) for part in parts]
        self.looks, self.inks, self.kinds, self.digits = (
            torch.from_numpy(np.concatenate([part[name] for part in columns])) for name in ("looks", "inks", "kinds", "digits")
        )

    def __len__(self) -> int:
        return len(self.looks)

    def take(self, chosen: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.looks[chosen], self.inks[chosen], self.kinds[chosen], self.digits[chosen]


def draw_scenes(folder: Path, count: int, seed: int, *, data_root: Path, is_validation: bool = False) -> Scenes:
    """`count` scenes, rounded up to whole parts; those that `folder` holds already are read from there.

    Args:
        is_validation: whether the digits are those of MNIST's validation split, by other writers than the training's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    first = VALIDATION if is_validation else 0
    numbers = [first + number for number in range(-(-count // PART))]
    parts = [folder / f"{'validation' if is_validation else 'training'}-{seed}-{number}.npz" for number in numbers]
    missing = [(part, data_root, (seed, number), is_validation) for part, number in zip(parts, numbers, strict=True) if not part.exists()]
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        for _ in tqdm(processes.map(_draw_part, missing), total=len(missing), desc="scenes", unit=" parts", disable=not missing):
            pass
    return Scenes(parts)


def _draw_part(task: tuple[Path, Path, tuple[int, int], bool]) -> None:
    """Draw one part and leave it at its path, whole or not at all."""
    path, data_root, seed, is_validation = task
    cv2.setNumThreads(1)
    composer = Composer(mnist.load_train(data_root)[is_validation], seed)
    looks = np.empty((PART, LOOK_PX, LOOK_PX), dtype=np.uint8)
    inks, kinds, digits = np.empty_like(looks), np.empty(PART, dtype=np.int64), np.empty(PART, dtype=np.int64)
    for i in range(PART):
        looks[i], inks[i], kinds[i], digits[i] = composer.scene()
    staged = path.with_suffix(".part")
    with staged.open("wb") as file:
        np.savez(file, looks=looks, inks=inks, kinds=kinds, digits=digits)
    staged.replace(path)


def batches(scenes: Scenes, size: int, seed: int) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """One pass over the scenes in an order drawn from the seed, every look in one of the two polarities."""
    draw = torch.Generator().manual_seed(seed)
    for chosen in torch.randperm(len(scenes), generator=draw).split(size):
        looks, inks, kinds, digits = scenes.take(chosen)
        is_inverted = torch.rand(len(looks), 1, 1, generator=draw) < 0.5
        yield torch.where(is_inverted, 255 - looks, looks), inks, kinds, digits
