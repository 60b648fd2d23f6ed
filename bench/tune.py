"""Find the best settings for this machine: `python -m bench.tune` writes a model-config.yaml and a table of its trials.

It starts from the shipped settings and changes one knob at a time, keeping the value that answers more requests a second at 64 connections,
until a whole round over all knobs changes nothing or the time is up. Every answer of every trial is checked.

Exit code 0: the settings are written. 1: the shipped settings themselves could not be measured. 2: wrong settings.
"""

import argparse
import csv
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any

import psutil
import yaml
from rich.console import Console
from rich.table import Table

from bench.contenders.service import TargetError
from bench.contenders.targets import MAIN, STORE, Target
from bench.contenders.torchserve import torchserve
from bench.generators.wrk_or_driver import CORES, LoadError, find_wrk, with_driver, with_wrk
from bench.rounds import RoundPlan, RoundRow, measure_service
from bench.servers import PICTURES
from deploy.machine.java import JavaError
from deploy.model_list import DIGITS, models_of
from deploy.server import ServerError
from testbed.archives import alter
from testbed.command import ending
from testbed.flags import positive
from testbed.pictures import DATA_ROOT, PicturesError, load_pictures

OUT = Path("reports/tune")
SHIPPED = Path("handlers/model-config.yaml")
CONNECTIONS = (1, 64)
CLEARLY = 1.03  # a trial must answer that many times as many requests a second: a smaller gain is noise
FAILED = 1


@dataclass(frozen=True, slots=True)
class Knobs:
    """The settings that are searched.

    Attributes:
        workers: the number of processes.
        threads: that each of them computes with.
        batch: the largest number of requests in one.
        delay_ms: how long a batch waits to fill.
    """

    workers: int
    threads: int
    batch: int
    delay_ms: int

    @property
    def config(self) -> dict[str, int]:
        """The settings by their names in model-config.yaml."""
        workers = {"minWorkers": self.workers, "maxWorkers": self.workers}
        return workers | {"threads": self.threads, "batchSize": self.batch, "maxBatchDelay": self.delay_ms}


@dataclass(frozen=True, slots=True)
class KnobsTrial:
    """The result of settings: answers a second and latencies in ms at 64 connections, the median latency of one client, memory in MB."""

    knobs: Knobs
    answers_s: float
    p50_ms: float
    p99_ms: float
    alone_ms: float
    cpu_us: float
    memory_mb: float


