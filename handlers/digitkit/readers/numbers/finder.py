"""What a finder is: it says where on a page the lines are that hold numbers."""

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Picture
from digitkit.readers.numbers.strips import FILL, MARGIN

CORNERS: Final = ((-1, -1), (1, -1), (1, 1), (-1, 1))  # from the middle, x to the right and y down
LEVEL, STEEP = np.radians(8), np.radians(60)
SHORT: Final = 3.0  # heights of a line with the room around it: up to about three digits


class Found(NamedTuple):
    """A line of text with a number in it.

    Attributes:
        quad: float32 (4, 2), its corners (x, y) in pixels of the page: top left, top right, bottom right and bottom left of the line,
            in reading direction. There is room around its digits, as a closer look has it.
    """

    quad: NDArray[np.float32]

    @property
    def digits(self) -> NDArray[np.float32]:
        """The corners of its digits, without the room around them."""
        middle, (ahead, down) = self.quad.mean(axis=0), self._sides()
        tall, wide = (max(1e-6, float(np.hypot(*side))) for side in (down, ahead))
        ahead, down = ahead * max(0.0, 1 - 2 * MARGIN * FILL * tall / wide), down * FILL
        return np.asarray(middle + np.array(CORNERS) @ np.stack([ahead, down]) / 2, dtype=np.float32)

    @property
    def leans(self) -> bool:
        """Whether it is so short that the slant of its digits says as much of its direction as their order, and is not level."""
        ahead, down = self._sides()
        across, rise = ahead
        return bool(LEVEL < abs(np.arctan2(rise, across)) < STEEP and np.hypot(across, rise) <= SHORT * np.hypot(*down))

    def levelled(self) -> "Found":
        """The same line about its middle, level."""
        wide, tall = (float(np.hypot(*side)) for side in self._sides())
        return Found((self.quad.mean(axis=0) + np.array(CORNERS) * (wide / 2, tall / 2)).astype(np.float32))

    def _sides(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """From its left end to its right one, and from its top to its foot."""
        left_top, right_top, right_foot, left_foot = self.quad
        return (right_top + right_foot - left_top - left_foot) / 2, (left_foot + right_foot - left_top - right_top) / 2


Finder: TypeAlias = Callable[[Picture], list[Found]]  # in reading order; none where nothing is seen
