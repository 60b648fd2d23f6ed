"""The sets of real pictures, each in two halves: choices are made on one, the other is quoted.

Each set is an `.npz` file. Its function makes exams of its arrays, by a rule that is fixed here, so that no picture is ever in
both halves, nor another photo of the same cell or another digit of the same cheque. Only people's own pictures have the same hands
in both.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal, TypeVar
from zipfile import BadZipFile

import cv2
import numpy as np
from numpy.typing import NDArray

from digitkit.pictures.codec import encode_png
from training.augment.synthetic import NO_DIGIT
from training.data.mnist import Split
from training.evaluate.exams.exam import Exam

Arrays = dict[str, NDArray[np.generic]]
Half = Literal["quoted", "development"]
T = TypeVar("T")  # an exam, of digits or of numbers

PAGE: Final = (200, 300)  # height and width of the light page that MNIST's digits are pasted on
PAGE_JPEG_QUALITY: Final = 75
BLANK: Final = 10  # the label of an empty sudoku cell; 11 is one with several small candidates
CHEQUE_MARGIN: Final = 0.1  # around the box of a digit on a cheque, as a share of the box's sides
MNIST_TEST: Final = {"quoted": "test split", "development": "validation split"}


def on_mnist(split: Split, half: Half) -> Iterator[Exam]:
    """MNIST as it is, and pasted on pages."""
    part = MNIST_TEST[half]
    yield Exam("MNIST", part, [encode_png(canvas) for canvas in split.pictures], split.labels, 0.9963)
    yield Exam("MNIST on pages, JPEG 75", part, on_pages(split.pictures), split.labels, 0.9913)


def on_pages(canvases: NDArray[np.uint8], seed: int = 0) -> list[bytes]:
    """Canvases inverted and pasted at random scale and place on light pages of PAGE, as JPEG files."""
    draw, files = np.random.default_rng(seed), []
    for canvas in canvases:
        side = int(28 * draw.uniform(1, 5))
        digit = cv2.resize(255 - canvas, (side, side), interpolation=cv2.INTER_CUBIC)
        page = np.full(PAGE, 255, dtype=np.uint8)
        top, left = draw.integers(0, PAGE[0] - side + 1), draw.integers(0, PAGE[1] - side + 1)
        page[top : top + side, left : left + side] = digit
        files.append(cv2.imencode(".jpg", cv2.convertScaleAbs(page, alpha=0.9), [cv2.IMWRITE_JPEG_QUALITY, PAGE_JPEG_QUALITY])[1].tobytes())
    return files


def usps(arrays: Arrays, half: Half) -> Iterator[Exam]:
    split = "test" if half == "quoted" else "train"
    yield Exam(
        "USPS",
        f"{split} split",
        [encode_png(picture) for picture in _pictures(arrays, f"x_{split}")],
        _labels(arrays, f"y_{split}"),
        0.9816,
    )


def semeion(arrays: Arrays, half: Half) -> Iterator[Exam]:
    """Every second picture: the shapes in training/augment/pen.py were taken from the development half."""
    pictures = _pictures(arrays, "x")
    chosen = is_in(half, np.arange(len(pictures)))
    files = [encode_png(np.asarray(picture * (255 // picture.max()), dtype=np.uint8)) for picture in pictures[chosen]]
    yield Exam("Semeion", f"{parity(half)} pictures", files, _labels(arrays, "y")[chosen], 0.9694)


def sudoku(arrays: Arrays, half: Half) -> Iterator[Exam]:
    """Every second group of four, since four photos show the same cell."""
    pictures, labels = _pictures(arrays, "x"), _labels(arrays, "y")
    held = is_in(half, np.arange(len(labels)) // 4)
    for name, chosen, goal in (
        ("sudoku cells, digits", held & (labels < BLANK), 0.996),
        ("sudoku cells, blank: not accepted", held & (labels == BLANK), 0.995),
        ("sudoku cells, candidates: not accepted", held & (labels > BLANK), 0.98),
    ):
        truths = np.where(labels[chosen] < BLANK, labels[chosen], NO_DIGIT)
        if len(truths):
            yield Exam(name, f"{parity(half)} groups of four", [encode_png(picture) for picture in pictures[chosen]], truths, goal)


def historical(arrays: Arrays, half: Half) -> Iterator[Exam]:
    files, labels = files_of(arrays), _labels(arrays, "y")
    chosen = np.flatnonzero(is_in(half, np.arange(len(files))))
    yield Exam("historical documents", f"{parity(half)} pictures", [files[i] for i in chosen], labels[chosen], 0.92)


def people(arrays: Arrays, half: Half) -> Iterator[Exam]:
    """Every second picture: half of them are of one source, so that other hands in each half would leave one of them nearly empty."""
    files, labels = files_of(arrays), _labels(arrays, "y")
    chosen = np.flatnonzero(is_in(half, np.arange(len(files))))
    yield Exam("people's own pictures", f"{parity(half)} pictures", [files[i] for i in chosen], labels[chosen], 0.99)


def cheques(arrays: Arrays, half: Half) -> Iterator[Exam]:
    """The digits of every second cheque, each cut out by its box with CHEQUE_MARGIN around it."""
    boxes, images, sizes = np.asarray(arrays["boxes"], dtype=np.float64), _pictures(arrays, "images"), _labels(arrays, "hw")
    chosen = boxes[is_in(half, boxes[:, 0].astype(int))]
    files = [encode_png(_cut(images[int(row[0])], row[2:], sizes[int(row[0])])) for row in chosen]
    yield Exam("cheques, digits cut out", f"{parity(half)} cheques", files, chosen[:, 1].astype(int), 0.96)


def letters(name: str) -> Callable[[Arrays, Half], Iterator[Exam]]:
    """Letters, on which nothing was chosen: all of them are quoted."""

    def exams(arrays: Arrays, half: Half) -> Iterator[Exam]:
        if half == "quoted":
            files = [encode_png(picture) for picture in _pictures(arrays, "x")]
            yield Exam(f"{name}: accepted", "all", files, np.full(len(files), NO_DIGIT), None, is_error=True)

    return exams


def is_in(half: Half, groups: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Which pictures are in a half, (N,), by the number of the group that each hangs together with: even ones are development."""
    return np.asarray(groups % 2 == (half == "quoted"))


