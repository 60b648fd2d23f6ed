"""Lines: a picture of one line of writing as a strip, and what a net reads in its frames."""

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

STRIP_PX: Final = 32  # the height of a strip
FRAME_PX: Final = 2  # a frame is what is read in this many columns of a strip
BUCKET_PX: Final = 32  # a strip's width is a multiple of this, so that lines of like width are read together
ALPHABET: Final = "0123456789.,-/: *"  # the last stands for any other sign, as a letter
OTHER: Final = "*"
BLANK: Final = len(ALPHABET)  # the class of a frame in which no character begins or goes on

Strip: TypeAlias = NDArray[np.uint8]  # (32, W), grey, W a multiple of BUCKET_PX

# Strips uint8 (N, 32, W) to logits float32 (N, W / 2, 18) of the alphabet and of BLANK, and extents float32 (N, W / 2, 2): where the
# text's top and bottom are in each frame, in shares of the strip's height, of use where something is read.
LineRun: TypeAlias = Callable[[NDArray[np.uint8]], tuple[NDArray[np.float32], NDArray[np.float32]]]
