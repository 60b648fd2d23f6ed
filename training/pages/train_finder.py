"""Train the net that finds numbers: `python -m training.pages.train_finder --out training/released`, any field of the recipe as a flag."""

import argparse
import sys
import time
from pathlib import Path

from digitkit.artifacts.card import Card, CardError, check_card
from training.data import mnist
from training.drawn.drawn_release import Workplace, parse_flags, release, story_of
from training.drawn.drawn_trainer import DrawnRecipe
from training.learn.device import choose_device, multiplies_in_bfloat16
from training.pages.finder_trainer import finder_trainer, judged
from training.pages.page_pool import draw_pieces
from training.recipe import TrainingError
from training.scenes.sources import demand

WEIGHTS = "finder.pt"
TASK = "finder"
RUN = Path("runs/finder")
USUAL = DrawnRecipe(scenes=20_000, epochs=6, batch_size=8, warm_up=100)


def train(recipe: DrawnRecipe, place: Workplace) -> Card:
    """Train a finder and leave its weights and their card at their place."""
    began, device = time.monotonic(), choose_device(place.device)
    if recipe.init_from:
        check_card(Path(recipe.init_from))  # before the pieces, which take minutes
    mnist.ensure_mnist(place.data_root)
    pieces = draw_pieces(place.run / "scenes", recipe.scenes, recipe.seed, data_root=place.data_root)
    validation = draw_pieces(place.run / "scenes", 1, recipe.seed, data_root=place.data_root, is_validation=True)
    print(f"training a finder on {device}: {len(pieces):,} pieces of pages, {time.monotonic() - began:.0f} s to draw them", flush=True)
    net = finder_trainer(recipe, pieces, device, bfloat16=multiplies_in_bfloat16(device)).run(place.run)
    found = judged(net, validation, device) | {"training_s": time.monotonic() - began}
    return release(net, story_of(recipe), place, task=TASK, found=found)


def main() -> None:
    parser = argparse.ArgumentParser(prog="training.pages.train_finder", description=__doc__)
    recipe, place = parse_flags(parser, USUAL, RUN, WEIGHTS)
    try:
        demand()
        card = train(recipe, place)
    except (CardError, TrainingError, mnist.DataError, OSError, ValueError) as err:
        sys.exit(f"{parser.prog}: {err}")
    figures = "  ".join(f"{name} {card.accuracy[name]:.3f}" for name in ("overlap", "height", "ends", "turn"))
    print(f"{place.weights}: {card.bytes:,} bytes, on validation's pieces {figures}, {card.accuracy['training_s']:.0f} s in all")


if __name__ == "__main__":
    main()
