"""From flags to released weights: what the commands that train on drawn pictures have in common."""

import argparse
import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path

from torch import nn

from digitkit.artifacts.card import FIRST_VERSION, Card, write_card
from digitkit.artifacts.place import place
from digitkit.backends import blocks
from training.data import mnist
from training.drawn.drawn_trainer import CHECKPOINT, DrawnRecipe
from training.publish import PACKAGES, commit, hashes
from training.scenes.sources import used
from training.version import add_version_flag

SOURCES = "sources.json"


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where a training keeps what it needs to go on after a kill, and where it leaves its weights, of which release."""

    run: Path
    weights: Path
    data_root: Path
    device: str
    release: str


def release(
    net: nn.Module, made: Mapping[str, object], place_of: Workplace, *, task: str, found: Mapping[str, float], temperature: float = 1.0
) -> Card:
    """Leave a net's weights and their card at their place, and remove the checkpoint.

    Args:
        made: how it was made, which the card keeps.
        found: how good the net is on validation's scenes.
    """
    with tempfile.TemporaryDirectory() as scratch:
        staged = Path(scratch) / place_of.weights.name
        blocks.save(net, staged)
        card = write_card(
            staged,
            version=place_of.release,
            task=task,
            recipe={**made, "drawn_from": log_sources(place_of.run / SOURCES)},
            data_sha256=mnist.data_hash(place_of.data_root),
            commit=commit(),
            accuracy=dict(found),
            temperature=temperature,
            parameters=sum(parameter.numel() for parameter in net.parameters()),
            packages={name: version(name) for name in PACKAGES},
            reference={},
        )
        place(staged, place_of.weights)
    (place_of.run / CHECKPOINT).unlink(missing_ok=True)
    return card


def story_of(recipe: DrawnRecipe) -> dict[str, object]:
    """How a training made its net."""
    return asdict(recipe) | {"made_from": hashes([Path(recipe.init_from)] if recipe.init_from else [])}


def log_sources(path: Path) -> dict[str, str | int]:
    """Write down every font and picture that scenes were made of; how many there are, and the sha256 of that list."""
    found = used()
    path.write_text(json.dumps(found, indent=2) + "\n")
    return {"files": len(found), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def parse_flags(parser: argparse.ArgumentParser, usual: DrawnRecipe, run: Path, weights: str) -> tuple[DrawnRecipe, Workplace]:
    """A recipe, each of its fields a flag with the usual value, and the places, from the command line."""
    for field in fields(usual):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=type(getattr(usual, field.name)), default=getattr(usual, field.name))
    parser.add_argument("--run", type=Path, default=run, help="the folder of the scenes and of the checkpoint to go on from")
    parser.add_argument("--out", type=Path, required=True, help=f"the folder that gets {weights} and its card")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--data-root", type=Path, default=mnist.DATA_ROOT)
    add_version_flag(parser, "of the release that the weights become part of")
    flags = parser.parse_args()
    recipe = DrawnRecipe(**{field.name: getattr(flags, field.name) for field in fields(usual)})
    return recipe, Workplace(flags.run, flags.out / weights, flags.data_root, flags.device, flags.version or FIRST_VERSION)