def choices(cores: int) -> dict[str, tuple[int, ...]]:
    """The values of each knob, in the order in which they are tried."""
    spread = tuple(sorted({1, max(1, cores // 2), cores, cores + 1}))
    return {"workers": spread, "batch": (64, 128, 32, 16), "delay_ms": (1, 2, 5), "threads": tuple(sorted({1, 2, cores}))}


def search(shipped: Knobs, measure: Callable[[Knobs], KnobsTrial | None], values: Mapping[str, Sequence[int]]) -> Iterator[KnobsTrial]:
    """Every trial in turn, the shipped settings first; `measure` returns None if settings do not work.

    Raises:
        TargetError: the shipped settings do not work.
    """
    best = measure(shipped)
    if best is None:
        raise TargetError("the shipped settings could not be measured")
    yield best
    seen, last = {shipped}, None
    while last != best.knobs:
        last = best.knobs
        for name, options in values.items():
            for value in options:
                knobs = replace(best.knobs, **{name: value})
                if knobs in seen:
                    continue
                seen.add(knobs)
                trial = measure(knobs)
                if trial:
                    yield trial
                    best = better(best, trial)


def better(best: KnobsTrial, trial: KnobsTrial) -> KnobsTrial:
    """`trial` if it is clearly faster, otherwise `best`, which was measured first."""
    return trial if trial.answers_s > CLEARLY * best.answers_s else best


def measurer(archive: Path, plan: RoundPlan) -> Callable[[Knobs], KnobsTrial | None]:
    """Measures settings by starting a server for each."""

    def measure(knobs: Knobs) -> KnobsTrial | None:
        with tempfile.TemporaryDirectory() as scratch:
            changed = alter(archive, Path(scratch, archive.name), config=knobs.config)
            try:
                rows = list(measure_service(torchserve(archive.stem, changed), {archive.stem: Target(archive.stem)}, 1, plan))
            except (TargetError, LoadError, psutil.NoSuchProcess) as err:
                print(f"{knobs}: {err}", file=sys.stderr, flush=True)
                return None
        trial = to_trial(knobs, rows)
        print(f"{knobs}: {trial.answers_s:,.0f} answers/s", file=sys.stderr, flush=True)
        return trial

    return measure


def to_trial(knobs: Knobs, rows: Sequence[RoundRow]) -> KnobsTrial:
    alone, busy = rows
    return KnobsTrial(knobs, busy.answers_s, busy.p50_ms, busy.p99_ms, alone.p50_ms, busy.cpu_us, busy.memory_mb)


def shipped_knobs() -> Knobs:
    config: dict[str, Any] = yaml.safe_load(SHIPPED.read_text())
    return Knobs(config["minWorkers"], config["threads"], config["batchSize"], config["maxBatchDelay"])


def write(trials: Sequence[KnobsTrial], best: KnobsTrial, out: Path) -> None:
    """The shipped model-config.yaml with the best settings, its comments kept, and the table as CSV."""
    out.mkdir(parents=True, exist_ok=True)
    text = SHIPPED.read_text()
    for name, value in best.knobs.config.items():
        text = re.sub(rf"^{name}: .*$", f"{name}: {value}", text, flags=re.M)
    (out / "model-config.yaml").write_text(text)
    rows = [asdict(trial.knobs) | {name: value for name, value in asdict(trial).items() if name != "knobs"} for trial in trials]
    with (out / "trials.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0].keys())
        table.writeheader()
        table.writerows(rows)


def show(trials: Sequence[KnobsTrial], best: KnobsTrial) -> None:
    title = f"Settings on {CORES} cores, the fastest first: latencies in ms at 64 connections and of one client alone"
    table = Table(title=title, padding=(0, 0))
    for heading in ("workers", "threads", "batch", "delay", "answers/s", "p50", "p99", "alone", "CPU us", "MB", ""):
        table.add_column(heading, justify="right")
    for trial in sorted(trials, key=lambda t: -t.answers_s):
        knobs = (trial.knobs.workers, trial.knobs.threads, trial.knobs.batch, trial.knobs.delay_ms)
        figures = (f"{trial.p50_ms:.1f}", f"{trial.p99_ms:.1f}", f"{trial.alone_ms:.2f}", f"{trial.cpu_us:.0f}", f"{trial.memory_mb:.0f}")
        table.add_row(*map(str, knobs), f"{trial.answers_s:,.0f}", *figures, "chosen" if trial is best else "")
    Console().print(table)


def parse_flags(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.tune", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = [model.name for model in models_of(DIGITS)]
    parser.add_argument("--target", default=MAIN, help=f"one of {', '.join(known)}")
    parser.add_argument("--minutes", type=positive, default="5", help="after which no trial is started")
    parser.add_argument("--seconds", type=positive, default="2", help="of each load")
    parser.add_argument("--port", type=positive, default="18480", help="of every server in turn")
    parser.add_argument("--data-root", type=Path, default=DATA_ROOT, help="the folder that holds MNIST/raw")
    parser.add_argument("--out", type=Path, default=OUT, help="the folder for the settings and the table")
    flags = parser.parse_args(arguments)
    if flags.target not in known:
        parser.error(f"no target {flags.target}; there are {', '.join(known)}")
    return flags


def main(arguments: Sequence[str] | None = None) -> int:
    """Search, and return the exit code."""
    flags = parse_flags(arguments)
    deadline = time.monotonic() + 60 * flags.minutes
    trials: list[KnobsTrial] = []
    try:
        pictures = load_pictures(flags.data_root, PICTURES)
        drive = with_wrk if find_wrk() else with_driver
        plan = RoundPlan(pictures=pictures, connections=CONNECTIONS, seconds=flags.seconds, port=flags.port, drive=drive)
        for trial in search(shipped_knobs(), measurer(STORE / f"{flags.target}.mar", plan), choices(CORES)):
            trials.append(trial)
            if time.monotonic() > deadline:
                break
    except (TargetError, PicturesError, OSError) as err:
        print(f"tune: {err}", file=sys.stderr)
        return FAILED
    best = reduce(better, trials)
    write(trials, best, flags.out)
    show(trials, best)
    print(f"{flags.out / 'model-config.yaml'} has the chosen settings: copy it over {SHIPPED}, then make export")
    return 0


if __name__ == "__main__":
    with ending("tune", ServerError, JavaError):
        sys.exit(main())
