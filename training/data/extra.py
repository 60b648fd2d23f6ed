"""Other sets of digits that the user has on disk, as torchvision reads them: USPS, SVHN, EMNIST and QMNIST. None is downloaded.

torchvision takes longer to import than torch itself, and every training imports this module: the readers import it when they are called.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from digitkit.errors import BlankPicture
from digitkit.readers.digits.canvas import to_canvas
from training.data.mnist import DataError, Split

Read = Callable[[Path], tuple[NDArray[np.uint8], NDArray[np.int64]]]  # grey pictures (N, H, W) of any polarity, labels (N,)
# What torchvision's readers raise for a file that is not what its name says.
READER_FAULTS = (OSError, EOFError, RuntimeError, ValueError, TypeError, IndexError, AssertionError)


class Source(NamedTuple):
    """A set of digits.

    Attributes:
        files: its files, by their paths below the data root.
        read: reads its training pictures from the data root.
        shares_writers: whether writers of MNIST's test pictures wrote some of it.
    """

    files: tuple[str, ...]
    read: Read
    shares_writers: bool


def load(name: str, root: Path) -> Split:
    """The training pictures of the set `name` as canvases, without the blank ones.

    Raises:
        DataError: an unknown set, or one that is not in `root` or is damaged.
    """
    if name not in SETS:
        raise DataError(f"unknown set {name!r}; there are {', '.join(SETS)}")
    source = SETS[name]
    missing = [file for file in source.files if not (root / file).is_file()]
    if missing:
        raise DataError(f"{name} is not on this machine: {root / missing[0]} is missing; put it there, it is never downloaded")
    try:
        pictures, labels = source.read(root)
    except READER_FAULTS as err:
        raise DataError(f"{name} in {root} is damaged ({type(err).__name__}: {err}); replace {' and '.join(source.files)}") from err
    split = _to_canvases(name, pictures, labels)
    print(f"added {len(split):,} pictures of {name}, {len(labels) - len(split):,} blank ones left out", flush=True)
    if source.shares_writers:
        print(f"note: {name} shares writers with MNIST's test pictures, which then no longer measure unseen handwriting", flush=True)
    return split


def _to_canvases(name: str, pictures: NDArray[np.uint8], labels: NDArray[np.int64]) -> Split:
    canvases, kept = [], []
    for i, picture in enumerate(tqdm(pictures, desc=name, unit=" pictures", leave=False, disable=None)):
        try:
            canvases.append(to_canvas(picture))
            kept.append(i)
        except BlankPicture:
            continue
    if not canvases:
        raise DataError(f"{name} holds no picture with ink")
    return Split(np.stack(canvases), labels[kept])


def _usps(root: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    from torchvision.datasets import USPS

    dataset = USPS(root, train=True)
    return dataset.data, np.array(dataset.targets, dtype=np.int64)


def _svhn(root: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    from torchvision.datasets import SVHN

    dataset = SVHN(root, split="train")  # data (N, 3, 32, 32), with parts of the neighbouring digits
    grey = [cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY) for picture in dataset.data.transpose(0, 2, 3, 1)]
    return np.stack(grey).astype(np.uint8), dataset.labels


def _emnist(root: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    from torchvision.datasets import EMNIST

    dataset = EMNIST(root, split="digits", train=True)
    return dataset.data.numpy().transpose(0, 2, 1), dataset.targets.numpy()  # its files hold columns where MNIST's hold rows


def _qmnist(root: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The 50,000 pictures that MNIST left out; all others of QMNIST are MNIST's own, its test pictures among them."""
    from torchvision.datasets import QMNIST

    dataset = QMNIST(root, what="test50k")
    return dataset.data.numpy(), dataset.targets[:, 0].numpy()


SETS = {
    "usps": Source(("usps.bz2",), _usps, shares_writers=False),
    "svhn": Source(("train_32x32.mat",), _svhn, shares_writers=False),
    "emnist": Source(
        ("EMNIST/raw/emnist-digits-train-images-idx3-ubyte", "EMNIST/raw/emnist-digits-train-labels-idx1-ubyte"),
        _emnist,
        shares_writers=True,
    ),
    "qmnist": Source(("QMNIST/raw/qmnist-test-images-idx3-ubyte", "QMNIST/raw/qmnist-test-labels-idx2-int"), _qmnist, shares_writers=True),
}
