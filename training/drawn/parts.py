"""Drawn pictures on disk, in parts that several processes draw, so that a killed training draws none twice."""

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from training.data import mnist

PART = 10_000  # pictures of one file, where nothing else is said
VALIDATION = 1_000_000  # what is added to a part's number to make the seed of validation's parts

Columns = dict[str, NDArray[np.generic]]


class Draft(NamedTuple):
    """A part that is to be drawn.

    Attributes:
        draw: makes so many pictures of a split of MNIST from a seed; it must be a function of a module, since other processes call it.
        is_validation: whether the digits are those of MNIST's validation split, by other writers than the training's.
        pictures: how many are drawn.
    """

    path: Path
    draw: Callable[[mnist.Split, tuple[int, int], int], Columns]
    seed: tuple[int, int]
    data_root: Path
    is_validation: bool
    pictures: int


def draw_parts(
    folder: Path,
    count: int,
    seed: int,
    draw: Callable[[mnist.Split, tuple[int, int], int], Columns],
    *,
    data_root: Path,
    is_validation: bool = False,
    part: int | None = None,
) -> list[Path]:
    """The files of `count` pictures, rounded up to whole parts; those that `folder` holds already are left as they are.

    Args:
        draw, is_validation: as Draft has them.
        part: pictures of one file, None for PART.
    """
    folder.mkdir(parents=True, exist_ok=True)
    size = part or PART
    first, kind = (VALIDATION, "validation") if is_validation else (0, "training")
    numbers = range(first, first - (-count // size))
    drafts = [Draft(folder / f"{kind}-{seed}-{number}.npz", draw, (seed, number), data_root, is_validation, size) for number in numbers]
    missing = [draft for draft in drafts if not draft.path.exists()]
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        for _ in tqdm(processes.map(_draw, missing), total=len(missing), desc="drawing", unit=" parts", disable=not missing):
            pass
    return [draft.path for draft in drafts]


def _draw(draft: Draft) -> None:
    """Draw one part and leave it at its path, whole or not at all."""
    cv2.setNumThreads(1)
    split = mnist.load_train(draft.data_root)[draft.is_validation]
    staged = draft.path.with_suffix(".part")
    with staged.open("wb") as file:
        np.savez(file, allow_pickle=False, **draft.draw(split, draft.seed, draft.pictures))
    staged.replace(draft.path)
