"""Our server compared with others on this machine: `python -m bench.servers` prints ratios and a table, and writes reports/bench.

Exit code 0: every target was measured and gave only right answers. 1: some did not, and are named; the figures of the others are
kept. 2: wrong settings.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil

from bench.contenders.service import Service, TargetError
from bench.contenders.targets import PEERS, STORE, Target, both_kinds, forms, optional, services, targets
from bench.generators.wrk_or_driver import LoadError, find_wrk, with_driver, with_wrk
from bench.results.server_tables import OUT, show
from bench.rounds import BARE, RoundPlan, RoundRow, measure_bare, measure_service
from deploy.machine.java import JavaError
from deploy.server import ServerError
from digitkit.artifacts.card import CardError
from digitkit.readers.digits import ort
from testbed.command import ending
from testbed.flags import names, positive, positive_list
from testbed.pictures import DATA_ROOT, PicturesError, load_pictures

PICTURES = 200  # sent one by one after every start: our server takes 1 s for them, the slowest one 7 s
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
FAILED = 1


def parse_flags(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.servers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known, by_form, unasked = targets(), forms(), optional()
    every = ",".join([BARE, *(name for name in known if name not in unasked)])
    parser.add_argument("--targets", type=names, default=every, help=f"of {every}")
    parser.add_argument("--peers", type=names, default="", help=f"of {','.join(PEERS)}")
    parser.add_argument("--forms", type=names, default="", help=f"of {','.join(by_form)}")
    parser.add_argument("--seconds", type=positive, default="2", help="of each load")
    parser.add_argument("--rounds", type=positive, default="3", help="of all targets one after the other")
    parser.add_argument("--connections", type=positive_list, default="1,16,64,256", help="at which the targets are loaded")
    parser.add_argument("--workers", type=positive_list, default="1", help="of ours and of the peers, as 1,2")
    parser.add_argument("--port", type=positive, default="18480", help="of every server in turn")
    parser.add_argument("--data-root", type=Path, default=DATA_ROOT, help="the folder that holds MNIST/raw")
    parser.add_argument("--out", type=Path, default=OUT, help="the folder for table, CSV and plot")
    flags = parser.parse_args(arguments)
    unknown = sorted({*flags.targets, *flags.peers, *flags.forms} - {BARE, *known, *by_form})
    if unknown:
        parser.error(f"no target {', '.join(unknown)}; there are {every}, as peers {', '.join(PEERS)}, as forms {', '.join(by_form)}")
    flags.targets += (*(name for form in flags.forms for name in by_form[form]), *both_kinds(flags.peers))
    return flags


def measure(flags: argparse.Namespace) -> tuple[list[RoundRow], list[str]]:
    """The rows of all rounds, and a sentence for each server that failed, which the following rounds leave out."""
    plan = RoundPlan(
        pictures=load_pictures(flags.data_root, PICTURES),
        connections=flags.connections,
        seconds=flags.seconds,
        port=flags.port,
        drive=with_wrk if find_wrk() else with_driver,
    )
    bare = ort.load(STORE / "digits.onnx", device="cpu", threads=1).run if BARE in flags.targets else None
    waiting = [service for service in services(flags.workers) if targets_of(service, flags.targets)]
    rows: list[RoundRow] = []
    failures: list[str] = []
    for number in range(1, flags.rounds + 1):
        if bare:
            rows += measure_bare(bare, number, plan)
        for service in list(waiting):
            title = service.name + (f" with {service.workers} workers" if service.workers > 1 else "")
            say(f"round {number} of {flags.rounds}: {title}")
            try:
                for row in measure_service(service, targets_of(service, flags.targets), number, plan):
                    say(f"  {row.target} at {row.connections}: {row.answers_s:,.0f} answers/s")
                    rows.append(row)
            except (TargetError, LoadError, psutil.NoSuchProcess) as err:
                failures.append(f"{title}: {err}")
                waiting.remove(service)
    return rows, failures


def targets_of(service: Service, chosen: Sequence[str]) -> dict[str, Target]:
    return {name: target for name, target in targets().items() if name in chosen and target.service == service.name}


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench and return the exit code."""
    flags = parse_flags(arguments)
    for variable in THREAD_VARIABLES:  # the shell's settings for threads must not reach any target
        os.environ.pop(variable, None)
    try:
        rows, failures = measure(flags)
    except (CardError, PicturesError, ValueError, OSError) as err:
        say(f"bench: {err}")
        return FAILED
    if rows:
        flags.out.mkdir(parents=True, exist_ok=True)
        show(rows, flags.out, f"{'wrk' if find_wrk() else 'the bundled driver'}, {flags.seconds} s a load, rounds: {flags.rounds}")
    for failure in failures:
        say(f"bench: {failure}")
    return FAILED if failures else 0


if __name__ == "__main__":
    with ending("bench", ServerError, JavaError):
        sys.exit(main())
