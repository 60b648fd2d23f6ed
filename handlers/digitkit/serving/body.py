"""What the body of a request holds: encoded pictures or arrays of pixels, in the forms that clients send them.

Every reader returns sources in the request's order, and what makes a file or pixels of each of them: a list is read a few pictures
at a time, and one that is bad by itself is refused by itself. A body that is bad as a whole raises.
"""

import base64
import binascii
import io
import json
import math
import tokenize
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from digitkit.contract import Picture
from digitkit.errors import BadRequest, TooLarge
from digitkit.settings import Limits

Source: TypeAlias = bytes | bytearray | Picture

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
COLOURS: Final = 3  # a last axis as long as this is no picture's width
DATA_URL: Final = "data:"  # how browsers begin the base64 of a file or of a canvas; the base64 follows the first comma
BASE64: Final = "A to Z, a to z, 0 to 9, + and /, filled up with =, in one line"
V1_FORMS: Final = 'a base64 string, {"data": base64}, {"b64": base64}, or rows of numbers from 0 to 255'


@dataclass(frozen=True, slots=True)
class Sources:
    """The pictures of one request as they came.

    Attributes:
        items: encoded files, values of JSON, or pixels (N, H, W).
        read: an item's bytes or pixels; raises BadRequest.
    """

    items: Sequence[Any] | NDArray[np.uint8]
    read: Callable[[Any], Source]


def parse_json(data: bytes | bytearray) -> Any:
    """The JSON in `data`; raises BadRequest."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as err:
        raise BadRequest(f"{len(data)} bytes that are no JSON: {str(err).partition(':')[0]}") from err


def read_instances(body: Mapping[str, Any], limits: Limits) -> Sources:
    """The pictures of a KServe V1 request, {"instances": [...]}.

    Source: KServe's Data Plane V1 protocol, https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol
    """
    instances = body["instances"]
    if not isinstance(instances, list) or not instances:
        raise BadRequest(f"instances is {kind_of(instances)}; it must be a list of one or more pictures")
    check_count(len(instances), limits)
    return Sources(instances, _instance)


def read_npy(data: bytes | bytearray, limits: Limits) -> tuple[Sources, bool]:
    """The pictures of a NumPy file of dtype uint8, (H, W) or (N, H, W), and whether it holds a list of them."""
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
    if dtype != np.uint8 or len(shape) not in (2, 3):
        raise BadRequest(f"the NumPy file holds {dtype} {shape}; uint8 (H, W) and (N, H, W) are accepted")
    pixels = data[stream.tell() :]
    array = _shaped(np.frombuffer(pixels, dtype=np.uint8), shape, order="F" if is_fortran else "C")
    if array.ndim == 2:
        return Sources([array], as_it_is), False
    check_count(len(array), limits)
    return Sources(array, as_it_is), True


def read_tensor(body: Mapping[str, Any], binary: bytes | bytearray, limits: Limits) -> Sources:
    """The pictures of an Open Inference Protocol (V2) request: one input, UINT8 [N, H, W], or BYTES [N] of encoded pictures.

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
    if not isinstance(shape, list) or not all(type(side) is int and 0 < side < MAX_SIDE for side in shape):
        raise BadRequest(f"the input's shape is {kind_of(shape)}; it must be a list of whole numbers, 1 or more and below {MAX_SIDE}")
    size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
    if (datatype, len(shape)) not in (("UINT8", 3), ("BYTES", 1)):
        raise BadRequest(f"the input is of another datatype or of {len(shape)} dimensions; UINT8 [N, H, W] and BYTES [N] are accepted")
    check_count(shape[0], limits)
    if size is not None:
        if size != len(binary):
            raise BadRequest(f"binary_data_size does not match the {len(binary)} bytes that follow the JSON")
        is_pixels = datatype == "UINT8"
        return Sources(_shaped(np.frombuffer(binary, dtype=np.uint8), shape) if is_pixels else _byte_strings(binary, shape[0]), as_it_is)
    values = tensor.get("data")
    if not isinstance(values, list):
        raise BadRequest(f"the input's data is {kind_of(values)}; it must be a list")
    if datatype == "UINT8":
        return Sources(_shaped(_pixels(values).ravel(), shape), as_it_is)
    if len(values) != shape[0]:
        raise BadRequest(f"the input's data has {len(values)} elements, its shape says {shape[0]}")
    return Sources(values, _base64)


