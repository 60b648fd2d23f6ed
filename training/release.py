"""Publish the best of several trainings by one recipe: `python -m training.release --version 1.1 --runs runs/release-many/seed-*`.

The best is the one that reads most of the validation split right; the card tells the test figures of all. Without --runs it only
says whether the version may be released: trainings take hours, so it is asked before them.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from digitkit.artifacts.card import Card, CardError, check_card, facts, version_key, write_card
from digitkit.artifacts.place import place
from training.publish import WEIGHTS
from training.version import add_version_flag, next_minor

RELEASED = Path("training/released")


def check_version(version: str, out: Path) -> None:
    """Pass a version that is newer than that of the weights in `out`, or any where there are none.

    Raises:
        CardError: the weights there do not match their card.
        ValueError: it is not newer.
    """
    if not (out / WEIGHTS).exists():
        return
    released = check_card(out / WEIGHTS).version
    if version_key(version) <= version_key(released):
        raise ValueError(f"version {version} is not newer than {released}, which is released; {next_minor(released)} is the next one")


def release(runs: list[Path], out: Path, *, version: str) -> Card:
    """Copy the best weights of `runs` to `out`, with a card of `version` that has the mean and the standard deviation over all.

    Raises:
        CardError: weights that do not match their card.
        ValueError: a version that is not newer than the released one, trainings by different recipes, or less than two.
    """
    check_version(version, out)
    cards = [check_card(run / WEIGHTS) for run in runs]
    recipes = [{key: value for key, value in card.recipe.items() if key != "seed"} for card in cards]
    if len(cards) < 2 or any(recipe != recipes[0] for recipe in recipes):
        raise ValueError(
            f"{len(cards)} runs of {len({str(recipe) for recipe in recipes})} recipes; two runs or more of one recipe are needed"
        )
    best = max(range(len(cards)), key=lambda i: cards[i].accuracy["validation"])
    tests = [card.accuracy["test"] for card in cards]
    spread = {"seeds": len(cards), "test_mean": float(np.mean(tests)), "test_std": float(np.std(tests, ddof=1))}
    with tempfile.TemporaryDirectory() as scratch:
        staged = Path(shutil.copy(runs[best] / WEIGHTS, scratch))
        card = write_card(staged, **facts(cards[best]) | {"version": version, "accuracy": asdict(cards[best])["accuracy"] | spread})
        place(staged, out / WEIGHTS)
    return card


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="training.release", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, nargs="+", help="folders of trainings, each with digits.pt and its card")
    parser.add_argument("--out", type=Path, default=RELEASED)
    add_version_flag(parser, "required, newer than that of the released weights")
    flags = parser.parse_args(arguments)
    try:
        if not flags.version:
            raise ValueError("a release needs a version: make release VERSION=1.1")
        check_version(flags.version, flags.out)
        if not flags.runs:
            return
        card = release(flags.runs, flags.out, version=flags.version)
    except (CardError, OSError, ValueError) as err:
        sys.exit(f"{parser.prog}: {err}")
    a = card.accuracy
    print(
        f"{flags.out / WEIGHTS}: version {card.version}, seed {card.recipe['seed']} of {a['seeds']:.0f},"
        f" validation {a['validation']:.2%}, test {a['test']:.2%}; over the seeds {a['test_mean']:.3%} ± {a['test_std']:.3%}"
    )


if __name__ == "__main__":
    main()
