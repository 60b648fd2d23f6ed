"""Train the reader of numbers: `python -m training.lines.train_numbers --out training/released`, any field of the recipe as a flag."""

import argparse
import sys
import time
from pathlib import Path

from digitkit.artifacts.card import Card, CardError, check_card
from training.data import mnist
from training.drawn.drawn_release import Workplace, parse_flags, release, story_of
from training.drawn.drawn_trainer import DrawnRecipe
from training.learn.device import choose_device, multiplies_in_bfloat16
from training.lines.line_calibrate import best_temperature
from training.lines.line_pool import draw_lines
from training.lines.line_trainer import judged, line_trainer
from training.recipe import TrainingError
from training.scenes.sources import demand

WEIGHTS = "numbers.pt"
TASK = "numbers"
RUN = Path("runs/numbers")
USUAL = DrawnRecipe(scenes=300_000, epochs=4, batch_size=48)


def train(recipe: DrawnRecipe, place: Workplace) -> Card:
    """Train a net that reads lines and leave its weights and their card at their place."""
    began, device = time.monotonic(), choose_device(place.device)
    if recipe.init_from:
        check_card(Path(recipe.init_from))  # before the lines, which take minutes
    mnist.ensure_mnist(place.data_root)
    lines = draw_lines(place.run / "scenes", recipe.scenes, recipe.seed, data_root=place.data_root)
    validation = draw_lines(place.run / "scenes", 1, recipe.seed, data_root=place.data_root, is_validation=True)
    print(f"training a reader of lines on {device}: {len(lines):,} lines, {time.monotonic() - began:.0f} s to draw them", flush=True)
    net = line_trainer(recipe, lines, device, bfloat16=multiplies_in_bfloat16(device)).run(place.run)
    found = judged(net, validation, device) | {"training_s": time.monotonic() - began}
    return release(net, story_of(recipe), place, task=TASK, found=found, temperature=best_temperature(net, validation, device))


def main() -> None:
    parser = argparse.ArgumentParser(prog="training.lines.train_numbers", description=__doc__)
    recipe, place = parse_flags(parser, USUAL, RUN, WEIGHTS)
    try:
        demand()
        card = train(recipe, place)
    except (CardError, TrainingError, mnist.DataError, OSError, ValueError) as err:
        sys.exit(f"{parser.prog}: {err}")
    found = card.accuracy
    print(f"{place.weights}: {card.bytes:,} bytes, of validation's lines {found['text']:.2%} right, {found['training_s']:.0f} s in all")


if __name__ == "__main__":
    main()
