"""Fine-tune weights on a user's own pictures, and tell what was learned and what was forgotten: `python -m training.finetune`.

Each of the user's pictures belongs to one of three parts: training, validation, which chooses the epoch and the temperature, or
the pictures held out for the figures. A hash of its canvas decides which, so that equal canvases stay together, and a picture
keeps its part when others are added or removed. Of each picture the canvas is learned that the server reads with the weights that
the training starts from; the figures are of what each net reads by its own choice.
"""

import argparse
import os
import sys
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from digitkit.artifacts.card import Card, CardError, check_card
from digitkit.pictures.codec import decode_picture, encode_png
from digitkit.readers.digits import net
from digitkit.readers.digits.canvas import to_canvas
from digitkit.readers.digits.digit import SIDE_PX
from digitkit.settings import Limits, Settings, SettingsError
from training.augment.synthetic import NO_DIGIT
from training.data import folder, mnist
from training.data.folder import Own
from training.data.shown import HELD_OUT, CanvasReader, Shown
from training.evaluate.served import MODEL_CONFIG
from training.learn.calibrate import divide_logits, fit_temperature
from training.learn.checkpoint import CHECKPOINT, Progress
from training.learn.loop import Trainer
from training.publish import WEIGHTS, Origin, hashes, logits, publish
from training.recipe import RECIPES, Recipe, TrainingError, add_flags, from_flags
from training.version import add_version_flag, next_minor

OUT = Path("runs/finetuned") / WEIGHTS
REHEARSAL = 1.0  # pictures of MNIST's trained on for each of the user's, so that the net does not forget them
LEAST_TRAINED = 2_048  # fewer pictures are repeated up to this number, each time deformed differently: an epoch has at least 32 steps


class More(NamedTuple):
    """What is trained on beside a user's labelled digits: canvases uint8 (N, 28, 28), of none of which a figure is told.

    Attributes:
        no_digits: that show none.
        unlabelled: of which nobody has said what they show.
    """

    no_digits: NDArray[np.uint8]
    unlabelled: NDArray[np.uint8]


NO_CANVASES = np.empty((0, SIDE_PX, SIDE_PX), dtype=np.uint8)
NO_MORE = More(NO_CANVASES, NO_CANVASES)


@dataclass(frozen=True, slots=True)
class Change:
    """Which of N pictures were read right before and after the training, bool (N,) each."""

    name: str
    before: NDArray[np.bool_]
    after: NDArray[np.bool_]

    def cells(self) -> list[str]:
        learned, forgotten = np.count_nonzero(self.after & ~self.before), np.count_nonzero(self.before & ~self.after)
        shares = [f"{right.mean():.2%}" for right in (self.before, self.after)]
        return [self.name, f"{len(self.before):,}", *shares, f"{learned:,}", f"{forgotten:,}"]


def divide(own: Own) -> tuple[mnist.Split, mnist.Split, mnist.Split]:
    """Seven tenths of the pictures to train on, one to validate on, and two to measure on.

    Raises:
        DataError: a part would be empty.
    """
    split, tenths = own.split, own.tenths
    train, validation, held_out = split.take(tenths > HELD_OUT), split.take(tenths == HELD_OUT), split.take(tenths < HELD_OUT)
    if not (len(train) and len(validation) and len(held_out)):
        raise mnist.DataError(
            f"{len(split)} pictures are too few to train, to validate and to measure on ({len(train)}, {len(validation)} and"
            f" {len(held_out)} of them); give at least 50"
        )
    return train, validation, held_out


