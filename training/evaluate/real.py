"""How the served path reads pictures that MNIST never showed: `python -m training.evaluate.real --weights … --real-data …`.

The sets are real pictures that no package ships; a set whose file is absent is skipped, with a line that says so.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from zipfile import BadZipFile

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from torchmetrics.functional.classification import binary_auroc, multiclass_calibration_error

from digitkit.artifacts.card import CardError
from digitkit.contract import Run
from digitkit.errors import DigitError
from digitkit.pictures.codec import decode_picture, encode_png
from digitkit.readers.digits import net
from digitkit.readers.digits.canvas import to_canvases
from digitkit.readers.digits.classify import read, softmax
from digitkit.readers.digits.digit import LABELS, SIDE_PX, Canvas
from digitkit.settings import Settings, SettingsError
from training.data import mnist
from training.evaluate.served import MODEL_CONFIG

PAGE = (200, 300)  # height and width of the light page that MNIST's digits are pasted on
PAGE_JPEG_QUALITY = 75
BLANK = 10  # the label of an empty sudoku cell; 11 is one with several small candidates
REPORT = "real.json"
ECE_BINS = 15


@dataclass(frozen=True, slots=True)
class Readings:
    """What was read in N pictures.

    Attributes:
        digits: (N,), -1 where the picture was refused.
        scores: (N,), how likely each is a digit at all, 0 where it was refused.
        probabilities: (N, 10), all 0 where it was refused.
    """

    digits: NDArray[np.int64]
    scores: NDArray[np.float32]
    probabilities: NDArray[np.float32]

    def calibration_error(self, labels: NDArray[np.integer]) -> float:
        """The expected calibration error over ECE_BINS bins of the pictures that were not refused, 0 to 1."""
        read = self.digits >= 0
        truth = torch.from_numpy(labels[read].astype(np.int64))
        return float(multiclass_calibration_error(torch.from_numpy(self.probabilities[read]), truth, len(LABELS), n_bins=ECE_BINS))


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table.

    Attributes:
        value: a share, 0 to 1.
        pictures: how many it was measured on.
        goal: the least that `value` should be, or the most where it is an error.
    """

    name: str
    value: float
    pictures: int
    goal: float
    is_error: bool = False

    @property
    def is_reached(self) -> bool:
        return self.value <= self.goal if self.is_error else self.value >= self.goal


class PictureReader:
    """Reads encoded pictures as a worker does."""

    def __init__(self, run: Run, settings: Settings) -> None:
        self.run, self.settings = run, settings

    def read(self, files: Sequence[bytes]) -> Readings:
        pictures = [self.canvases(file) for file in files]
        good = [i for i, canvases in enumerate(pictures) if canvases]
        digits, scores = np.full(len(files), -1), np.zeros(len(files), dtype=np.float32)
        probabilities = np.zeros((len(files), len(LABELS)), dtype=np.float32)
        if good:
            found = read([pictures[i] for i in good], self.run)
            digits[good], scores[good], probabilities[good] = found.logits.argmax(axis=1), found.scores, softmax(found.logits)
        return Readings(digits, scores, probabilities)

    def accuracy(self, files: Sequence[bytes], labels: NDArray[np.integer]) -> float:
        return float(np.mean(self.read(files).digits == labels))

    def not_accepted(self, files: Sequence[bytes]) -> float:
        """The share of pictures that are refused or not accepted."""
        return float(np.mean(self.read(files).scores < self.settings.min_score))

    def canvas(self, file: bytes) -> Canvas:
        """The canvas that is read of one encoded picture, an empty one where the picture is refused."""
        canvases = self.canvases(file)
        return canvases[read([canvases], self.run).chosen[0]] if canvases else np.zeros((SIDE_PX, SIDE_PX), dtype=np.uint8)

    def canvases(self, file: bytes) -> list[Canvas]:
        """The canvases of one encoded picture, none where it is refused."""
        try:
            return to_canvases(decode_picture(file, self.settings.limits))
        except DigitError:
            return []


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


def figures(reader: PictureReader, test: mnist.Split, real: Path) -> Iterator[Figure]:
    """Every figure whose pictures are at hand, one after the other.

    Raises:
        ValueError: a file that is damaged or holds other arrays.
    """
    canvases = [encode_png(canvas) for canvas in test.pictures]
    direct = float(np.mean(reader.run(test.pictures).argmax(axis=1) == test.labels))
    digits = reader.read(canvases)
    yield Figure("MNIST test, served path", float(np.mean(digits.digits == test.labels)), len(test), direct)
    yield Figure("MNIST test, calibration error", digits.calibration_error(test.labels), len(test), 0.002, is_error=True)
    yield Figure("MNIST test on pages, JPEG 75", reader.accuracy(on_pages(test.pictures), test.labels), len(test), direct - 0.005)
    for name, measure in SETS.items():
        file = real / name
        if not file.is_file():
            print(f"skipped: {name} is not in {real}", file=sys.stderr)
            continue
        try:
            with file.open("rb") as content, np.load(content) as arrays:  # np.load leaves a damaged file open
                yield from measure(reader, {key: arrays[key] for key in arrays.files}, digits.scores)
        except (BadZipFile, KeyError, ValueError) as err:
            raise ValueError(f"{file} is not the set of that name: {err}") from err


