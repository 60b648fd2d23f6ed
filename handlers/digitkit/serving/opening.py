"""A request is opened: its pictures are found, by whichever door they came, and none of them is decoded yet.

What a body may hold is read in body.py, its pictures in reading.py.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from digitkit.errors import BadRequest, TooLarge, UnsupportedMedia
from digitkit.reader import NO_HINTS, Hints
from digitkit.serving.bodies.body import (
    OBJECTS,
    Sources,
    as_it_is,
    check_count,
    hints_of,
    is_picture,
    kind_of,
    of_objects,
    parse_json,
    read_instances,
)
from digitkit.serving.bodies.npy_file import NPY_MAGIC, read_npy
from digitkit.serving.bodies.tensors import read_tensor
from digitkit.serving.bodies.wrapping import DATA_URL, encoding_of, unpacked
from digitkit.serving.reading import Reading, Wishes, own_hints
from digitkit.serving.request import HINTS, JSON, JSON_LENGTH, Request, header_text
from digitkit.settings import Limits

FIELDS_ONLY: Final = "application/x-www-form-urlencoded"  # TorchServe hands on the fields of such a form, and no body
BODY_NAMES: Final = ("body", "data")  # where TorchServe puts a raw body: REST, gRPC
PROTOCOLS: Final = '"instances" (KServe V1) or "inputs" (Open Inference Protocol)'


def open_request(request: Request, limits: Limits) -> Reading:
    """The pictures of one request, by whichever door they came.

    Raises:
        DigitError: the request as a whole is refused. A bad picture among several stands in its place instead.
    """
    row, headers = request.row, request.headers
    encoding = encoding_of(headers)
    accept = headers.get("accept", "").split(",", 1)[0].split(";", 1)[0].strip().lower()
    hints = NO_HINTS if headers.keys().isdisjoint(HINTS) else Hints(*(header_text(headers.get(name, "")) for name in HINTS))
    wishes = Wishes(accept, hints)
    if headers.get("content-type", "").startswith("multipart/"):
        if encoding:  # TorchServe reads a form as it comes
            raise UnsupportedMedia("a form has a content encoding; send its parts as they are")
        types = request.types
        parts = [_part(value, types[name]) for name, value in row.items() if types.get(name)]  # a query's parameter has no type
        check_count(len(parts), limits)
        if not parts:  # TorchServe hands on a part without one as text
            raise BadRequest("the form has no part with a file name; give each picture's part one, as curl -F name=@file does")
        return Reading(Sources(parts, as_it_is), "many" if len(parts) > 1 else "one", wishes)
    body = next((row[name] for name in BODY_NAMES if name in row), b"")
    if encoding and isinstance(body, bytes | bytearray):
        body = unpacked(body, encoding, limits)
    if isinstance(body, bytes | bytearray):
        return _open_bytes(body, headers, limits, wishes)
    return _open_json(body, b"", limits, wishes)


def _open_bytes(body: bytes | bytearray, headers: Mapping[str, str], limits: Limits, wishes: Wishes) -> Reading:
    """A body that TorchServe left as it came: a picture, a NumPy file, or JSON under another Content-Type."""
    if not body and headers.get("content-type", "").startswith(FIELDS_ONLY):
        raise BadRequest(f"a body of type {FIELDS_ONLY} holds no file; send the picture under another type, as curl -T file does")
    if not body:
        raise BadRequest("the body is empty; send a picture as the body, or one in each part of multipart/form-data")
    if len(body) > limits.body_bytes:
        raise TooLarge(f"the body is {len(body)} bytes, the limit is {limits.body_bytes}")
    if body.startswith(NPY_MAGIC):
        sources, is_list = read_npy(body, limits)
        return Reading(sources, "many" if is_list else "one", wishes)
    length = headers.get(JSON_LENGTH)
    if length:
        if not length.isdecimal() or len(length) > len(str(len(body))) or int(length) > len(body):
            raise BadRequest(f"the header {JSON_LENGTH} must be a number up to the {len(body)} bytes of the body")
        return _open_json(parse_json(body[: int(length)]), body[int(length) :], limits, wishes)
    if body[:64].lstrip()[:1] == b"{" or headers.get("content-type", "").startswith(JSON):
        return _open_json(parse_json(body), b"", limits, wishes)
    return Reading(Sources([body], as_it_is), "one", wishes)


def _open_json(body: Any, binary: bytes | bytearray, limits: Limits, wishes: Wishes) -> Reading:
    fields = [field for field in ("instances", "inputs") if isinstance(body, dict) and field in body]
    if not fields and is_picture(body):
        return Reading(of_objects([body]), "one", wishes)
    if len(fields) != 1:
        found = f"an object with {' and '.join(fields) or 'neither'}" if isinstance(body, dict) else kind_of(body)
        raise BadRequest(f"the JSON body is {found}; it must be an object with either {PROTOCOLS}, or one picture, as {OBJECTS}")
    if "instances" in body:
        return Reading(read_instances(body, limits), "v1", wishes)
    name = body.get("id")
    if name is not None and not isinstance(name, str):
        raise BadRequest("the request's id must be a string")
    wishes = wishes._replace(hints=own_hints(hints_of(body.get("parameters")), wishes.hints))
    return Reading(read_tensor(body, binary, limits), "v2", wishes, id=name)


def _part(value: Any, content_type: str) -> Any:
    """A part of a form. What is text by its type and by its bytes, and no data URL, is a string: no file of a picture, and refused."""
    if content_type.startswith("text") and isinstance(value, bytes | bytearray) and not value.startswith(DATA_URL):
        with suppress(ValueError):
            return value.decode()
    return value
