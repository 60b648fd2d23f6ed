"""The command that trains a net on drawn pictures, from its flags to its released weights: make eye, make numbers, make finder."""

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from digitkit.artifacts.card import Card, CardError, check_card
from training.data import mnist
from training.drawn.drawn_release import Workplace, parse_flags, release, story_of
from training.drawn.drawn_trainer import Drawn, DrawnRecipe, DrawnTrainer
from training.learn.device import choose_device, multiplies_in_bfloat16
from training.learn.parallel import ALONE, Group, joined
from training.recipe import TrainingError
from training.scenes.sources import demand


class Draw(Protocol):
    """Makes pictures; the arguments are those of training.drawn.parts.draw_parts."""

    def __call__(self, folder: Path, count: int, seed: int, /, *, data_root: Path, is_validation: bool = False) -> Drawn: ...


class BeginTraining(Protocol):
    """Begins the training of a net on drawn pictures."""

    def __call__(self, recipe: DrawnRecipe, drawn: Any, device: torch.device, /, *, bfloat16: bool, group: Group) -> DrawnTrainer[Any]: ...


@dataclass(frozen=True, slots=True)
class DrawnNet:
    """A net that is trained on drawn pictures, and what its training takes.

    Attributes:
        task: of its card, which names its weights and its run as well.
        pictures: what is drawn, in words.
        usual: the recipe, whose fields are the command's flags.
        judged: how good a net is on validation's pictures, for the card.
        temperature: what its answers are calibrated with on those; None where they are not.
    """

    task: str
    pictures: str
    usual: DrawnRecipe
    draw: Draw
    trainer: BeginTraining
    judged: Callable[[Any, Any, torch.device], Mapping[str, float]]
    temperature: Callable[[Any, Any, torch.device], float] | None = None

    @property
    def weights(self) -> str:
        """The name of its file."""
        return f"{self.task}.pt"

    @property
    def run(self) -> Path:
        """The folder of its scenes and checkpoints, where nothing else is said."""
        return Path("runs") / self.task

    def train(self, recipe: DrawnRecipe, place: Workplace, group: Group = ALONE) -> Card:
        """Train a net and leave its weights and their card at their place."""
        began, device = time.monotonic(), choose_device(place.device)
        if recipe.init_from:
            check_card(Path(recipe.init_from))  # before the pictures, which take minutes
        draw = partial(self.draw, place.run / "scenes", recipe.scenes, recipe.seed, data_root=place.data_root)
        if group.local_rank == 0:
            mnist.ensure_mnist(place.data_root)
            drawn = draw()
            group.wait()
        else:
            group.wait()  # until the first one of this machine has drawn them
            drawn = draw()
        if group.is_first:
            took, together = time.monotonic() - began, f", {group.size} processes" if group.size > 1 else ""
            print(f"training {self.weights} on {device}{together}: {len(drawn):,} {self.pictures}, {took:.0f} s to draw them", flush=True)
        trainer = self.trainer(recipe, drawn, device, bfloat16=multiplies_in_bfloat16(device), group=group)
        net = trainer.run(place.run)
        return group.from_first(lambda: self.publish(net, story_of(recipe), place, recipe.seed, began))

    def publish(self, net: nn.Module, story: Mapping[str, object], place: Workplace, seed: int, began: float) -> Card:
        """Judge a net on validation's pictures and leave its weights and their card at their place.

        Args:
            story: how it was made, which the card keeps.
            seed: of validation's pictures.
            began: when its making began, by time.monotonic().
        """
        device = choose_device(place.device)
        validation = self.draw(place.run / "scenes", 1, seed, data_root=place.data_root, is_validation=True)
        found = {**self.judged(net, validation, device), "training_s": time.monotonic() - began}
        temperature = self.temperature(net, validation, device) if self.temperature else 1.0
        return release(net, story, place, task=self.task, found=found, temperature=temperature)

    def command(self, prog: str, doc: str | None) -> None:
        """Train as the command line says."""
        parser = argparse.ArgumentParser(prog=prog, description=doc)
        recipe, place = parse_flags(parser, self.usual, self.run, self.weights)
        try:
            demand()
            with joined(place.device) as group:
                card = self.train(recipe, place, group)
        except (CardError, TrainingError, mnist.DataError, OSError, ValueError) as err:
            sys.exit(f"{parser.prog}: {err}")
        if not group.is_first:
            return
        figures = "  ".join(f"{name} {value:.4f}" for name, value in card.accuracy.items() if name != "training_s")
        took = card.accuracy["training_s"]
        print(f"{place.weights}: {card.bytes:,} bytes, on validation's {self.pictures} {figures}, {took:.0f} s in all")
