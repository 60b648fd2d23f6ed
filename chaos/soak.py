"""`python -m chaos.soak --minutes 30`: does memory grow, do answers become slower or fail, with mixed traffic at 60 % of the knee?"""

import argparse
import asyncio
import csv
import math
import sys
import tempfile
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from matplotlib.figure import Figure
from rich.table import Table

from chaos.clients.knee import find_knee
from chaos.clients.load import Client, Record, open_load
from chaos.clients.mix import mixed
from chaos.clients.questions import Outcome, ask_alone
from chaos.percentiles import percentile
from chaos.scene import FORESEEN, HIGHEST_KNEE, PORT, Scene, supervised
from chaos.tables import console
from deploy.model_list import DIGITS
from deploy.server import ROOT, Server
from testbed.command import EXIT_FAILED, ending
from testbed.connection import Pool
from testbed.pictures import DATA_ROOT, load_pictures

OUT = Path("reports/soak")
SHARE = 0.6  # of the knee
BINS = 60  # one every 30 s in half an hour
PICTURES = 100
BUDGET_S = 0.5  # the p99 at the knee: an explanation by occlusion costs as much as 785 predictions, and requests behind it wait
MEMORY_GROWTH, P99_GROWTH = 0.01, 0.10  # the allowed growth of memory over the last two thirds, and of p99 from the first sixth to the last


@dataclass(frozen=True, slots=True)
class Bin:
    """A part of the soak test.

    Attributes:
        at_s: when it ended, in seconds from the start.
        requests, failed: how many were sent in it, and how many of them were not answered correctly.
        p50_ms, p99_ms: the latencies of all of them.
        frontend_mib, workers_mib: resident memory at its end.
        driver_p99_ms: how late the driver itself sent.
    """

    at_s: float
    requests: int
    failed: int
    p50_ms: float
    p99_ms: float
    frontend_mib: float
    workers_mib: float
    driver_p99_ms: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """A criterion of the soak test: what was measured, and whether it is met."""

    what: str
    value: str
    limit: str
    holds: bool


async def soak(scene: Scene, minutes: float) -> list[Bin]:
    """The parts of that many minutes of open load."""
    loop = asyncio.get_running_loop()
    start, step = loop.time(), 60 * minutes / BINS
    load = asyncio.create_task(open_load(scene.client, scene.questions, SHARE * scene.knee, seconds=60 * minutes, records=scene.records))
    bins = []
    try:
        for number in range(1, BINS + 1):
            await asyncio.sleep(start + number * step - loop.time())
            frontend, workers = scene.resident_mib()
            if number == BINS:
                await load  # its last requests, sent a moment after its time, belong to the last bin
            done = _take(scene.records, start + number * step if number < BINS else math.inf)
            while not all(record.done for record in done):
                await asyncio.sleep(0.01)
            bins.append(_bin(number * step, done, frontend, workers))
    finally:
        load.cancel()
    return bins


def _take(records: deque[Record], until: float) -> list[Record]:
    taken = []
    while records and records[0].intended < until:
        taken.append(records.popleft())
    return taken


def _bin(at_s: float, records: Sequence[Record], frontend: float, workers: float) -> Bin:
    times = [1000 * record.first_s for record in records]
    failed = sum(record.first is not Outcome.RIGHT for record in records)
    late = percentile([1000 * record.late_s for record in records], 99)
    return Bin(at_s, len(records), failed, percentile(times, 50), percentile(times, 99), frontend, workers, late)


