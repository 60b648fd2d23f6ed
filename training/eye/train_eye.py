"""Train the eye: `python -m training.eye.train_eye --out training/released`, any field of the recipe as a flag."""

import argparse
import sys
import time
from pathlib import Path

from digitkit.artifacts.card import Card, CardError, check_card
from training.data import mnist
from training.drawn.drawn_release import Workplace, parse_flags, release, story_of
from training.drawn.drawn_trainer import DrawnRecipe
from training.eye.eye_trainer import eye_trainer, judged
from training.eye.scene_pool import draw_scenes
from training.learn.device import choose_device, multiplies_in_bfloat16
from training.recipe import TrainingError
from training.scenes.sources import demand

WEIGHTS = "eye.pt"
TASK = "eye"
RUN = Path("runs/eye")


def train(recipe: DrawnRecipe, place: Workplace) -> Card:
    """Train an eye and leave its weights and their card at their place."""
    began, device = time.monotonic(), choose_device(place.device)
    if recipe.init_from:
        check_card(Path(recipe.init_from))  # before the scenes, which take minutes
    mnist.ensure_mnist(place.data_root)
    scenes = draw_scenes(place.run / "scenes", recipe.scenes, recipe.seed, data_root=place.data_root)
    validation = draw_scenes(place.run / "scenes", 1, recipe.seed, data_root=place.data_root, is_validation=True)
    print(f"training an eye on {device}: {len(scenes):,} scenes, {time.monotonic() - began:.0f} s to draw them", flush=True)
    net = eye_trainer(recipe, scenes, device, bfloat16=multiplies_in_bfloat16(device)).run(place.run)
    found = judged(net, validation, device) | {"training_s": time.monotonic() - began}
    return release(net, story_of(recipe), place, task=TASK, found=found)


def main() -> None:
    parser = argparse.ArgumentParser(prog="training.eye.train_eye", description=__doc__)
    recipe, place = parse_flags(parser, DrawnRecipe(), RUN, WEIGHTS)
    try:
        demand()
        card = train(recipe, place)
    except (CardError, TrainingError, mnist.DataError, OSError, ValueError) as err:
        sys.exit(f"{parser.prog}: {err}")
    figures = "  ".join(f"{name} {card.accuracy[name]:.2%}" for name in ("kind", "digit", "overlap"))
    print(f"{place.weights}: {card.bytes:,} bytes, on validation scenes {figures}, {card.accuracy['training_s']:.0f} s in all")


if __name__ == "__main__":
    main()
