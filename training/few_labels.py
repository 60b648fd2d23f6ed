"""How far a few labels carry, alone and with the unlabelled rest: `python -m training.few_labels --labels 10 --seeds 3`.

No label but these is looked at while it trains, not even to choose an epoch: the last one's averaged weights are measured on MNIST's
test split.
"""

import argparse
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev

import numpy as np
from rich.console import Console
from rich.table import Table

from digitkit.readers.digits.digit import LABELS
from digitkit.readers.digits.net import DigitNet
from training.data import mnist
from training.finetune import repeated, right
from training.learn.loop import Trainer
from training.learn.lora import plain_state
from training.recipe import Recipe, TrainingError, add_flags, from_flags

STEPS = 200  # of an epoch, whatever the number of labels


def choose(split: mnist.Split, count: int, seed: int) -> mnist.Split:
    """`count` pictures of each digit, drawn by `seed`; raises DataError where there are fewer."""
    draw, chosen = np.random.default_rng(seed), []
    for digit in LABELS:
        places = np.flatnonzero(split.labels == digit)
        if len(places) < count:
            raise mnist.DataError(f"{count} labels of each digit are asked for, and there are {len(places)} pictures of a {digit}")
        chosen.append(draw.choice(places, count, replace=False))
    is_chosen = np.zeros(len(split), dtype=np.bool_)
    is_chosen[np.concatenate(chosen)] = True
    return split.take(is_chosen)


def measured(recipe: Recipe, few: mnist.Split, rest: mnist.Split, test: mnist.Split) -> float:
    """The accuracy on `test` of a net that trained on `few` and, where the recipe takes any, on the pictures of `rest` without a label."""
    labelled = repeated(few, STEPS * recipe.batch_size).take(slice(STEPS * recipe.batch_size))
    return float(right(last_net(Trainer(recipe, labelled, few, unlabelled=rest.pictures)), test).mean())


def last_net(trainer: Trainer) -> DigitNet:
    """The net of a training's last epoch, averaged where the recipe averages: no picture chooses the epoch."""
    with tempfile.TemporaryDirectory() as folder:
        trainer.run(Path(folder), resume=False)
    net = DigitNet(trainer.recipe.architecture)
    net.load_state_dict(plain_state(trainer.served_net()))
    return net.eval()


def main() -> None:
    parser = argparse.ArgumentParser(prog="training.few_labels", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=int, default=10, help="labelled pictures of each digit (%(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="trainings, each with other labels (%(default)s)")
    parser.add_argument("--first-seed", type=int, default=0, help="of them (%(default)s)")
    parser.add_argument("--recipe", default="few-labels", help="the flags below change its fields")
    parser.add_argument("--data-root", type=Path, default=mnist.DATA_ROOT, help="folder that holds MNIST/raw, or will")
    add_flags(parser)
    flags = vars(parser.parse_args())
    if flags["labels"] < 1 or flags["seeds"] < 1:
        parser.error("--labels and --seeds must be 1 or more")
    table = Table("seed", f"{10 * flags['labels']} labels alone", "with the rest unlabelled", title="MNIST test, read right")
    columns: tuple[list[float], list[float]] = ([], [])
    try:
        recipe = from_flags(flags["recipe"], flags)
        train, test = mnist.load_train(flags["data_root"])[0], mnist.load_test(flags["data_root"])
        for seed in range(flags["first_seed"], flags["first_seed"] + flags["seeds"]):
            few = choose(train, flags["labels"], seed)
            for column, unlabelled in zip(columns, (0.0, recipe.unlabelled), strict=True):
                column.append(measured(replace(recipe, seed=seed, unlabelled=unlabelled), few, train, test))
            table.add_row(str(seed), *(f"{column[-1]:.2%}" for column in columns))
    except (TrainingError, ValueError, OSError, mnist.DataError) as err:
        sys.exit(f"{parser.prog}: {err}")
    for name, reduce in [("mean", mean), ("std", stdev)][: flags["seeds"]]:  # one seed has no spread
        table.add_row(name, *(f"{reduce(column):.2%}" for column in columns))
    Console(highlight=False).print(table)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
