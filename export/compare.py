"""Compare accuracy, size and speed of weights files: `python -m export.compare --weights A B C` prints one table.

Each net is exported and checked as for serving, and its graph is timed on one thread of ONNX Runtime. Every round measures
all nets in turn, so that a machine that slows down affects all of them; the figure is the median of the rounds.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from digitkit.artifacts.card import CardError
from digitkit.contract import Run
from digitkit.readers.digits import net, ort
from digitkit.settings import Settings, SettingsError
from export.errors import ExportError
from export.to_onnx import GRAPH, to_onnx
from training.data import mnist
from training.evaluate.cost import multiply_adds
from training.evaluate.served import MODEL_CONFIG, served_accuracy

ROUNDS = 15
ROUND_PICTURES = 2_048
BATCH = 32


@dataclass(frozen=True, slots=True)
class WeightsRow:
    """One net: its test accuracy (0 to 1), its size, and its speed."""

    weights: Path
    architecture: str
    accuracy: float
    parameters: int
    multiply_adds: int  # a picture
    pictures_per_s: float

    def cells(self) -> list[str]:
        size = f"{self.parameters:,}", f"{self.multiply_adds / 1e6:.2f} M"
        return [str(self.weights), self.architecture, f"{self.accuracy:.2%}", *size, f"{self.pictures_per_s:,.0f}"]


def speeds(runs: Sequence[Run], pictures: NDArray[np.uint8], *, batch: int, rounds: int) -> list[float]:
    """Pictures a second of each run, as the median of the rounds after an uncounted warm-up round."""
    batches = [pictures[start : start + batch] for start in range(0, len(pictures), batch)]
    seconds: list[list[float]] = [[] for _ in runs]
    for _ in range(rounds + 1):
        for own, run in zip(seconds, runs, strict=True):
            began = time.perf_counter()
            for canvases in batches:
                run(canvases)
            own.append(time.perf_counter() - began)
    return [len(pictures) / statistics.median(own[1:]) for own in seconds]


def compare(weights: Sequence[Path], *, data_root: Path, batch: int, rounds: int) -> list[WeightsRow]:
    """One row for each weights file, in their order.

    Raises:
        CardError: a file does not match its card.
        ExportError: a graph whose answers are not those of PyTorch.
    """
    settings, test = Settings.read(MODEL_CONFIG), mnist.load_test(data_root)
    nets = [net.read(path) for path in weights]
    with tempfile.TemporaryDirectory() as scratch:
        graphs = [Path(scratch) / str(i) / GRAPH for i in range(len(weights))]
        for path, graph in zip(weights, graphs, strict=True):
            to_onnx(path, graph, data_root=data_root)
        runs = [ort.load(graph, device="cpu").run for graph in graphs]
        fast = speeds(runs, test.pictures[:ROUND_PICTURES], batch=batch, rounds=rounds)
        return [
            WeightsRow(
                path,
                model.architecture,
                served_accuracy(test.pictures, test.labels, run, settings),
                sum(parameter.numel() for parameter in model.parameters()),
                multiply_adds(model),
                speed,
            )
            for path, model, run, speed in zip(weights, nets, runs, fast, strict=True)
        ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="export.compare", description=__doc__.partition("\n")[0])
    parser.add_argument("--weights", type=Path, nargs="+", required=True, help="weights files with their cards")
    parser.add_argument("--batch", type=int, default=BATCH, help="pictures a call (%(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"timed rounds of {ROUND_PICTURES:,} pictures (%(default)s)")
    parser.add_argument("--data-root", type=Path, default=mnist.DATA_ROOT, help="folder that holds MNIST/raw, or will")
    flags = parser.parse_args()
    if flags.batch < 1 or flags.rounds < 1:
        parser.error("--batch and --rounds must be 1 or more")
    try:
        rows = compare(flags.weights, data_root=flags.data_root, batch=flags.batch, rounds=flags.rounds)
    except (CardError, ExportError, SettingsError, ValueError, OSError, mnist.DataError) as err:
        sys.exit(f"{parser.prog}: {err}")
    table = Table("weights", "architecture", "MNIST test", "parameters", "multiply-adds", "pictures/s")
    for row in rows:
        table.add_row(*row.cells())
    table.caption = f"test pictures through the served path; ONNX Runtime on one thread, batches of {flags.batch}, median of {flags.rounds}"
    Console(highlight=False, markup=False).print(table)


if __name__ == "__main__":
    main()
