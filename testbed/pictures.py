"""MNIST's test pictures, read from the raw idx files: as canvases, and as PNG files, which is how clients send them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitkit.pictures.codec import encode_png

DATA_ROOT = Path("data")
COUNT = 1_000  # accuracy is then known to 0.1 points, and asking them one at a time takes 3 s for each target
SEED = 0
UINT8 = 0x08  # the only type of element that MNIST's idx files have


class PicturesError(Exception):
    """The test pictures are missing or damaged; the message says what to do."""


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """A test picture.

    Attributes:
        png: the encoded file, 28 x 28 px, grey.
        label: the digit it shows, 0 to 9.
    """

    png: bytes
    label: int


@dataclass(frozen=True, slots=True)
class LabelledCanvases:
    """Test pictures in MNIST's own form.

    Attributes:
        pictures: uint8 (N, 28, 28).
        labels: the digits that they show, uint8 (N,).
    """

    pictures: NDArray[np.uint8]
    labels: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.labels)


def load_canvases(root: Path = DATA_ROOT) -> LabelledCanvases:
    """All test pictures below `root`, in MNIST's order.

    Raises:
        PicturesError: a file is missing or is not an idx file, or there are not as many labels as pictures.
    """
    raw = root / "MNIST" / "raw"
    found = LabelledCanvases(read_idx(raw / "t10k-images-idx3-ubyte", axes=3), read_idx(raw / "t10k-labels-idx1-ubyte", axes=1))
    if len(found.pictures) != len(found.labels):
        told = f"{len(found.pictures)} test pictures and {len(found.labels)} labels"
        raise PicturesError(f"{raw} holds {told}; remove it, and make train downloads it again")
    return found


def load_pictures(root: Path = DATA_ROOT, count: int = COUNT) -> list[LabelledPicture]:
    """`count` of the test pictures below `root`, or all if there are fewer; always the same ones in the same order.

    Raises:
        PicturesError: as load_canvases.
    """
    test = load_canvases(root)
    chosen = np.random.default_rng(SEED).permutation(len(test))[:count]
    return [LabelledPicture(encode_png(test.pictures[i]), int(test.labels[i])) for i in chosen]


def read_idx(path: Path, axes: int) -> NDArray[np.uint8]:
    """The array of uint8 with `axes` axes in an idx file: two zeros, type, number of axes, each axis' length, the elements.

    Raises:
        PicturesError: the file is missing, has another type or number of axes, or is too short or too long.
    """
    if not path.is_file():
        raise PicturesError(f"{path} is missing; make train downloads it, or --data-root names the folder that holds MNIST/raw")
    content = path.read_bytes()
    start = 4 + 4 * axes
    shape = [int(length) for length in np.frombuffer(content[4:start], dtype=">u4")] if len(content) >= start else []
    if content[:4] != bytes([0, 0, UINT8, axes]) or len(content) != start + int(np.prod(shape)):
        raise PicturesError(f"{path} is damaged, or not an idx file with {axes} axes; remove its folder, and make train downloads it again")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)
