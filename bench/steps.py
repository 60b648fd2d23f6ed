"""What each step of a request costs a worker: `python -m bench.steps` asks the handler of this checkout, with the model of an archive.

Messages come and go through the worker's own reader and writer of them. A step's time is the processor time of the thread without that
of the steps inside it, so that another process on the same core costs it nothing but its caches.
"""

import argparse
import os
import shutil
import socket
import statistics
import sys
import tempfile
import time
import zipfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Thread
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench.contenders.targets import MAIN, STORE
from bench.peers.handled import load_handler
from bench.worker import message
from digitkit.artifacts.card import CardError
from digitkit.serving import frames, opening, writing
from digitkit.serving.guard import Guard
from testbed.endpoints import NPY, PNG, encode_npy
from testbed.flags import positive
from testbed.pictures import DATA_ROOT, PicturesError, load_pictures

HANDLERS: Final = Path("handlers")
SIZES: Final = (1, 16, 64)  # requests in a batch
LISTS: Final = (64, 1024)  # pictures in a request
WARM: Final = 10  # batches that are not counted
OTHER: Final = "the rest of the handler"


class Steps:
    """Processor time of steps, in us, each without the steps inside it."""

    def __init__(self) -> None:
        self.spent: defaultdict[str, float] = defaultdict(float)
        self._running: list[str] = []
        self._since = 0

    def timed(self, name: str, step: Callable[..., Any]) -> Callable[..., Any]:
        """The step, counted under a name."""

        def run(*given: Any, **named: Any) -> Any:
            self._switch()
            self._running.append(name)
            try:
                return step(*given, **named)
            finally:
                self._switch()
                self._running.pop()

        return run

    def _switch(self) -> None:
        """Count what has passed since the last time for the step that was running."""
        now = time.thread_time_ns()
        if self._running:
            self.spent[self._running[-1]] += (now - self._since) / 1e3
        self._since = now


def watch(steps: Steps, handler: Any) -> None:
    """Have the steps of a handler's requests counted."""
    module = sys.modules[type(handler).__module__]
    places = {
        "requests are opened": (opening, "open_request"),
        "pictures are decoded and made canvases": (module, "read_in_turns"),
        "canvases are read, but for the model": (module, "read_in_groups"),
        "answers are written": (writing, "write_answer"),
        "metrics": (handler.metrics, "record"),
        "the log of requests": (handler.log, "write"),
        "what was answered is settled": (handler, "settle"),
        OTHER: (handler, "respond"),
    }
    for name, (owner, attribute) in places.items():
        setattr(owner, attribute, steps.timed(name, getattr(owner, attribute)))
    net = handler.loaded
    object.__setattr__(net.backend, "run", steps.timed("the model", net.backend.run))


def measure(handler: Any, steps: Steps, content: bytes, batches: int) -> dict[str, float]:
    """Processor time of each step for a batch, in us, the median of many."""
    ours, theirs = socket.socketpair()
    inbox, outbox = frames.Inbox(ours, Guard()), frames.Outbox(handler.headers)
    read, write = steps.timed("messages are read", inbox.read), steps.timed("messages are written", outbox.write)
    rows: list[Mapping[str, float]] = []
    for number in range(WARM + batches):
        sender = Thread(target=theirs.sendall, args=(content,))  # a message is larger than a socket's buffer
        sender.start()
        steps.spent = defaultdict(float)
        batch = read()
        write(batch, handler.respond(batch))
        handler.settle()
        sender.join()
        if number >= WARM:
            rows.append(steps.spent)
    ours.close()
    theirs.close()
    return {name: statistics.median(row.get(name, 0.0) for row in rows) for name in steps.spent}


def show(found: Mapping[str, Mapping[str, float]], title: str) -> None:
    """Print a line for each step and a column for each batch."""
    table = Table("step", *found, title=title)
    first = next(iter(found.values()))
    for name in sorted(first, key=lambda name: -first[name]):
        table.add_row(name, *(f"{spent[name]:.1f}" for spent in found.values()))
    table.add_row("all", *(f"{sum(spent.values()):.1f}" for spent in found.values()))
    Console(width=120).print(table)


def per(spent: Mapping[str, float], count: int) -> dict[str, float]:
    return {name: value / count for name, value in spent.items()}


def columns(handler: Any, steps: Steps, pngs: Sequence[bytes], batches: int) -> dict[str, dict[str, float]]:
    """The cost of a request, by the size of its batch, and of a picture in a list."""
    found = {}
    for size in SIZES:
        content = message([(png, PNG) for png in pngs[:size]])
        found[f"batch of {size}"] = per(measure(handler, steps, content, batches), size)
    for count in LISTS:
        content = message([(encode_npy([pngs[i % len(pngs)] for i in range(count)]), NPY)])
        found[f"list of {count}"] = per(measure(handler, steps, content, max(10, batches // 10)), count)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.steps", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--archive", type=Path, default=STORE / f"{MAIN}.mar")
    parser.add_argument("--batches", type=positive, default="300", help="of each size; lists a tenth as many")
    parser.add_argument("--data-root", type=Path, default=DATA_ROOT, help="the folder that holds MNIST/raw")
    flags = parser.parse_args()
    try:
        pngs = [picture.png for picture in load_pictures(flags.data_root, max(SIZES))]
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(flags.archive) as packed:
            packed.extractall(folder)
            os.environ["LOG_LOCATION"] = folder
            shutil.copy(HANDLERS / "model-config.yaml", folder)
            sys.path.insert(0, str(HANDLERS))
            handler, steps = load_handler(Path(folder)), Steps()
            watch(steps, handler)
            show(columns(handler, steps, pngs, flags.batches), "Processor time of a worker for a request, or for a picture of a list, us")
    except (CardError, PicturesError, OSError) as err:
        sys.exit(f"{parser.prog}: {err}")


if __name__ == "__main__":
    main()
