"""Text maps: what the net that finds numbers sees at each cell of a page."""

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

CELL_PX: Final = 4  # a cell is this many pixels wide and high
SIDES_PX: Final = 32  # a page's sides are multiples of this
USUAL_PX: Final = 16.0  # the height of digits that is 0 in a map

# What a map holds of each cell: the logit that it lies in the middle of a number; and of that number, of use where it does, the binary
# logarithm of its digits' height in shares of USUAL_PX; the direction that it is read in, cosine and sine, y down; how far below its
# middle line the cell is; how far the number's left and right ends are, up to FAR, all in heights of its digits.
SCORE, HEIGHT, COSINE, SINE, BELOW, LEFT, RIGHT = range(7)
CHANNELS: Final = 7
FAR: Final = 2.0

TextMap: TypeAlias = NDArray[np.float32]  # (CHANNELS, H / 4, W / 4)

# Pages uint8 (N, H, W), grey, to text maps (N, CHANNELS, H / 4, W / 4).
PageRun: TypeAlias = Callable[[NDArray[np.uint8]], TextMap]
