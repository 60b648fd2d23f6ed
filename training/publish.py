"""From a trained net to a weights file with its card: calibrated, and measured as it will be served."""

import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from digitkit.artifacts.card import Card, check_card, write_card
from digitkit.artifacts.place import place
from digitkit.readers.digits import net
from digitkit.settings import Settings
from training.data import mnist
from training.evaluate.reference import reference
from training.evaluate.served import MODEL_CONFIG, served_accuracy
from training.learn.calibrate import divide_logits, fit_temperature

WEIGHTS = "digits.pt"
PACKAGES = ("torch", "torchvision", "numpy", "pillow", "opencv-python-headless")
BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Origin:
    """What a card tells of how its weights came to be.

    Attributes:
        version: of the release that they are, or are to become.
        recipe: every field of the training's recipe, and what else they were made from.
        accuracy: figures that are known before they are measured as served, `training_s` among them.
    """

    version: str
    recipe: dict[str, Any]
    accuracy: dict[str, float]


def publish(model: net.DigitNet, path: Path, *, origin: Origin, validation: mnist.Split, data_root: Path) -> Card:
    """Calibrate `model` in place on `validation`, measure it, and leave weights and card at `path`.

    Args:
        data_root: with MNIST's test split, which is read through the served path.
    """
    settings, labels = Settings.read(MODEL_CONFIG), torch.from_numpy(validation.labels)
    rows = logits(model, validation)
    temperature = fit_temperature(rows, labels)
    divide_logits(model, temperature)
    test = mnist.load_test(data_root)
    run = net.as_run(model, torch.device("cpu"))
    found = {
        "validation": float((rows.argmax(dim=1) == labels).double().mean()),
        "test": served_accuracy(test.pictures, test.labels, run, settings),
        "seeds": 1,
    }
    with tempfile.TemporaryDirectory() as scratch:
        staged = Path(scratch) / path.name
        net.save(model, staged)
        card = write_card(
            staged,
            version=origin.version,
            recipe=origin.recipe,
            data_sha256=mnist.data_hash(data_root),
            commit=commit(),
            accuracy=found | origin.accuracy,
            temperature=temperature,
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            packages={name: version(name) for name in PACKAGES},
            reference=reference(validation, run, settings),
        )
        place(staged, path)
    return card


def logits(model: net.DigitNet, split: mnist.Split) -> Tensor:
    """Logits (N, 10) of a split, in evaluation mode."""
    model.eval()
    with torch.no_grad():
        return torch.cat([model(canvases) for canvases in torch.from_numpy(split.pictures).split(BATCH)])


def hashes(weights: Sequence[Path]) -> dict[str, str]:
    """The sha256 of each weights file that others are made from, for their card."""
    return {str(path): check_card(path).sha256 for path in weights}


def commit() -> str:
    """The commit that the code is at, or "unknown" outside a checkout."""
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        changes = subprocess.run(["git", "status", "--porcelain"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + ("+changes" if changes else "")