def usps(reader: PictureReader, arrays: dict[str, NDArray[np.uint8]], _: NDArray[np.float32]) -> Iterator[Figure]:
    readings, labels = reader.read([encode_png(picture) for picture in arrays["x_test"]]), arrays["y_test"]
    yield Figure("USPS test", float(np.mean(readings.digits == labels)), len(labels), 0.985)
    yield Figure("USPS test, calibration error", readings.calibration_error(labels), len(labels), 0.015, is_error=True)


def semeion(reader: PictureReader, arrays: dict[str, NDArray[np.uint8]], _: NDArray[np.float32]) -> Iterator[Figure]:
    """Every second picture: the shapes in training/augment/pen.py were taken from the other half."""
    pictures, labels = arrays["x"][1::2], arrays["y"][1::2]
    files = [encode_png(np.asarray(picture * (255 // picture.max()), dtype=np.uint8)) for picture in pictures]
    yield Figure("Semeion", reader.accuracy(files, labels), len(files), 0.97)


def sudoku(reader: PictureReader, arrays: dict[str, NDArray[np.uint8]], _: NDArray[np.float32]) -> Iterator[Figure]:
    """Every second group of four photos: the canvas was developed on the other half."""
    labels = arrays["y"]
    held_out = np.arange(len(labels)) // 4 % 2 == 1
    for name, chosen, goal in (
        ("sudoku cells, digits", held_out & (labels < BLANK), 0.99),
        ("sudoku cells, blank: not accepted", held_out & (labels == BLANK), 0.99),
        ("sudoku cells, candidates: not accepted", held_out & (labels > BLANK), 0.98),
    ):
        files = [encode_png(picture) for picture in arrays["x"][chosen]]
        if not files:
            continue
        value = reader.not_accepted(files) if "accepted" in name else reader.accuracy(files, labels[chosen])
        yield Figure(name, value, len(files), goal)


def letters(name: str, goal: float) -> Callable[[PictureReader, dict[str, NDArray[np.uint8]], NDArray[np.float32]], Iterator[Figure]]:
    """How well the score tells letters from MNIST's test digits: the area under the ROC curve."""

    def measure(reader: PictureReader, arrays: dict[str, NDArray[np.uint8]], digits: NDArray[np.float32]) -> Iterator[Figure]:
        scores = reader.read([encode_png(picture) for picture in arrays["x"]]).scores
        truth = torch.cat([torch.ones(len(digits)), torch.zeros(len(scores))]).long()
        area = binary_auroc(torch.from_numpy(np.concatenate([digits, scores])), truth)
        yield Figure(f"{name} against MNIST, AUROC", float(area), len(scores), goal)

    return measure


SETS = {
    "usps_16x16.npz": usps,
    "semeion_16x16.npz": semeion,
    "sudoku_cells_val_48x48.npz": sudoku,
    "notmnist_3000.npz": letters("notMNIST", 0.985),
    "omniglot_3000_28x28.npz": letters("Omniglot", 0.985),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="training.evaluate.real", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--real-data", type=Path, required=True, help="the folder with the sets, each an .npz file")
    parser.add_argument("--out", type=Path, required=True, help=f"the report's folder, which gets {REPORT}")
    parser.add_argument("--data-root", type=Path, default=mnist.DATA_ROOT)
    flags = parser.parse_args()
    try:
        reader = PictureReader(net.as_run(net.read(flags.weights), torch.device("cpu")), Settings.read(MODEL_CONFIG))
        table = Table("set", "figure", "goal", "pictures", title=f"{flags.weights} on real pictures")
        found = []
        for figure in figures(reader, mnist.load_test(flags.data_root), flags.real_data):
            found.append(figure)
            reached = "✓" if figure.is_reached else "✗"
            table.add_row(figure.name, f"{figure.value:.2%} {reached}", f"{figure.goal:.2%}", f"{figure.pictures:,}")
    except (CardError, SettingsError, ValueError, OSError, mnist.DataError) as err:
        sys.exit(f"{parser.prog}: {err}")
    flags.out.mkdir(parents=True, exist_ok=True)
    (flags.out / REPORT).write_text(json.dumps([asdict(figure) for figure in found], indent=2) + "\n")
    Console(highlight=False).print(table)


if __name__ == "__main__":
    main()
