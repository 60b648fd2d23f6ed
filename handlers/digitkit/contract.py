"""The words that every part of the product shares: pictures, what runs a model, and the contract between code and weights."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

# Increased when a reader's inputs or the logits change their meaning: weights of another contract are refused at load.
CONTRACT_VERSION = 1

Picture: TypeAlias = NDArray[np.uint8]  # (H, W), grey, any polarity
Run: TypeAlias = Callable[[NDArray[np.uint8]], NDArray[np.float32]]  # a batch of N inputs -> N rows of logits


class DeviceError(Exception):
    """The device that was asked for is not available.

    It is no RuntimeError, because TorchServe answers one that names CUDA with "out of memory".
    """
