"""What scoring costs: `python -m scoring.sizing` prints core-hours a million pictures, and how near they are to the model alone.

Each round scores the same pictures from a Parquet file to a Parquet file, and then runs the bare graphs on the same arrays, on one
thread of one process. Processor time is counted, so other work on the machine disturbs the figures little.

Exit code 0: the goal is reached. 3: it is missed.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from digitkit.pictures.codec import encode_png
from digitkit.readers.digits.reader import Net
from digitkit.settings import Settings
from scoring.answer_files import AnswerFiles
from scoring.portions import find_portions, open_place
from scoring.run import CONFIG, WEIGHTS
from scoring.scorer import Scorer
from scoring.source_pictures import read_pictures
from testbed.command import EXIT_FAILED, ending
from testbed.flags import positive
from testbed.pictures import DATA_ROOT, load_canvases

LEAST_RATIO = 0.8  # of the bare graphs' speed on canvases, which cost the graphs least
PHOTO_PX, DIGIT_PX, QUALITY = 256, 140, 85
DIFFERENT = 500  # photographs; the same ones come again and again

Call = tuple[Callable[[Any], Any], NDArray[np.uint8]]  # a graph, and what it was given


def as_photo(canvas: NDArray[np.uint8], rng: np.random.Generator) -> bytes:
    """A JPEG of a digit in ink on paper that is lit from one side."""
    paper = np.tile(np.linspace(150, 230, PHOTO_PX), (PHOTO_PX, 1)) + rng.normal(0, 4, (PHOTO_PX, PHOTO_PX))
    x, y = rng.integers(0, PHOTO_PX - DIGIT_PX, 2)
    ink = cv2.resize(canvas, (DIGIT_PX, DIGIT_PX), interpolation=cv2.INTER_CUBIC)
    paper[y : y + DIGIT_PX, x : x + DIGIT_PX] *= 1 - 0.7 * ink / 255
    return bytes(cv2.imencode(".jpg", paper.clip(0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1])


def recording(graph: Callable[[Any], Any], calls: list[Call]) -> Callable[[Any], Any]:
    """A graph that notes what it is given."""

    def call(arrays: NDArray[np.uint8]) -> Any:
        calls.append((graph, arrays))
        return graph(arrays)

    return call


def recorded(scorer: Scorer, source: Path, out: Path) -> list[Call]:
    """The calls of the graphs that scoring a file takes."""
    calls: list[Call] = []
    net = scorer.loaded
    assert isinstance(net, Net), "sizes are those of the reader of digits"
    run, eye = recording(net.backend.run, calls), recording(net.eye, calls)
    scorer.loaded = replace(net, backend=replace(net.backend, run=run), eye=eye)
    score(scorer, source, out)
    scorer.loaded = net
    return calls


def score(scorer: Scorer, source: Path, out: Path) -> float:
    """Seconds of the processor that scoring a file takes, from its bytes to the written answers."""
    files, _ = open_place(str(source))
    started = time.process_time()
    for number, portion in enumerate(find_portions(str(source))):
        AnswerFiles(str(out)).write(number, scorer.score(read_pictures(files, portion, "image")))
    return time.process_time() - started


def bare(calls: Sequence[Call]) -> float:
    """Seconds of the processor that the graphs take alone."""
    started = time.process_time()
    for graph, arrays in calls:
        graph(arrays)
    return time.process_time() - started


def measure(scorer: Scorer, kinds: dict[str, list[bytes]], count: int, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """By kind of picture, the seconds of each round: of scoring, and of the bare graphs."""
    with tempfile.TemporaryDirectory() as folder:
        out, sources = Path(folder, "out"), {kind: Path(folder, f"{number}.parquet") for number, kind in enumerate(kinds)}
        out.mkdir()
        for kind, source in sources.items():
            pq.write_table(pa.table({"image": [*islice(cycle(kinds[kind]), count)]}), source, row_group_size=1000)
        calls = {kind: recorded(scorer, source, out) for kind, source in sources.items()}
        return {kind: [(score(scorer, source, out), bare(calls[kind])) for _ in range(rounds)] for kind, source in sources.items()}


def main() -> int:
    """Measure, and return the exit code."""
    parser = argparse.ArgumentParser(prog="scoring.sizing", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--pictures", type=positive, default="10000", help="of each kind, in each round")
    parser.add_argument("--rounds", type=positive, default="3")
    parser.add_argument("--data-root", type=Path, default=DATA_ROOT, help="the folder that holds MNIST/raw")
    flags = parser.parse_args()
    canvases, rng = load_canvases(flags.data_root).pictures, np.random.default_rng(0)
    kinds = {"PNG, 28 x 28, a canvas": [encode_png(each) for each in canvases]}
    kinds[f"JPEG, {PHOTO_PX} x {PHOTO_PX}, a digit on paper"] = [as_photo(each, rng) for each in canvases[:DIFFERENT]]
    rows = measure(Scorer(flags.weights, Settings.read(CONFIG)), kinds, flags.pictures, flags.rounds)
    ratios = {kind: statistics.median(alone / whole for whole, alone in turns) for kind, turns in rows.items()}
    print("| picture | pictures/s of one core | core-hours a million | speed, of the bare graphs' |\n|---|---|---|---|")
    for kind, turns in rows.items():
        each_s = statistics.median(whole for whole, _ in turns) / flags.pictures
        print(f"| {kind} | {1 / each_s:,.0f} | {each_s * 1e6 / 3600:.2f} | {ratios[kind]:.2f} |")
    return 0 if next(iter(ratios.values())) >= LEAST_RATIO else EXIT_FAILED


if __name__ == "__main__":
    with ending("scoring.sizing"):
        sys.exit(main())
