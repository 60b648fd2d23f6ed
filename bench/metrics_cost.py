"""What a worker's metrics cost: `python -m bench.metrics_cost` loads a worker with wrk while it records them in every other turn.

Its archive is a copy in which signals start and stop the recording. The process stays the same, as two starts of a server differ by more
than metrics cost. Each turn with metrics is compared with the mean of the two turns around it without them, so that a machine that
gradually becomes slower or faster changes no ratio. Throughput is the goal; the server's processor time for a request varies less.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import psutil
from numpy.typing import NDArray

from deploy.machine.java import JavaError
from deploy.server import DEFAULT_PORT, ROOT, Server, ServerError
from digitkit.artifacts.card import check_card, facts, write_card
from digitkit.serving.metrics import FLUSH_S
from testbed.archives import rewrite
from testbed.command import ending
from testbed.flags import positive
from testbed.pictures import DATA_ROOT, load_pictures
from testbed.processes import cpu_seconds, workers

START, STOP = signal.SIGUSR1, signal.SIGUSR2  # the recording, which is on at first
SWITCH: Final = f"""
import signal
record = Metrics.record
signal.signal({START.value}, lambda *_: setattr(Metrics, "record", record))
signal.signal({STOP.value}, lambda *_: setattr(Metrics, "record", lambda self, *batch: None))
"""
WARM_S: Final = 10  # until Java has compiled the code that is called often
# A turn has 3 s that are not measured and 5 s that are. A worker hands its counts on every 5 s: once within the measured part, and once
# in the part of the next turn that is not measured.
SETTLE_S: Final = 3
MEASURED_S: Final = int(FLUSH_S)


class Turn(NamedTuple):
    """Requests a second that wrk counted in a turn, and processor time of the server's processes for each request in us."""

    requests_s: float
    cpu_us: float


def switchable(archive: Path, copy: Path) -> None:
    """A copy of an archive, with its card, whose workers stop recording at STOP and start again at START."""
    rewrite(archive, copy, lambda name, content: content + SWITCH.encode() if name == "digitkit/serving/metrics.py" else content)
    write_card(copy, **facts(check_card(archive)))


def worker_of(server: Server) -> psutil.Process:
    """The only worker of a server; raises ServerError if it does not have exactly one."""
    found = workers(server.pid())
    if len(found) != 1:
        raise ServerError(f"the server has {len(found)} workers; this measures one")
    return found[0]


def requests_per_s(server: Server, model: str, pictures: Sequence[Path], *, connections: int, seconds: int) -> float:
    """The requests a second that wrk counts for one model, asked for pictures in turn; raises ServerError if an answer was not 200."""
    script = pictures[0].with_suffix(".lua")
    names = ", ".join(f'"{picture}"' for picture in pictures)
    script.write_text(
        f'wrk.method = "POST"\nwrk.headers["Authorization"] = "Bearer {server.token()}"\nlocal texts, last = {{}}, 0\n'
        "function init(args)\n"
        f'  for i, name in ipairs({{{names}}}) do texts[i] = wrk.format(nil, nil, nil, io.open(name, "rb"):read("*a")) end\n'
        "end\n"
        "function request() last = last % #texts + 1 return texts[last] end\n"
    )
    url = f"{server.inference}/predictions/{model}"
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), url]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in printed:
        raise ServerError(f"wrk counted answers other than 200: {printed}")
    found = re.search(r"Requests/sec:\s+([\d.]+)", printed)
    assert found is not None
    return float(found[1])


def take_turns(server: Server, pictures: Sequence[Path], *, connections: int, rounds: int) -> NDArray[np.float64]:
    """All turns, (2 * rounds + 1, 2), with a Turn in each row; those at odd indices have what is measured."""
    worker, pid = worker_of(server), server.pid()
    assert pid is not None
    load = partial(requests_per_s, server, server.models[0], pictures, connections=connections)
    load(seconds=WARM_S)
    turns = []
    for number in range(2 * rounds + 1):
        os.kill(worker.pid, START if number % 2 else STOP)
        load(seconds=SETTLE_S)
        before = cpu_seconds(pid)
        requests_s = load(seconds=MEASURED_S)
        turns.append(Turn(requests_s, 1e6 * (cpu_seconds(pid) - before) / (requests_s * MEASURED_S)))
        print(f"{'with' if number % 2 else 'without':>8} {requests_s:>9,.0f} {turns[-1].cpu_us:>9.1f}", flush=True)
    return np.array(turns)


def ratios(turns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each turn at an odd index, (2 * N + 1, …), divided by the mean of its two neighbours: (N, …)."""
    return np.asarray(turns[1::2] / ((turns[:-1:2] + turns[2::2]) / 2))


def interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """The 95 % confidence interval of the median, by the bootstrap (Efron 1979)."""
    drawn = np.random.default_rng(0).choice(values, size=(10_000, len(values)))
    low, high = np.quantile(np.median(drawn, axis=1), [0.025, 0.975])
    return float(low), float(high)


def add_turn_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--archive", type=Path, default=ROOT / "model_store" / "digits_onnx.mar", help="with its card beside it")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT + 1000)
    parser.add_argument("--connections", type=positive, default="64")
    parser.add_argument("--rounds", type=positive, default="9", help="turns with what is measured; each takes 16 s, with one without it")
    parser.add_argument("--data-root", type=Path, default=DATA_ROOT)


def compare(flags: argparse.Namespace, what: str, prepare: Callable[[Path, Path], None], pictures: int = 1) -> None:
    """Load a worker in turns with and without something, and print the ratios.

    Args:
        flags: of add_turn_flags.
        what: is measured, in a word.
        prepare: writes a copy of an archive, with its card, in which START and STOP switch it.
        pictures: that are sent in turn.
    """
    if shutil.which("wrk") is None:
        raise ServerError("wrk is not installed; apt-get install wrk")
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        store.mkdir()
        server = Server(flags.port, store, Path(folder), models=(flags.archive.stem,))
        try:
            prepare(flags.archive, store / flags.archive.name)
            files = [Path(folder) / f"{number}.png" for number in range(pictures)]
            for file, picture in zip(files, load_pictures(flags.data_root, pictures), strict=True):
                file.write_bytes(picture.png)
            server.start()
            print(f"{what:>8}    req./s   us each   {flags.archive.name}, {flags.connections} connections")
            found = ratios(take_turns(server, files, connections=flags.connections, rounds=flags.rounds))
        finally:
            server.stop()
    for name, values in zip(("requests/s", "processor time"), found.T, strict=True):
        low, high = interval(values)
        print(f"{name} with {what} over without: median {np.median(values):.3f} ({low:.3f} to {high:.3f}) of {len(values)} rounds")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="bench.metrics_cost", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_turn_flags(parser)
    flags = parser.parse_args(arguments)
    with ending(parser.prog, ServerError, JavaError):
        compare(flags, "metrics", switchable)


if __name__ == "__main__":
    main()
