"""Train a net: `python -m training.train --recipe quick`, any field of the recipe as a flag."""

import argparse
import os
import signal
import sys
from contextlib import closing, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np

from digitkit.artifacts.card import FIRST_VERSION, Card, CardError, card_path
from digitkit.readers.digits import net
from digitkit.settings import SettingsError
from training.data import extra, folder, mnist
from training.data.shown import CanvasReader
from training.evaluate.served import DIGITS
from training.learn.checkpoint import CHECKPOINT
from training.learn.loop import Trainer
from training.learn.parallel import ALONE, Group, joined
from training.publish import WEIGHTS, Origin, commit, hashes, publish
from training.recipe import RECIPES, Recipe, TrainingError, add_flags, from_flags
from training.track.tracker import DEFAULT_TRACKER, TRACKERS, open_tracker
from training.version import add_version_flag

RUNS = Path("runs")


def train(
    recipe: Recipe,
    run_dir: Path,
    *,
    data_root: Path,
    resume: bool,
    version: str = FIRST_VERSION,
    group: Group = ALONE,
    tracker: str = DEFAULT_TRACKER,
) -> Card:
    """Train by `recipe`, calibrate, measure on the test split, and leave weights and card in `run_dir`, both of `version`.

    Args:
        tracker: the name of the one that keeps its figures.
    """
    if group.local_rank == 0:
        mnist.ensure_mnist(data_root)
    group.wait()
    train_split, validation = mnist.load_train(data_root)
    if recipe.pictures:
        train_split = train_split.take(slice(recipe.pictures))
    added = group.from_first(lambda: added_pictures(recipe, data_root))
    for split in added.values():
        train_split += split
    trainer = Trainer(recipe, train_split, validation, group=group)
    if group.is_first:
        run_dir.mkdir(parents=True, exist_ok=True)
        announce(trainer, len(train_split))
    is_resumed = resume and (run_dir / CHECKPOINT).exists()
    with closing(open_tracker(tracker, run_dir, resume=is_resumed)) if group.is_first else nullcontext() as told:
        if told:
            told.describe(asdict(recipe) | lineage(recipe, added, data_root) | {"version": version})
        trainer.run(run_dir, resume=resume, tracker=told)
        card = group.from_first(lambda: finish(trainer, added, run_dir, version=version, data_root=data_root))
        if told:
            for path in (run_dir / WEIGHTS, card_path(run_dir / WEIGHTS)):
                told.keep(path)
    return card


def announce(trainer: Trainer, pictures: int) -> None:
    """Print what begins."""
    recipe, group = trainer.recipe, trainer.group
    print(
        f"training {recipe.architecture} with seed {recipe.seed} on {trainer.device}"
        f" in {'bfloat16' if trainer.autocast else 'float32'}{f', {group.size} processes' if group.size > 1 else ''}:"
        f" {pictures:,} pictures, validating on {len(trainer.validation):,}",
        flush=True,
    )


def lineage(recipe: Recipe, added: dict[str, mnist.Split], data_root: Path) -> dict[str, Any]:
    """What weights come of, by hash: the data, and the weights that the recipe names."""
    parts = {"data_sha256": mnist.data_hash(data_root), "commit": commit()}
    return parts | {"made_from": hashes(recipe.sources()), "added": {name: split.sha256() for name, split in added.items()}}


def added_pictures(recipe: Recipe, data_root: Path) -> dict[str, mnist.Split]:
    """The sets and the user's own pictures that the recipe adds to MNIST's training split, by name and path.

    Of the user's pictures it is the canvas that a server reads: with the weights that the training starts from, or else the released ones.
    """
    added = {name: extra.load(name, data_root) for name in recipe.extra.split(",") if name}
    if recipe.pictures_from:
        reader = CanvasReader.of(Path(recipe.init_from) if recipe.init_from else DIGITS)
        own, _ = folder.load(Path(recipe.pictures_from), reader, skip_unreadable=recipe.skip_unreadable)
        added[recipe.pictures_from] = own.split
    return added


