"""`python -m loadtest.run` puts every target of budgets.yaml under load in turn and compares them with their budgets.

Exit code 0: every budget is kept. 3: one is broken, each is named. 1: no server, token or pictures. 2: wrong settings.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from deploy.server import DEFAULT_PORT, Server, ServerError
from loadtest.budget import BUDGETS, Budget, BudgetError, read_budgets
from loadtest.measure import Load, MeasureError, measure
from loadtest.page import PAGE, write_page
from loadtest.pictures import DATA_ROOT, PicturesError, load_pictures
from loadtest.reference import ServerRefused, ask_alone
from loadtest.report import REPORTS, Summary, show, write_summary

USERS = 32  # enough to fill batches on two cores; more only wait longer
SECONDS = 7  # two targets with start and warm-up then take under half a minute on two cores
NO_ANSWER, WRONG_SETTINGS, BUDGET_BROKEN = 1, 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the load test and return the exit code."""
    flags = parse_flags(arguments)
    try:
        summary = measure_targets(flags, read_budgets(flags.budgets))
    except BudgetError as err:
        return complain(WRONG_SETTINGS, f"loadtest: {err}")
    except (ServerError, ServerRefused, PicturesError, MeasureError, OSError) as err:
        return complain(NO_ANSWER, f"loadtest: {err}")
    show(summary)
    print(f"more in {flags.reports / PAGE}", flush=True)
    broken = [f"budget broken: {line}" for line in summary.broken()]
    return complain(BUDGET_BROKEN, *broken) if broken else 0


def parse_flags(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="loadtest.run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given = {name: value for name, value in os.environ.items() if value}  # make passes on what is empty, too
    users, seconds = given.get("LOADTEST_USERS", USERS), given.get("LOADTEST_SECONDS", SECONDS)
    parser.add_argument("--users", type=at_least_one, default=users, help="who send at the same time (LOADTEST_USERS)")
    parser.add_argument("--seconds", type=at_least_one, default=seconds, help="measured for each target (LOADTEST_SECONDS)")
    parser.add_argument("--host", default=given.get("HOST", ""), help="http://127.0.0.1:8080 for one; else the local server (HOST)")
    parser.add_argument("--token", default=given.get("TOKEN", ""), help="for inference; else the local server's (TOKEN)")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="of the local server, where no host is given")
    parser.add_argument("--budgets", type=Path, default=BUDGETS, help="the limits of each target")
    parser.add_argument("--data-root", type=Path, default=DATA_ROOT, help="the folder that holds MNIST/raw")
    parser.add_argument("--reports", type=Path, default=REPORTS, help="the folder for the reports")
    return parser.parse_args(arguments)


def at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def find_server(flags: argparse.Namespace) -> tuple[str, str]:
    """Address and token of the server: those given, else those of the local server; raises ServerError where it is down."""
    if flags.host:
        return flags.host.rstrip("/"), flags.token
    server = Server(flags.port)
    return server.inference, flags.token or server.token()


def measure_targets(flags: argparse.Namespace, budgets: dict[str, Budget]) -> Summary:
    """Measure every target and write the reports; those of an earlier test stay until all of the new ones are made."""
    host, token = find_server(flags)
    load = Load(host=host, users=flags.users, seconds=flags.seconds, data_root=flags.data_root)
    pictures = load_pictures(load.data_root)
    for target in budgets:
        ask_alone(host, target, token, pictures[:1])
    flags.reports.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=flags.reports, prefix=".new-") as folder:
        made = Path(folder)
        summary = Summary(
            host=host,
            users=load.users,
            seconds=load.seconds,
            pictures=len(pictures),
            targets=[measure(target, load, token, made) for target in budgets],
            budgets=budgets,
            ended=datetime.now().isoformat(timespec="seconds"),
        )
        write_summary(summary, made)
        write_page(summary, made)
        for path in made.iterdir():
            path.replace(flags.reports / path.name)
    return summary


def complain(code: int, *lines: str) -> int:
    """Print the lines to stderr and return the exit code."""
    print(*lines, sep="\n", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
