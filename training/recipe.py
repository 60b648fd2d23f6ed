"""Recipes: every knob of a training in one frozen dataclass, each field a flag of training.train."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

Optimizer = Literal["adam", "adamw", "sgd", "adagrad"]
Schedule = Literal["constant", "step", "cosine", "one-cycle", "plateau"]
Precision = Literal["auto", "float32", "bfloat16"]
Layout = Literal["channels-last", "contiguous"]
Freeze = Literal["none", "features", "all-but-head"]


class TrainingError(Exception):
    """A training that cannot start or go on as asked; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a net is trained. The defaults are the `quick` recipe, which is the published run."""

    architecture: str = "lean-16-32-64"  # as digitkit.readers.digits.net.DigitNet takes it: lean, seed, deep, or with other widths
    optimizer: Optimizer = "adamw"
    learning_rate: float = 6e-3  # the peak of a one-cycle, the start of every other schedule
    schedule: Schedule = "one-cycle"
    epochs: int = 12
    batch_size: int = 256  # pictures a step
    weight_decay: float = 0.02
    momentum: float = 0.9  # of sgd
    dropout: float = 0.2  # share of features dropped before the last layer
    label_smoothing: float = 0.0
    clip: float = 0.0  # the norm that a step's gradient is cut to, 0 for no limit
    ema: float = 0.0  # share of the averaged weights that a step keeps, 0 for no average: validation then takes the net itself
    augmentation: float = 0.45  # strength of the random deformations, 1 for the bounds in training.augment.deform, 0 for none
    # share of pictures that are spoilt in one of training.augment.disturb.WAYS: noise, lines, hollow strokes and others
    disturbance: float = 0.0
    calm: float = 0.25  # share of the epochs, the last ones, that deform and disturb half as much
    synthetic: float = 0.2  # synthetic pictures, non-digits among them, added to a batch, as a share of batch_size
    pool: int = 12_000  # how many such pictures there are to draw from
    unlabelled: float = 0.0  # pictures without labels that are read for a batch, where there are any, as a share of batch_size
    sure: float = 0.95  # the least confidence at which what is read in one of them is learned as its label
    patience: int = 0  # epochs without a better validation before an early stop, 0 for never
    pictures: int = 0  # train on only this many pictures, the first of the training split, 0 for all
    extra: str = ""  # sets of training.data.extra.SETS to add to the training split, with commas between
    pictures_from: str = ""  # a folder or a CSV of own pictures to add, see training.data.folder
    skip_unreadable: bool = False  # leave out those of `pictures_from` that cannot be read
    seed: int = 0
    device: str = "auto"  # auto, cpu, cuda or cuda:N
    precision: Precision = "auto"  # auto: bfloat16 where the hardware has it
    layout: Layout = "channels-last"  # of pictures in memory while training
    teachers: str = ""  # weights files, with commas between them, whose averaged logits the net learns as well
    distill_temperature: float = 2.0  # softens both answers before they are compared
    distill_share: float = 0.7  # the teachers' part in the loss; the labels have the rest
    init_from: str = ""  # a weights file of this architecture to start from, in place of random weights
    freeze: Freeze = "none"  # what keeps its weights: the features are all convolutions, the head is the last layer
    thaw_epochs: int = 0  # after every this many epochs the next frozen layer below the head learns as well, 0 for never
    feature_rate: float = 1.0  # learning rate of all layers but the head, as a share of learning_rate
    lora_rank: int = 0  # learn changes of this rank beside frozen weights, 0 for the weights themselves

    def sources(self) -> list[Path]:
        """The weights files that a training by this recipe learns from."""
        return self.teacher_files() + ([Path(self.init_from)] if self.init_from else [])

    def teacher_files(self) -> list[Path]:
        """The weights files in `teachers`."""
        return [Path(path) for path in self.teachers.split(",") if path]


RECIPES = {
    "quick": Recipe(),
    "release": Recipe(
        architecture="deep-16-32-64-128-128",  # as good as the wider "deep", and 1.6 times as fast
        learning_rate=5e-3,
        epochs=30,
        dropout=0.3,
        ema=0.998,
        augmentation=0.6,
        disturbance=0.35,
        calm=0.3,
        synthetic=0.5,
        pool=100_000,
    ),
    "tiny": Recipe(  # 8,962 parameters, taught by the released net
        architecture="lean-8-16-32",
        learning_rate=1e-2,
        epochs=30,
        dropout=0.0,
        augmentation=0.3,
        calm=0.3,
        synthetic=0.05,
        pool=4_000,
        teachers="training/released/digits.pt",
    ),
    "finetune": Recipe(learning_rate=3e-3, epochs=8, batch_size=64, lora_rank=2),  # for training.finetune, which names init_from
    "retrain": Recipe(  # for training.retrain, likewise: disturbed as the released net was, so that it stays as robust
        learning_rate=3e-3, epochs=8, batch_size=64, ema=0.99, disturbance=0.35, unlabelled=2.0, lora_rank=2
    ),
    "few-labels": Recipe(  # for training.few_labels: 200 steps an epoch, 64 labelled pictures and 448 others in each
        learning_rate=4e-3,
        epochs=8,
        batch_size=64,
        ema=0.99,
        augmentation=0.6,
        disturbance=0.25,
        synthetic=0.0,
        unlabelled=7.0,
    ),
    "pretrain": Recipe(  # for training.pretrain: nothing of a picture's label is known
        learning_rate=4e-3, batch_size=512, epochs=6, augmentation=1.0, disturbance=0.25
    ),
    "paper": Recipe(
        architecture="seed",
        optimizer="adam",
        learning_rate=1e-3,
        schedule="constant",
        epochs=100,
        batch_size=64,
        weight_decay=0.0,
        dropout=0.0,
        augmentation=0.0,
        synthetic=0.0,
        patience=10,
        precision="float32",
    ),
}


def add_flags(parser: argparse.ArgumentParser, names: Sequence[str] = ()) -> None:
    """Give `parser` one flag a field of Recipe, or for those of `names` alone; one that is not given leaves the named recipe's value."""
    for field in fields(Recipe):
        if names and field.name not in names:
            continue
        if field.type is bool:
            parser.add_argument(f"--{field.name.replace('_', '-')}", action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS)
            continue
        literal = get_origin(field.type) is Literal
        choices = get_args(field.type) if literal else None
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            type=str if literal else field.type,
            choices=choices,
            default=argparse.SUPPRESS,
            metavar=None if choices else field.name.upper(),
        )


