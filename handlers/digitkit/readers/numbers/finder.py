"""What a finder is: it says where on a page the lines are that hold numbers."""

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Picture
from digitkit.readers.numbers.strips import FILL, MARGIN

CORNERS: Final = ((-1, -1), (1, -1), (1, 1), (-1, 1))  # from the middle, x to the right and y down
SHORT: Final = 4.5  # heights of a line with the room around it: up to about four digits
TALLER: Final = 1.3  # times as high as a line is, what is shown with room around it
WIDER: Final = 0.3  # heights by which that is longer


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
        return self._resized(-2 * MARGIN * FILL, FILL).quad

    @property
    def is_short(self) -> bool:
        """Whether the slant of a digit, a point behind it or a rule below it says as much of its direction as the order of its digits."""
        ahead, down = self._sides()
        return bool(np.hypot(*ahead) <= SHORT * np.hypot(*down))

    def with_room(self) -> "Found":
        """The same line with more around it: its digits may be higher than was seen, and what looks like a digit beside it an edge."""
        return self._resized(WIDER, TALLER)

    def upright(self) -> "Found":
        """The level rectangle around it."""
        left_top, right_base = self.quad.min(axis=0), self.quad.max(axis=0)
        wide, tall = right_base - left_top
        return Found(((left_top + right_base) / 2 + np.array(CORNERS) * (wide / 2, tall / 2)).astype(np.float32))

    def _sides(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """From its left end to its right one, and from its top to its foot."""
        left_top, right_top, right_foot, left_foot = self.quad
        return (right_top + right_foot - left_top - left_foot) / 2, (left_foot + right_foot - left_top - right_top) / 2

    def _resized(self, longer: float, taller: float) -> "Found":
        """The line about the same middle, longer by so many of its heights and so many times as high."""
        ahead, down = self._sides()
        tall, wide = (max(1e-6, float(np.hypot(*side))) for side in (down, ahead))
        sides = np.stack([ahead * max(0.0, 1 + longer * tall / wide), down * taller]) / 2
        return Found((self.quad.mean(axis=0) + np.array(CORNERS) @ sides).astype(np.float32))


Finder: TypeAlias = Callable[[Picture], list[Found]]  # in reading order; none where nothing is seen
