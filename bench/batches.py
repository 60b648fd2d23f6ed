"""What a batch costs a worker: `python -m bench.batches` compares reading messages with frames.py and with TorchServe's own code.

Both are workers as TorchServe starts them, and are asked in turn over its own protocol, without frontend or network.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.contenders.targets import STORE
from bench.worker import Worker, WorkerError, started
from digitkit.serving import frames
from testbed.archives import rewrite
from testbed.pictures import DATA_ROOT, PicturesError, load_pictures

SIZES = (1, 16, 64)
ROUNDS = 7
REQUESTS = 3200  # in a round: they take a quarter of a second, and processor time is counted in hundredths of one


def as_torchserve_reads(archive: Path, folder: Path) -> Path:
    """A copy of the archive whose frames.py is for another TorchServe, and therefore does not replace this one's code."""
    copy, own, none = folder / archive.name, frames.VERSION.encode(), b"none"
    rewrite(archive, copy, lambda name, content: content.replace(own, none) if name == "digitkit/serving/frames.py" else content)
    return copy


def cost(worker: Worker, pictures: Sequence[bytes], size: int) -> float:
    """Processor time of the worker for each request in us, in batches of `size`."""
    before = worker.process.cpu_times()
    for _ in range(REQUESTS // size):
        worker.ask(pictures[:size])
    after = worker.process.cpu_times()
    return 1e6 * (after.user + after.system - before.user - before.system) / (REQUESTS // size * size)


def measure(archive: Path, pictures: Sequence[bytes]) -> dict[str, dict[int, list[float]]]:
    """The cost of a request in each round, by how the worker reads messages and by batch size."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        archives = {"as frames.py reads": archive, "as TorchServe reads": as_torchserve_reads(archive, Path(folder))}
        workers = {name: stack.enter_context(started(each)) for name, each in archives.items()}
        found: dict[str, dict[int, list[float]]] = {name: {size: [] for size in SIZES} for name in workers}
        for _ in range(ROUNDS):
            for size in SIZES:
                for name, worker in workers.items():
                    found[name][size].append(cost(worker, pictures, size))
        return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.batches", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--archive", type=Path, default=STORE / "digits_onnx.mar")
    parser.add_argument("--data-root", type=Path, default=DATA_ROOT, help="the folder that holds MNIST/raw")
    flags = parser.parse_args()
    try:
        found = measure(flags.archive, [picture.png for picture in load_pictures(flags.data_root, max(SIZES))])
    except (PicturesError, WorkerError, OSError) as err:
        sys.exit(f"{parser.prog}: {err}")
    table = Table("", *(f"batch of {size}" for size in SIZES), title="Processor time of a worker for a request, us: median of the rounds")
    for name, costs in found.items():
        table.add_row(name, *(f"{statistics.median(costs[size]):.0f}" for size in SIZES))
    Console().print(table)


if __name__ == "__main__":
    main()