def finish(trainer: Trainer, added: dict[str, mnist.Split], run_dir: Path, *, version: str, data_root: Path) -> Card:
    """Publish the best weights of a training that has ended, and remove its checkpoint."""
    recipe, progress = trainer.recipe, trainer.progress
    best = net.DigitNet(recipe.architecture)
    best.load_state_dict(progress.best_weights)
    described = asdict(recipe) | {"made_from": hashes(recipe.sources()), "added": {name: split.sha256() for name, split in added.items()}}
    origin = Origin(version, described, {"training_s": progress.seconds})
    card = publish(best, run_dir / WEIGHTS, origin=origin, validation=trainer.validation, data_root=data_root)
    figures = f"validation {card.accuracy['validation']:.2%}, test {card.accuracy['test']:.2%}"
    data_share = np.mean([epoch["data_share"] for epoch in progress.history])
    print(
        f"best epoch {progress.best_epoch}: {figures}, {progress.seconds:.0f} s of training, {data_share:.0%} of the steps' time for data"
    )
    (run_dir / CHECKPOINT).unlink()  # so that a later --resume goes on only with a training that was interrupted
    return card


def train_many(recipe: Recipe, run_dir: Path, *, seeds: int, common: dict[str, Any]) -> None:
    """Train with seeds 0 to `seeds` - 1 and print each one's figures, their mean and their standard deviation.

    Args:
        common: what `train` is given beside the recipe and the run's folder.
    """
    cards = [train(replace(recipe, seed=seed), run_dir / f"seed-{seed}", **common) for seed in range(seeds)]
    if not common["group"].is_first:
        return
    print(f"\n{'seed':>6} {'validation':>11} {'test':>8} {'seconds':>8}")
    for seed, card in enumerate(cards):
        a = card.accuracy
        print(f"{seed:>6} {a['validation']:>11.2%} {a['test']:>8.2%} {a['training_s']:>8.0f}")
    for name, reduce in [("mean", mean), ("std", stdev)][: len(cards)]:  # one seed has no spread
        columns = [reduce([card.accuracy[key] for card in cards]) for key in ("validation", "test", "training_s")]
        print(f"{name:>6} {columns[0]:>11.3%} {columns[1]:>8.3%} {columns[2]:>8.0f}")


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="training.train", usage="%(prog)s [--recipe NAME] [flags]; --help lists all", description="Train a digit net on MNIST."
    )
    parser.add_argument("--recipe", default="quick", help=f"one of {', '.join(RECIPES)}; the flags below change its fields")
    parser.add_argument("--run", type=Path, help="folder of weights, card, checkpoint and scalars (runs/RECIPE)")
    parser.add_argument("--data-root", type=Path, default=mnist.DATA_ROOT, help="folder that holds MNIST/raw, or will")
    parser.add_argument("--resume", action="store_true", help="go on from the run's checkpoint, where there is one")
    parser.add_argument("--seeds", type=int, help="train this many times and print the table")
    parser.add_argument("--tracker", choices=TRACKERS, default=DEFAULT_TRACKER, help="who keeps the figures of each epoch (%(default)s)")
    add_version_flag(parser, FIRST_VERSION)
    add_flags(parser)
    return parser


def main() -> None:
    parser = make_parser()
    flags = vars(parser.parse_args())
    if flags["seeds"] is not None and flags["seeds"] < 1:
        parser.error(f"--seeds is {flags['seeds']}; it must be 1 or more")
    try:
        recipe = from_flags(flags["recipe"], flags)
        run_dir = flags["run"] or RUNS / flags["recipe"]
        with joined(recipe.device) as group:
            version = flags["version"] or FIRST_VERSION
            common = {"data_root": flags["data_root"], "resume": flags["resume"], "version": version, "group": group}
            common["tracker"] = flags["tracker"]
            if flags["seeds"]:
                train_many(recipe, run_dir, seeds=flags["seeds"], common=common)
            else:
                train(recipe, run_dir, **common)
    except (ValueError, OSError, TrainingError, CardError, mnist.DataError, SettingsError) as err:
        sys.exit(f"{parser.prog}: {err}")
    except KeyboardInterrupt:
        print(f"{parser.prog}: stopped; --resume, which make train always gives, goes on after the last whole epoch", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
