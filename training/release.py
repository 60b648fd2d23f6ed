"""Publish the best of several trainings by one recipe: `python -m training.release --runs runs/release-many/seed-*`.

The best is the one that reads most of the validation split right; the card tells the test figures of all.
"""

import argparse
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np

from digitkit.card import Card, CardError, check_card, facts, write_card
from training.publish import WEIGHTS

RELEASED = Path("training/released")


def release(runs: list[Path], out: Path) -> Card:
    """Copy the best weights of `runs` to `out`, with a card that has the mean and the standard deviation over all.

    Raises:
        CardError: weights that do not match their card.
        ValueError: trainings by different recipes, or less than two.
    """
    cards = [check_card(run / WEIGHTS) for run in runs]
    recipes = [{key: value for key, value in card.recipe.items() if key != "seed"} for card in cards]
    if len(cards) < 2 or any(recipe != recipes[0] for recipe in recipes):
        raise ValueError(
            f"{len(cards)} runs of {len({str(recipe) for recipe in recipes})} recipes; two runs or more of one recipe are needed"
        )
    best = max(range(len(cards)), key=lambda i: cards[i].accuracy["validation"])
    tests = [card.accuracy["test"] for card in cards]
    spread = {"seeds": len(cards), "test_mean": float(np.mean(tests)), "test_std": float(np.std(tests, ddof=1))}
    out.mkdir(parents=True, exist_ok=True)
    staged = out / f"{WEIGHTS}.part"
    shutil.copy(runs[best] / WEIGHTS, staged)
    staged.replace(out / WEIGHTS)
    return write_card(out / WEIGHTS, **facts(cards[best]) | {"accuracy": asdict(cards[best])["accuracy"] | spread})


def main() -> None:
    parser = argparse.ArgumentParser(prog="training.release", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="folders of trainings, each with digits.pt and its card")
    parser.add_argument("--out", type=Path, default=RELEASED)
    flags = parser.parse_args()
    try:
        card = release(flags.runs, flags.out)
    except (CardError, OSError, ValueError) as err:
        sys.exit(f"{parser.prog}: {err}")
    a = card.accuracy
    print(
        f"{flags.out / WEIGHTS}: seed {card.recipe['seed']} of {a['seeds']:.0f}, validation {a['validation']:.2%}, test {a['test']:.2%};"
        f" over the seeds {a['test_mean']:.3%} ± {a['test_std']:.3%}"
    )


if __name__ == "__main__":
    main()
