"""How a model reads MNIST's test pictures under fifteen corruptions: `python -m training.evaluate.corrupted --weights …`.

Each corruption is read twice: as a worker reads it, from a PNG file through to_canvases, and by the net alone. The
difference is what the search for the digit in the picture costs or gains.
"""

import argparse
import csv
import json
import os
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from digitkit.artifacts.card import CardError, check_card
from digitkit.contract import Run
from digitkit.pictures.codec import encode_png
from digitkit.readers.digits import net
from digitkit.settings import Settings, SettingsError
from training.data import mnist
from training.evaluate.corruptions import CORRUPTIONS, corrupt
from training.evaluate.picture_reader import PictureReader
from training.evaluate.plots import examples_figure, to_png
from training.evaluate.served import MODEL_CONFIG, released_eye

REPORTS = Path("reports")
REPORT, TABLE, SHEET = "corruptions.json", "corruptions.csv", "corruptions.png"
EXAMPLES = 10  # pictures of each corruption on the sheet
CLEAN = "clean"  # the first line of the table, which the mean leaves out
BATCH = 128  # on one core a net reads 5,500 pictures/s in batches of 128, 4,000 in batches of 1,000


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: shares of the pictures, from 0 to 1.

    Attributes:
        served: read right by the served path; a refused picture is wrong.
        direct: read right by the net alone, which is given the corrupted picture as the canvas.
        refused: answered with an error.
    """

    name: str
    served: float
    direct: float
    refused: float


def measure(name: str, test: mnist.Split, run: Run, settings: Settings, *, seed: int) -> Figure:
    """Read the test pictures under the corruption `name`, or as they are for CLEAN."""
    pictures = test.pictures if name == CLEAN else corrupt(name, test.pictures, seed)
    served = PictureReader(run, settings, released_eye()).read([encode_png(picture) for picture in pictures]).digits
    direct = run(pictures).argmax(axis=1)
    return Figure(name, *(float(np.mean(found)) for found in (served == test.labels, direct == test.labels, served < 0)))


def measure_file(name: str, weights: Path, *, data_root: Path, pictures: int, seed: int) -> Figure:
    """measure() of the net in a weights file, on the first `pictures` test pictures and one thread: the task of one process."""
    torch.set_num_threads(1)
    run = in_batches(net.as_run(net.read(weights), torch.device("cpu")))
    return measure(name, mnist.load_test(data_root).take(slice(pictures)), run, Settings.read(MODEL_CONFIG), seed=seed)


def in_batches(run: Run) -> Run:
    """A Run that calls `run` with BATCH canvases at a time."""

    def batched(canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.concatenate([run(canvases[start : start + BATCH]) for start in range(0, len(canvases), BATCH)])

    return batched


def mean(figures: Iterable[Figure]) -> Figure:
    """The mean of the corruptions' figures."""
    rows = [(figure.served, figure.direct, figure.refused) for figure in figures if figure.name != CLEAN]
    return Figure(f"mean of {len(rows)}", *(float(np.mean(column)) for column in zip(*rows, strict=True)))


def line(figure: Figure) -> str:
    """One line of the table for a console."""
    return f"{figure.name:>14} {figure.served:>8.2%} {figure.direct:>8.2%} {figure.refused:>8.2%}"


def sheet(figures: Iterable[Figure], test: mnist.Split, reader: PictureReader, *, seed: int) -> bytes:
    """A PNG file with EXAMPLES of each corruption over the canvases that are read, an empty one where a picture is refused."""
    panels = []
    for figure in figures:
        examples = test.pictures[:EXAMPLES]
        pictures = examples if figure.name == CLEAN else corrupt(figure.name, examples, seed)
        canvases = [reader.canvas(encode_png(picture)) for picture in pictures]
        panels.append((f"{figure.name}: served {figure.served:.2%}, direct {figure.direct:.2%}", list(pictures), canvases))
    return to_png(examples_figure(panels))


def write(figures: list[Figure], folder: Path, *, weights: Path, pictures: int, seed: int) -> None:
    """Leave REPORT and TABLE in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [asdict(figure) for figure in figures]
    facts = {"weights": str(weights), "sha256": check_card(weights).sha256, "pictures": pictures, "seed": seed}
    text = json.dumps({**facts, "corruptions": rows, "mean": asdict(mean(figures))}, indent=2)
    (folder / REPORT).write_text(text + "\n")
    with (folder / TABLE).open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="training.evaluate.corrupted", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path, required=True, help="digits.pt of a run, with its card beside it")
    parser.add_argument("--out", type=Path, help=f"folder of {REPORT}, {TABLE} and {SHEET} (reports/RUN, by the weights' own folder)")
    parser.add_argument("--pictures", type=int, default=10_000, help="number of test pictures to read, from the first on (10000)")
    parser.add_argument("--seed", type=int, default=0, help="of everything random in the corruptions (0)")
    parser.add_argument("--data-root", type=Path, default=mnist.DATA_ROOT, help="folder that holds MNIST/raw, or will")
    flags = parser.parse_args()
    if flags.pictures < 1 or flags.seed < 0:
        sys.exit(f"{parser.prog}: --pictures is {flags.pictures} and --seed {flags.seed}; at least 1 and at least 0 are accepted")
    try:
        check_card(flags.weights)
        test = mnist.load_test(flags.data_root).take(slice(flags.pictures))
        task = partial(measure_file, weights=flags.weights, data_root=flags.data_root, pictures=len(test), seed=flags.seed)
        print(f"{flags.weights} on {len(test):,} test pictures\n{'corruption':>14} {'served':>8} {'direct':>8} {'refused':>8}")
        figures = []
        # Forked while torch is imported but has started no thread, so that no process pays for the import again.
        with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("fork")) as pool:
            for figure in pool.map(task, [CLEAN, *CORRUPTIONS]):
                print(line(figure), flush=True)
                figures.append(figure)
        print(line(mean(figures)))
        folder = flags.out or REPORTS / flags.weights.parent.name
        write(figures, folder, weights=flags.weights, pictures=len(test), seed=flags.seed)
        reader = PictureReader.of(flags.weights)
        (folder / SHEET).write_bytes(sheet(figures, test, reader, seed=flags.seed))
        print(f"pictures {folder / SHEET}")
    except (CardError, SettingsError, OSError, ValueError, mnist.DataError) as err:
        sys.exit(f"{parser.prog}: {err}")


if __name__ == "__main__":
    main()