def from_flags(name: str, flags: dict[str, Any]) -> Recipe:
    """The recipe `name` with the given flags in place of its own values.

    Raises:
        ValueError: an unknown recipe, or a value outside its range.
    """
    if name not in RECIPES:
        raise ValueError(f"unknown recipe {name!r}; there are {', '.join(RECIPES)}")
    known = {field.name for field in fields(Recipe)}
    recipe = replace(RECIPES[name], **{key: value for key, value in flags.items() if key in known})
    for key in ("epochs", "batch_size", "learning_rate", "pool", "distill_temperature", "feature_rate"):
        if getattr(recipe, key) <= 0:
            raise ValueError(f"{key} is {getattr(recipe, key)}; it must be more than 0")
    for key in ("dropout", "label_smoothing", "momentum", "ema", "disturbance", "calm"):
        if not 0 <= getattr(recipe, key) < 1:
            raise ValueError(f"{key} is {getattr(recipe, key)}; it must be from 0 to below 1")
    for key in ("distill_share", "sure"):
        if not 0 <= getattr(recipe, key) <= 1:
            raise ValueError(f"{key} is {getattr(recipe, key)}; it must be from 0 to 1")
    for key in ("weight_decay", "clip", "augmentation", "synthetic", "unlabelled", "patience", "pictures", "thaw_epochs", "lora_rank"):
        if getattr(recipe, key) < 0:
            raise ValueError(f"{key} is {getattr(recipe, key)}; it must be 0 or more")
    return recipe
