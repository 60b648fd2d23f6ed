"""The pictures of an Open Inference Protocol (V2) request: one input, pixels of any numeric type, or encoded files."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from digitkit.errors import BadRequest
from digitkit.serving.bodies.arrays import to_levels, unflattened
from digitkit.serving.bodies.body import Sources, as_it_is, check_count, kind_of, numbers, of_array
from digitkit.serving.bodies.wrapping import decode_base64
from digitkit.settings import Limits

MAX_SIDE: Final = 2**31  # of a tensor; any longer one is more than a body holds
FLOATS: Final = {"FP16": "<f2", "FP32": "<f4", "FP64": "<f8"}
INTEGERS: Final = {f"{'U' if sign == 'u' else ''}INT{8 * size}": f"<{sign}{size}" for sign in "ui" for size in (1, 2, 4, 8)}
TYPES: Final = INTEGERS | FLOATS  # the bytes of each type in a binary tensor
AXES: Final = (2, 3, 4)
ACCEPTED: Final = (
    "UINT8 [N, H, W], also [N, 1, H, W], [N, H, W, 1], [N, 784] and other integers, FP16, FP32 and FP64, and BYTES [N] or [-1] are accepted"
)


def read_tensor(body: Mapping[str, Any], binary: bytes | bytearray, limits: Limits) -> Sources:
    """The pictures of a V2 request.

    Args:
        body: the request's JSON.
        binary: what follows the JSON where the input's data is binary, as its parameter binary_data_size says.
    Source: https://github.com/kserve/open-inference-protocol, with the binary data extension.
    """
    inputs = body["inputs"]
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise BadRequest(f"inputs is {kind_of(inputs)}; it must be a list of one tensor")
    tensor = inputs[0]
    datatype, shape, parameters = tensor.get("datatype"), tensor.get("shape"), tensor.get("parameters") or {}
    if not isinstance(shape, list) or not all(map(_is_side, shape)) or shape[1:].count(-1):
        raise BadRequest(
            f"the input's shape is {kind_of(shape)}; it must be a list of whole numbers, 1 or more and below {MAX_SIDE}, or -1 first"
        )
    is_bytes = datatype == "BYTES" and shape
    if not (is_bytes or (isinstance(datatype, str) and datatype in TYPES and len(shape) in AXES)):
        raise BadRequest(f"the input is of another datatype or of {len(shape)} dimensions; {ACCEPTED}")
    size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
    if size is None:
        values = tensor.get("data")
        if not isinstance(values, list):
            raise BadRequest(f"the input's data is {kind_of(values)}; it must be a list")
        return _files(values, shape, decode_base64_of, limits) if is_bytes else _pixels(numbers(values).ravel(), shape, limits)
    if size != len(binary):
        raise BadRequest(f"binary_data_size does not match the {len(binary)} bytes that follow the JSON")
    if is_bytes:
        return _files(_byte_strings(binary, limits), shape, as_it_is, limits)
    dtype = np.dtype(TYPES[str(datatype)])
    if len(binary) % dtype.itemsize:
        raise BadRequest(f"{len(binary)} bytes are no whole number of {datatype}")
    return _pixels(np.frombuffer(binary, dtype=dtype), shape, limits)


def decode_base64_of(value: Any) -> bytes:
    """The file that an element of a BYTES tensor holds in JSON; raises BadRequest."""
    if not isinstance(value, str):
        raise BadRequest(f"a picture is {kind_of(value)}; it must be a base64 string")
    return decode_base64(value)


def _is_side(side: Any) -> bool:
    return type(side) is int and (side == -1 or 0 < side < MAX_SIDE)


def _files(elements: Sequence[Any], shape: list[int], read: Any, limits: Limits) -> Sources:
    check_count(len(elements), limits)
    if -1 not in shape and math.prod(shape) != len(elements):
        raise BadRequest(f"the input's data has {len(elements)} elements, its shape says {math.prod(shape)}")
    return Sources(elements, read)


def _pixels(flat: NDArray[Any], shape: list[int], limits: Limits) -> Sources:
    rest = math.prod(shape[1:])
    sides = [flat.size // rest, *shape[1:]] if shape[0] == -1 else shape
    check_count(sides[0], limits)
    if math.prod(sides) != flat.size:
        raise BadRequest(f"{flat.size} pixels came, the shape {tuple(shape)} needs {math.prod(sides)}")
    values = flat.reshape(sides)
    pictures = unflattened(values) if values.ndim == 2 else values
    if pictures is None:
        raise BadRequest(f"the input has the shape {tuple(shape)}; {ACCEPTED}")
    return of_array(to_levels(pictures), limits)[0]


def _byte_strings(binary: bytes | bytearray, limits: Limits) -> list[bytes | bytearray]:
    """BYTES elements: each a length, 4 bytes little-endian, and its bytes."""
    elements: list[bytes | bytearray] = []
    start = 0
    while start + 4 <= len(binary):
        end = start + 4 + int.from_bytes(binary[start : start + 4], "little")
        elements.append(binary[start + 4 : end])
        check_count(len(elements), limits)
        start = end
    if start != len(binary):
        raise BadRequest(f"{len(binary)} bytes that are not elements, each after its length")
    return elements