def parity(half: Half) -> str:
    return "odd" if half == "quoted" else "even"


def _pictures(arrays: Arrays, name: str) -> NDArray[np.uint8]:
    return np.asarray(arrays[name], dtype=np.uint8)


def _labels(arrays: Arrays, name: str) -> NDArray[np.int64]:
    return np.asarray(arrays[name], dtype=np.int64)


def files_of(arrays: Arrays) -> list[bytes]:
    """The encoded pictures of a set that keeps them one after the other."""
    content, ends = _pictures(arrays, "files").tobytes(), _labels(arrays, "offsets").tolist()
    return [content[start:end] for start, end in pairwise(ends)]


def _cut(picture: NDArray[np.uint8], box: NDArray[np.float64], size: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The part of a picture in a box (x, y, width, height), its margin and no more than `size`, the height and width that are filled."""
    corner, sides = box[:2], box[2:]
    (left, top), (right, bottom) = (
        np.rint(edge).astype(int) for edge in (corner - CHEQUE_MARGIN * sides, corner + (1 + CHEQUE_MARGIN) * sides)
    )
    return picture[max(top, 0) : min(bottom, int(size[0])), max(left, 0) : min(right, int(size[1]))]


SETS: Final[dict[str, Callable[[Arrays, Half], Iterator[Exam]]]] = {
    "usps_16x16.npz": usps,
    "semeion_16x16.npz": semeion,
    "sudoku_cells_val_48x48.npz": sudoku,
    "dida_other_3000.npz": historical,
    "cheque_amounts_900.npz": cheques,
    "people_digits_dev.npz": people,
    "notmnist_3000.npz": letters("notMNIST"),
    "omniglot_3000_28x28.npz": letters("Omniglot"),
}


def exams_in(real: Path, sets: Mapping[str, Callable[[Arrays, Half], Iterator[T]]], half: Half, only: str) -> Iterator[T]:
    """Every exam of the sets whose file is in `real`, one after the other, or of those whose file's name has `only` in it.

    Raises:
        ValueError: a file that is damaged or holds other arrays.
    """
    for name, exams_of in sets.items():
        if only not in name:
            continue
        file = real / name
        if not file.is_file():
            print(f"skipped: {name} is not in {real}", file=sys.stderr)
            continue
        try:
            with file.open("rb") as content, np.load(content) as arrays:  # np.load leaves a damaged file open
                yield from exams_of({key: arrays[key] for key in arrays.files}, half)
        except (BadZipFile, KeyError, IndexError, ValueError) as err:
            raise ValueError(f"{file} is not the set of that name: {err}") from err