def repeated(split: mnist.Split, least: int) -> mnist.Split:
    """The whole split as many times over as it takes to hold at least `least` pictures."""
    times = -(-least // len(split))
    return mnist.Split(np.tile(split.pictures, (times, 1, 1)), np.tile(split.labels, times))


def rehearsed(own: mnist.Split, old: mnist.Split, share: float, seed: int) -> mnist.Split:
    """The user's pictures, repeated where they are few, and `share` of MNIST's for each of them, drawn by `seed`."""
    own = repeated(own, LEAST_TRAINED)
    shuffled = np.random.default_rng(seed).permutation(len(old))
    return own + old.take(shuffled < share * len(own))


def finetune(
    recipe: Recipe, own: Own, out: Path, *, rehearsal: float, data_root: Path, version: str | None = None, more: More = NO_MORE
) -> tuple[Card, list[Change]]:
    """Train on `own` from the recipe's `init_from`, leave weights and card at `out`, and tell what changed.

    Args:
        rehearsal: MNIST's pictures trained on for each of the user's.
        more: what is trained on beside them.
        version: of the new weights; None for the one after that of the weights that they start from.
    Raises:
        CardError, DataError, TrainingError, ValueError: weights or pictures that cannot be used, as the message says.
    """
    start = net.read(Path(recipe.init_from))
    recipe = replace(recipe, architecture=start.architecture)
    train, validation, _ = divide(own)
    old_train, old_validation = mnist.load_train(data_root)
    old_test = as_served(mnist.load_test(data_root), Settings.read(MODEL_CONFIG).limits)
    validation = repeated(validation, len(old_validation)) + old_validation  # so that both weigh about the same
    train = rehearsed(train, old_train, rehearsal, recipe.seed) + no_digits(more.no_digits)
    out.parent.mkdir(parents=True, exist_ok=True)
    progress = best_training(recipe, train, validation, more.unlabelled, out.parent)

    best = net.DigitNet(recipe.architecture)
    best.load_state_dict(progress.best_weights)
    changes = [
        Change("your pictures, held out", *(right_as_served(each, own) for each in (start, calibrated(best, validation)))),
        Change("MNIST test", right(start, old_test), right(best, old_test)),
    ]
    described = asdict(recipe) | {
        "rehearsal": rehearsal,
        "made_from": hashes(recipe.sources()),
        "own_pictures": len(own.split),
        "own_sha256": own.split.sha256(),
        "own_without_digit": len(more.no_digits),
        "own_unlabelled": len(more.unlabelled),
    }
    new = {"held_out_before": float(changes[0].before.mean()), "held_out": float(changes[0].after.mean())}
    version = version or next_minor(check_card(Path(recipe.init_from)).version)
    origin = Origin(version, described, {"training_s": progress.seconds} | new)
    card = publish(best, out, origin=origin, validation=validation, data_root=data_root)
    (out.parent / CHECKPOINT).unlink()
    return card, changes


def no_digits(canvases: NDArray[np.uint8]) -> mnist.Split:
    """Canvases uint8 (N, 28, 28) under the label of the eleventh class."""
    return mnist.Split(canvases, np.full(len(canvases), NO_DIGIT))


def best_training(recipe: Recipe, train: mnist.Split, validation: mnist.Split, unlabelled: NDArray[np.uint8], run_dir: Path) -> Progress:
    """The training on the labels alone, or where it reads validation better, that which also learns from pictures without a label."""
    alone = Trainer(replace(recipe, unlabelled=0.0), train, validation).run(run_dir, resume=False)
    if not recipe.unlabelled or not len(unlabelled):
        return alone
    both = Trainer(recipe, train, validation, unlabelled=unlabelled).run(run_dir, resume=False)
    print(
        f"validation: {alone.best_accuracy:.2%} by the labels alone, {both.best_accuracy:.2%} with {len(unlabelled):,} unlabelled pictures"
    )
    return both if both.best_accuracy > alone.best_accuracy else alone


def as_served(split: mnist.Split, limits: Limits) -> mnist.Split:
    """The canvases that a worker makes of a split's pictures."""
    return mnist.Split(np.stack([to_canvas(decode_picture(encode_png(picture), limits)) for picture in split.pictures]), split.labels)


def right(model: net.DigitNet, split: mnist.Split) -> NDArray[np.bool_]:
    """Which pictures of a split are read right, bool (N,)."""
    return np.asarray(logits(model, split).argmax(dim=1).eq(torch.from_numpy(split.labels)))


def right_as_served(model: net.DigitNet, own: Own) -> NDArray[np.bool_]:
    """Which held-out pictures are read right by a server with this net, which reads of each the canvas of its own choice, bool (N,)."""
    reader, places = CanvasReader.with_net(model), np.flatnonzero(own.tenths < HELD_OUT)
    found = reader.shown_in(own.files[i] for i in places)
    digits = [int(reader.run(shown.canvas[np.newaxis]).argmax()) if isinstance(shown, Shown) else -1 for shown in found]
    return np.asarray(np.array(digits) == own.split.labels[places])


def calibrated(model: net.DigitNet, validation: mnist.Split) -> net.DigitNet:
    """A copy with the temperature that it is published with, on which the choice between canvases depends."""
    copy = deepcopy(model)
    divide_logits(copy, fit_temperature(logits(copy, validation), torch.from_numpy(validation.labels)))
    return copy


def show(changes: list[Change], card: Card, out: Path, title: str) -> None:
    """Print the table of what was learned and forgotten, and where the weights are."""
    table = Table("", "pictures", "before", "after", "learned", "forgotten", title=title)
    for change in changes:
        table.add_row(*change.cells())
    Console(highlight=False, markup=False).print(table)
    print(f"{out}, version {card.version}: {card.parameters:,} parameters, {card.accuracy['training_s']:.0f} s of training")


def check_rehearsal(parser: argparse.ArgumentParser, rehearsal: float) -> None:
    """End the command where there would be less than none of MNIST's pictures."""
    if rehearsal < 0:
        parser.error(f"--rehearsal is {rehearsal}; it must be 0 or more")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="training.finetune", usage="%(prog)s --data FOLDER [flags]; --help lists all", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--data", type=Path, required=True, help="folder/<digit>/* or a CSV with the columns path and label")
    parser.add_argument("--recipe", default="finetune", help=f"one of {', '.join(RECIPES)}; the flags below change its fields")
    parser.add_argument("--rehearsal", type=float, default=REHEARSAL, help="MNIST's pictures for each of yours, 0 for none (%(default)s)")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--data-root", type=Path, default=mnist.DATA_ROOT, help="folder that holds MNIST/raw, or will")
    add_version_flag(parser, "the one after that of the weights it starts from")
    add_flags(parser)
    flags = vars(parser.parse_args())
    check_rehearsal(parser, flags["rehearsal"])
    try:
        recipe = from_flags(flags["recipe"], flags)
        if not recipe.init_from:
            raise TrainingError("there is nothing to fine-tune; name the weights with --init-from")
        check_card(Path(recipe.init_from))  # before the pictures are read, which takes longer
        own, _ = folder.load(flags["data"], CanvasReader.of(Path(recipe.init_from)), skip_unreadable=recipe.skip_unreadable)
        extent = {"rehearsal": flags["rehearsal"], "data_root": flags["data_root"], "version": flags["version"]}
        card, changes = finetune(recipe, own, flags["out"], **extent)
    except (CardError, SettingsError, TrainingError, ValueError, OSError, mnist.DataError) as err:
        sys.exit(f"{parser.prog}: {err}")
    show(changes, card, flags["out"], f"{recipe.init_from} fine-tuned on {flags['data']}")


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
