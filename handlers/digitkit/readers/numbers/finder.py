"""What a finder is: it says where on a page the lines are that hold numbers."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Picture


class Found(NamedTuple):
    """A line of text with a number in it.

    Attributes:
        quad: float32 (4, 2), its corners (x, y) in pixels of the page: top left, top right, bottom right and bottom left of the line,
            in reading direction.
    """

    quad: NDArray[np.float32]


Finder: TypeAlias = Callable[[Picture], list[Found]]  # in reading order; none where nothing is seen
