"""Train the eye: `python -m training.eye.train_eye --out training/released`, any field of the recipe as a flag."""

import argparse
import hashlib
import json
import sys
import tempfile
import time
from dataclasses import asdict, fields
from importlib.metadata import version
from pathlib import Path

from digitkit.artifacts.card import FIRST_VERSION, Card, CardError, check_card, write_card
from digitkit.artifacts.place import place
from digitkit.backends import blocks
from training.data import mnist
from training.eye.eye_trainer import CHECKPOINT, EyeRecipe, EyeTrainer, judged
from training.eye.scene_pool import draw_scenes
from training.learn.device import choose_device, multiplies_in_bfloat16
from training.publish import PACKAGES, commit, hashes
from training.recipe import TrainingError
from training.scenes.sources import demand, used
from training.version import add_version_flag

WEIGHTS = "eye.pt"
TASK = "eye"
RUN = Path("runs/eye")
SOURCES = "sources.json"


def train(recipe: EyeRecipe, run: Path, out: Path, *, data_root: Path, device: str, release: str) -> Card:
    """Train an eye and leave its weights and their card in `out`; what it needs to go on after a kill lies in `run`."""
    began, place_on = time.monotonic(), choose_device(device)
    made_from = [Path(recipe.init_from)] if recipe.init_from else []
    for given in made_from:
        check_card(given)  # before the scenes, which take minutes
    mnist.ensure_mnist(data_root)
    scenes = draw_scenes(run / "scenes", recipe.scenes, recipe.seed, data_root=data_root)
    validation = draw_scenes(run / "scenes", 1, recipe.seed, data_root=data_root, is_validation=True)
    print(f"training an eye on {place_on}: {len(scenes):,} scenes, {time.monotonic() - began:.0f} s to draw them", flush=True)
    trainer = EyeTrainer(recipe, scenes, place_on, bfloat16=multiplies_in_bfloat16(place_on))
    net = trainer.run(run)
    found = judged(net, validation, place_on) | {"training_s": time.monotonic() - began}
    with tempfile.TemporaryDirectory() as scratch:
        staged = Path(scratch) / WEIGHTS
        blocks.save(net, staged)
        card = write_card(
            staged,
            version=release,
            task=TASK,
            recipe=asdict(recipe) | {"made_from": hashes(made_from), "drawn_from": log_sources(run / SOURCES)},
            data_sha256=mnist.data_hash(data_root),
            commit=commit(),
            accuracy=found,
            temperature=1.0,
            parameters=sum(parameter.numel() for parameter in net.parameters()),
            packages={name: version(name) for name in PACKAGES},
            reference={},
        )
        place(staged, out / WEIGHTS)
    (run / CHECKPOINT).unlink(missing_ok=True)
    return card


def log_sources(path: Path) -> dict[str, str | int]:
    """Write down every font and picture that scenes were made of; how many there are, and the sha256 of that list."""
    found = used()
    path.write_text(json.dumps(found, indent=2) + "\n")
    return {"files": len(found), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="training.eye.train_eye", description=__doc__)
    for field in fields(EyeRecipe):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=field.type, default=field.default)
    parser.add_argument("--run", type=Path, default=RUN, help="the folder of the scenes and of the checkpoint to go on from")
    parser.add_argument("--out", type=Path, required=True, help=f"the folder that gets {WEIGHTS} and its card")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--data-root", type=Path, default=mnist.DATA_ROOT)
    add_version_flag(parser, "of the release that the eye becomes part of")
    flags = parser.parse_args()
    recipe = EyeRecipe(**{field.name: getattr(flags, field.name) for field in fields(EyeRecipe)})
    try:
        demand()
        card = train(recipe, flags.run, flags.out, data_root=flags.data_root, device=flags.device, release=flags.version or FIRST_VERSION)
    except (CardError, TrainingError, mnist.DataError, OSError, ValueError) as err:
        sys.exit(f"{parser.prog}: {err}")
    figures = "  ".join(f"{name} {card.accuracy[name]:.2%}" for name in ("kind", "digit", "overlap"))
    print(f"{flags.out / WEIGHTS}: {card.bytes:,} bytes, on validation scenes {figures}, {card.accuracy['training_s']:.0f} s in all")


if __name__ == "__main__":
    main()