def as_it_is(item: Any) -> Source:
    """An item that is a file's bytes or pixels already; raises BadRequest of any other: TorchServe parses a part that says it is JSON."""
    if not isinstance(item, bytes | bytearray | np.ndarray):
        raise BadRequest(f"a part is {kind_of(item)}, by its Content-Type; send the bytes of an encoded picture")
    return item


def _instance(value: Any) -> Source:
    if isinstance(value, dict):
        if not value.keys() & {"data", "b64"}:
            raise BadRequest(f"an instance is an object without data or b64; it must be {V1_FORMS}")
        value = value.get("data", value.get("b64"))
    if isinstance(value, str):
        return _base64(value)
    if not isinstance(value, list):
        raise BadRequest(f"an instance is {kind_of(value)}; it must be {V1_FORMS}")
    pixels = _pixels(value)
    if pixels.ndim != 2 or pixels.size == 0:
        raise BadRequest(f"an instance has {pixels.ndim} dimensions and {pixels.size} numbers; it must have rows of numbers")
    return pixels


def _base64(value: Any) -> bytes:
    if not isinstance(value, str):
        raise BadRequest(f"a picture is {kind_of(value)}; it must be a base64 string")
    try:
        return base64.b64decode(value.partition(",")[2] if value.startswith(DATA_URL) else value, validate=True)
    except (binascii.Error, ValueError) as err:
        raise BadRequest(f"{len(value)} characters that are no base64: {BASE64}") from err


def _pixels(values: list[Any]) -> Picture:
    """Nested lists of numbers from 0 to 255 as an array; raises BadRequest."""
    try:
        objects = np.asarray(values, dtype=object)  # any other type makes room for the longest string in every element
        array = objects.astype(np.float64) if set(map(type, objects.ravel())) <= {int, float} else np.empty(0)
    except (ValueError, OverflowError, RecursionError) as err:
        raise BadRequest("the rows of numbers are of different lengths, or nested too deeply") from err
    if not (array.size and np.isfinite(array).all() and array.min() >= 0 and array.max() <= 255):
        raise BadRequest("the pixels are not all numbers from 0 to 255")
    if array.max() <= 1 and (array % 1).any():  # as networks take them; rounded, nothing would be left
        raise BadRequest("the pixels are fractions from 0 to 1; they must be numbers from 0 to 255")
    return np.asarray(array.round(), dtype=np.uint8)


def _byte_strings(binary: bytes | bytearray, count: int) -> list[bytes | bytearray]:
    """BYTES elements: each a length, 4 bytes little-endian, and its bytes."""
    elements: list[bytes | bytearray] = []
    start = 0
    while start + 4 <= len(binary) and len(elements) < count:
        end = start + 4 + int.from_bytes(binary[start : start + 4], "little")
        elements.append(binary[start + 4 : end])
        start = end
    if start != len(binary) or len(elements) != count:
        raise BadRequest(f"{len(binary)} bytes that are not {count} elements, each after its length")
    return elements


def _shaped(flat: NDArray[np.uint8], shape: Any, order: Any = "C") -> Picture:
    if math.prod(shape) != flat.size:
        raise BadRequest(f"{flat.size} pixels came, the shape {tuple(shape)} needs {math.prod(shape)}")
    if flat.size == 0:
        raise BadRequest(f"the shape {tuple(shape)} holds no pixels")
    if len(shape) == 3 and shape[2] == COLOURS:
        raise BadRequest(f"the shape {tuple(shape)} is that of a colour picture; grey ones are accepted, (H, W) and (N, H, W)")
    return np.ascontiguousarray(flat.reshape(shape, order=order))


def check_count(count: int, limits: Limits) -> None:
    """Raises TooLarge for more pictures than one request may bring."""
    if count > limits.pictures:
        raise TooLarge(f"{count} pictures in one request, the limit is {limits.pictures}")


def kind_of(value: Any) -> str:
    """What a JSON value is, in JSON's words."""
    if value is None:
        return "missing or null"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return {dict: "an object", str: "a string", bool: "true or false"}.get(type(value), "a number")
