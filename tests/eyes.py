"""Stand-ins for the eye, whose answers a test knows, and the file of one with random weights."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitkit.artifacts.card import write_card
from digitkit.pictures.look import LOOK_PX

Kinds = tuple[float, float, float]  # how likely there is no digit, one, several


def trusting(looks: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """An Eye that sees no ink and doubts nothing, so that the rules alone decide."""
    return np.zeros_like(looks), np.tile(np.array([0, 1, 0], dtype=np.float32), (len(looks), 1))


class FakeEye:
    """An Eye whose ink is what is brighter than half of white in a look; it keeps the number of looks of each call.

    Args:
        kinds: what it says of the looks at each turn, the last one from then on.
    """

    def __init__(self, *kinds: Kinds) -> None:
        self.kinds = kinds or ((0.0, 1.0, 0.0),)
        self.calls: list[NDArray[np.uint8]] = []

    def __call__(self, looks: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        assert looks.dtype == np.uint8
        assert looks.shape[1:] == (LOOK_PX, LOOK_PX)
        kinds = self.kinds[min(len(self.calls), len(self.kinds) - 1)]
        self.calls.append(looks)
        return np.where(looks > 127, np.uint8(255), np.uint8(0)), np.tile(np.array(kinds, dtype=np.float32), (len(looks), 1))


def never(looks: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """An Eye that must not be asked."""
    raise AssertionError(f"the eye was shown {len(looks)} looks")


def random_eye(path: Path, seed: int = 0) -> Path:
    """The weights file of an eye with random weights, with its card."""
    import torch  # takes seconds to import, and the other stand-ins need no net

    from digitkit.backends import blocks
    from digitkit.backends.eye_net import EyeNet

    torch.manual_seed(seed)
    blocks.save(EyeNet(), path)
    unknown = {"recipe": {}, "accuracy": {}, "packages": {}, "data_sha256": "", "commit": ""}
    write_card(path, version="1.0", temperature=1.0, parameters=0, **unknown)
    return path
