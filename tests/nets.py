"""Small nets with random weights, and their files, for tests that need no trained one."""

from pathlib import Path

import numpy as np
import torch

from digitkit.artifacts.card import write_card
from digitkit.readers.digits import net
from digitkit.readers.digits.net import DigitNet

CANVASES = np.random.default_rng(0).integers(0, 256, size=(6, 28, 28), dtype=np.uint8)


def drawn(architecture: str, seed: int = 0) -> DigitNet:
    """A net with random weights, in evaluation mode."""
    torch.manual_seed(seed)
    return DigitNet(architecture).eval()


def logits(model: DigitNet) -> np.ndarray:
    return net.as_run(model, torch.device("cpu"))(CANVASES)


def written(model: DigitNet, path: Path, *, recipe: dict[str, int] | None = None) -> Path:
    """The weights file of a net, with a card that says nothing but its hash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    net.save(model, path)
    unknown = {"recipe": recipe or {}, "accuracy": {"training_s": 1.0, "test": 0.5}, "packages": {}, "data_sha256": "", "commit": ""}
    write_card(path, version="1.0", temperature=1.0, parameters=0, **unknown)
    return path
