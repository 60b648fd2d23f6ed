"""The pictures of a NumPy file."""

import io
import math
import tokenize
import warnings
from typing import Final

import numpy as np
from numpy.lib import format as npy

from digitkit.errors import BadRequest
from digitkit.serving.bodies.arrays import FLAT_SIDES, to_levels, unflattened
from digitkit.serving.bodies.body import Sources, of_array
from digitkit.settings import Limits

NPY_MAGIC: Final = b"\x93NUMPY"
# What NumPy's reader of headers raises for damaged ones, seen by feeding it mutated ones: tests/serving/test_fuzz.py.
NPY_FAULTS: Final = (
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    AttributeError,
    EOFError,
    OSError,
    OverflowError,
    MemoryError,
    RecursionError,
    SyntaxError,
    tokenize.TokenError,
)
MAX_SIDE: Final = 2**31  # of an array; any longer one is more than a body holds
KINDS: Final = "buif"  # of NumPy's types: truth values, whole numbers and floats
AXES: Final = (2, 3, 4)


def read_npy(data: bytes | bytearray, limits: Limits) -> tuple[Sources, bool]:
    """The pictures of a NumPy file of numbers, one or a list, and which of the two it holds."""
    stream = io.BytesIO(data)
    try:
        major, _ = npy.read_magic(stream)
        read_header = npy.read_array_header_1_0 if major == 1 else npy.read_array_header_2_0
        with warnings.catch_warnings(action="ignore"):  # of headers that Python 2 wrote, and of odd literals in damaged ones
            shape, is_fortran, dtype = read_header(stream)
    except NPY_FAULTS as err:
        raise BadRequest(f"{len(data)} bytes whose header is no NumPy file's") from err
    if not all(type(side) is int and 0 <= side < MAX_SIDE for side in shape):  # True is an int, to NumPy's reader of headers as well
        raise BadRequest(f"the NumPy file's shape has a side that is no whole number from 0 to {MAX_SIDE - 1}")
    if dtype.kind not in KINDS or len(shape) not in AXES:
        raise BadRequest(
            f"the NumPy file holds {dtype} {shape}; numbers of shape (H, W), (N, H, W), (H, W, C) and (N, H, W, C) are accepted"
        )
    if len(shape) == 2 and shape[0] > 1 and shape[1] in FLAT_SIDES:
        raise BadRequest(f"the shape {shape} may be one picture or a row for each of {shape[0]}; send (N, H, W)")
    pixels = data[stream.tell() :]
    if math.prod(shape) * dtype.itemsize != len(pixels):
        raise BadRequest(f"{len(pixels) // max(1, dtype.itemsize)} pixels came, the shape {shape} needs {math.prod(shape)}")
    values = np.frombuffer(pixels, dtype=dtype).reshape(shape, order="F" if is_fortran else "C")
    flat = unflattened(values) if shape[0] == 1 and len(shape) == 2 else None
    return of_array(to_levels(np.ascontiguousarray(values if flat is None else flat[0])), limits)
