"""Look for a better recipe: `python -m training.search.run_search --recipe quick --trials 30`, any field of the recipe as a flag.

Trials are judged on validation alone, and those that are behind the others are given up. They are stored, so that the same command
goes on where it was stopped or killed, and more trials are a larger number.
"""

import argparse
import os
import signal
import sys
from pathlib import Path

from optuna.exceptions import OptunaError
from sqlalchemy.exc import SQLAlchemyError

from training.data import mnist
from training.recipe import RECIPES, TrainingError, add_flags, from_flags
from training.search.search_report import command_of, importances, write_report
from training.search.search_space import SPACE, part_of
from training.search.trials import SearchPlan, search

PROGRAM = "training.search.run_search"
RUNS, REPORTS = Path("runs/search"), Path("reports/search")
STORE = "trials.sqlite"


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=PROGRAM, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="quick", help=f"one of {', '.join(RECIPES)}; the flags below change its fields")
    parser.add_argument("--trials", type=int, default=30, help="how many are to end in all, earlier ones among them (%(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="trials at a time, each in a process with its share of the cores (%(default)s)")
    parser.add_argument(
        "--fields", default="", help=f"with commas between, what is searched: of {','.join(SPACE)}; all of them if not given"
    )
    parser.add_argument("--run", type=Path, help=f"the folder of {STORE} ({RUNS}/RECIPE)")
    parser.add_argument("--storage", default="", help="in its place SQLAlchemy's URL of a database, as several machines need one")
    parser.add_argument("--data-root", type=Path, default=mnist.DATA_ROOT, help="folder that holds MNIST/raw, or will")
    add_flags(parser)
    return parser


def main() -> None:
    parser = make_parser()
    flags = vars(parser.parse_args())
    if flags["trials"] < 1 or flags["jobs"] < 1:
        parser.error("--trials and --jobs must be 1 or more")
    try:
        base, space = from_flags(flags["recipe"], flags), part_of([name for name in flags["fields"].split(",") if name])
        run = flags["run"] or RUNS / flags["recipe"]
        if not flags["storage"]:
            run.mkdir(parents=True, exist_ok=True)
        mnist.ensure_mnist(flags["data_root"])
        train, validation = mnist.load_train(flags["data_root"])
        splits = train.take(slice(base.pictures)) if base.pictures else train, validation
        storage = flags["storage"] or f"sqlite:///{(run / STORE).resolve()}"
        study = search(SearchPlan(base, space, storage, flags["trials"], splits), flags["jobs"])
        report = write_report(study, flags["recipe"], base, REPORTS / flags["recipe"])
    except (ValueError, OSError, TrainingError, mnist.DataError, SQLAlchemyError, OptunaError) as err:
        sys.exit(f"{PROGRAM}: {err}")
    except KeyboardInterrupt:
        print(f"{PROGRAM}: stopped; the same command goes on with the trial that was under way", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
    for name, share in importances(study).items():
        print(f"{share:6.1%}  {name}")
    print(f"best: {study.best_value:.2%} of validation read wrong, on one seed; with several:\n{command_of(study, flags['recipe'], base)}")
    print(f"report   {report}")


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