def judge(bins: Sequence[Bin]) -> list[Verdict]:
    """The criteria: memory over the last two thirds by a least-squares line, the median p99 of the last and the first sixth, and errors."""
    late = bins[len(bins) // 3 :]
    verdicts = []
    for name in ("frontend", "workers"):
        grown = growth([b.at_s for b in late], [getattr(b, f"{name}_mib") for b in late])
        what = f"memory of {name}, over the last two thirds"
        verdicts.append(Verdict(what, f"{100 * grown:+.2f} %", f"under {MEMORY_GROWTH:+.0%}", grown < MEMORY_GROWTH))
    sixth = max(1, len(bins) // 6)
    first, last = (percentile([b.p99_ms for b in part], 50) for part in (bins[:sixth], bins[-sixth:]))
    holds = last <= first * (1 + P99_GROWTH)
    verdicts.append(Verdict("p99, first and last sixth", f"{first:.1f} and {last:.1f} ms", f"{P99_GROWTH:+.0%} at most", holds))
    failed, sent = sum(b.failed for b in bins), sum(b.requests for b in bins)
    return [*verdicts, Verdict("requests not answered right", f"{failed:,} of {sent:,}", "0", failed == 0)]


def growth(times: Sequence[float], values: Sequence[float]) -> float:
    """The growth of a straight line through the values from the first time to the last, as a share of its start; 0 for one value."""
    n, mean_t, mean_v = len(times), sum(times) / len(times), sum(values) / len(values)
    spread = sum((t - mean_t) ** 2 for t in times)
    slope = sum((t - mean_t) * (v - mean_v) for t, v in zip(times, values, strict=True)) / spread if n > 1 else 0.0
    return slope * (times[-1] - times[0]) / (mean_v + slope * (times[0] - mean_t))


def plot(path: Path, bins: Sequence[Bin]) -> None:
    """A table of latency, memory and failures over time."""
    minutes = [b.at_s / 60 for b in bins]
    figure = Figure(figsize=(9, 8), layout="constrained")
    latency, memory, failures = figure.subplots(3, 1, sharex=True, height_ratios=(3, 3, 1))
    for name, label in (("p99_ms", "p99"), ("p50_ms", "p50"), ("driver_p99_ms", "of it the driver's own, p99")):
        latency.plot(minutes, [getattr(b, name) for b in bins], label=label, linestyle=":" if "driver" in name else "-")
    latency.set(ylabel="ms", ylim=(0, None), title="Latency from the intended send time")
    for name in ("frontend", "workers"):
        memory.plot(minutes, [getattr(b, f"{name}_mib") for b in bins], label=name)
    memory.set(ylabel="MiB", ylim=(0, None), title="Resident memory")
    failures.bar(minutes, [b.failed for b in bins], width=0.8 * minutes[0], color="tab:red")
    failures.set(xlabel="minutes", ylabel="requests", title="Not answered right", ylim=(0, max(1, *(b.failed for b in bins))))
    for axes in (latency, memory):
        axes.axvline(minutes[-1] / 3, color="grey", linestyle="--", linewidth=0.8)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=110)


def write_csv(path: Path, bins: Sequence[Bin]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Bin)])
        writer.writeheader()
        writer.writerows({name: round(value, 3) for name, value in asdict(b).items()} for b in bins)


def table(verdicts: Sequence[Verdict]) -> Table:
    shown = Table("what", "measured", "limit", "holds")
    for verdict in verdicts:
        shown.add_row(verdict.what, verdict.value, verdict.limit, "yes" if verdict.holds else "no")
    return shown


def run(server: Server, data_root: Path, minutes: float, *, knee: float = 0.0) -> tuple[float, list[Bin]]:
    """The knee under mixed traffic, which is found first if it is given as 0, and the bins; raises NotServed, PicturesError."""

    async def all_of_it() -> tuple[float, list[Bin]]:
        pool = Pool(server.inference)
        try:
            client, models = Client(pool, server.token), [model.name for model in server.known(DIGITS)]
            questions = await ask_alone(pool, mixed(models, load_pictures(data_root, PICTURES)), client.token)
            carried = knee or min(HIGHEST_KNEE, await find_knee(client, questions, BUDGET_S))
            return carried, await soak(Scene(server, pool, client, questions, carried), minutes)
        finally:
            await pool.close()

    with supervised(server):
        return asyncio.run(all_of_it())


def main() -> None:
    parser = argparse.ArgumentParser(prog="chaos.soak", description=__doc__)
    parser.add_argument("--port", type=int, default=PORT, help="of the separate server; its other ports move with it")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--data-root", type=Path, default=DATA_ROOT)
    flags = parser.parse_args()
    if not 0 < flags.minutes < math.inf:
        parser.error(f"--minutes is {flags.minutes}; it must be more than 0")
    OUT.mkdir(parents=True, exist_ok=True)
    with ending(parser.prog, *FORESEEN), tempfile.TemporaryDirectory(prefix="soak-") as state:
        knee, bins = run(Server(flags.port, ROOT / "model_store", Path(state)), flags.data_root, flags.minutes)
    verdicts = judge(bins)
    write_csv(OUT / "soak.csv", bins)
    plot(OUT / "soak.png", bins)
    out = console()
    out.print(f"{flags.minutes:g} minutes of mixed traffic at {SHARE * knee:,.0f} requests/s, {SHARE:.0%} of the knee", table(verdicts))
    print(f"{OUT}/soak.csv and soak.png")
    sys.exit(0 if all(verdict.holds for verdict in verdicts) else EXIT_FAILED)


if __name__ == "__main__":
    main()
