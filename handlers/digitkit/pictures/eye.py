"""The eye: which ink of a picture is the digit's, and whether there is one digit, several or none.

The eye is a net, which digitkit.backends.eye_net and eye_ort load; here is how it looks at pictures of any size.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Picture
from digitkit.pictures.look import LOOK_PX, Ink, closer, look_at

# Looks uint8 (N, 64, 64) to inks uint8 (N, 64, 64) and the probabilities of no digit, one and several, float32 (N, 3).
Eye: TypeAlias = Callable[[NDArray[np.uint8]], tuple[NDArray[np.uint8], NDArray[np.float32]]]

INK, KINDS = "ink", "kinds"  # the names of what an eye gives
CHUNK = 32  # looks in one call, few enough that their activations stay in a processor's cache
CLOSER = 2  # most times that a digit which is small in a picture is looked at again
LEAST_INK = 64  # of 255: an eye that is less sure of every pixel has seen no digit
SMALLEST_PX = 2  # sides of the smallest part that is looked at


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen in a picture.

    Attributes:
        ink: of the digit, uint8 (64, 64), in the last look.
        none, several: how likely there is no digit in the last look, and more than one in the whole picture, 0 to 1.
    """

    ink: Ink
    none: float
    several: float

    @property
    def has_ink(self) -> bool:
        """Whether any ink was seen."""
        return int(self.ink.max()) >= LEAST_INK

    @property
    def one(self) -> float:
        """How likely there is just one digit, 0 to 1."""
        return max(0.0, 1 - max(self.none, self.several))


def see(pictures: Sequence[Picture], eye: Eye) -> list[Sight]:
    """What is seen in each picture, in order. Where the digit is small in it, its surroundings are looked at again, closer."""
    if not pictures:
        return []
    parts = list(pictures)
    inks, kinds = _looked([look_at(part) for part in parts], eye)
    several = kinds[:, 2].copy()
    again = [*range(len(parts))]
    for _ in range(CLOSER):
        near = [(i, part) for i in again if (part := closer(parts[i], inks[i])) is not None and min(part.shape) >= SMALLEST_PX]
        if not near:
            break
        again, found = [i for i, _ in near], _looked([look_at(part) for _, part in near], eye)
        inks[again], kinds[again] = found
        for i, part in near:
            parts[i] = part
    return [Sight(ink, none, many) for ink, none, many in zip(inks, kinds[:, 0].tolist(), several.tolist(), strict=True)]


def _looked(looks: Sequence[Ink], eye: Eye) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """What the eye gives for looks, asked in chunks."""
    stack = np.concatenate(looks).reshape(-1, LOOK_PX, LOOK_PX)
    parts = [eye(stack[start : start + CHUNK]) for start in range(0, len(stack), CHUNK)]
    return np.concatenate([ink for ink, _ in parts]), np.concatenate([kinds for _, kinds in parts])
