"""When a picture is one line, which the reader of lines reads as a whole, and when a page, on which a finder looks for lines."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Picture
from digitkit.readers.numbers.finder import Found
from digitkit.readers.numbers.number import Number

LOWEST_PX: Final = 48  # a lower picture has no room for two lines that could be read
LONGEST: Final = 5.0  # a picture that is more times as wide as it is high is one line
LINE: Final = 1.6  # one that is this many times as wide and shows a sure number is one line
FILLS: Final = 0.3  # the share of a picture's height from which on a line fills it, with the room around it
LEVEL: Final = np.tan(np.radians(15))  # a line that leans more is none that the reader of lines follows


def may_be_page(picture: Picture, as_line: Sequence[Number]) -> bool:
    """Whether a finder is to be asked about a picture.

    Args:
        as_line: the numbers that were read in it as one line.
    """
    tall, wide = picture.shape
    if tall < LOWEST_PX or wide > LONGEST * tall:
        return False
    return not (wide >= LINE * tall and as_line and all(number.accepted for number in as_line))


def is_page(picture: Picture, found: Sequence[Found]) -> bool:
    """Whether the lines found in a picture are to be read one by one: not where a single one fills it, or none is there."""
    return len(found) > 1 or (len(found) == 1 and not _fills(found[0].quad, picture))


def _fills(quad: NDArray[np.float32], picture: Picture) -> bool:
    along, down = quad[1] - quad[0], quad[3] - quad[0]
    is_level = along[0] > 0 and abs(along[1]) <= LEVEL * along[0]
    return bool(is_level and np.hypot(*down) >= FILLS * picture.shape[0])
