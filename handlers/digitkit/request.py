"""What TorchServe hands over of a request, whether its own reader or frames.py read it, and what its headers ask for."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from digitkit.contract import LABELS
from digitkit.errors import BadRequest

JSON: Final = "application/json"
TARGET: Final = "x-target"  # the digit to explain: TorchServe does not pass the query of /explanations on
GRPC_INPUTS: Final = {"accept": "accept", "explain": "explain", "target": TARGET}  # a gRPC call's metadata stays in TorchServe


@dataclass(slots=True)
class Request:
    """One request, as TorchServe hands it over.

    Attributes:
        row: its parameters by name: a raw body under "body" or "data", the parts of a multipart body under their names.
        headers: by their names in lower case; over gRPC the inputs that stand for some of them.
        types: the Content-Type of each parameter, "" for one that has none.
        is_grpc: whether it came over gRPC.
    """

    row: Mapping[str, Any]
    headers: Mapping[str, str]
    types: Mapping[str, str]
    is_grpc: bool


def to_request(row: Mapping[str, Any], headers: Mapping[str, str], types: Mapping[str, str]) -> Request:
    """The request of these parameters; one without a single header came over gRPC, where a call's metadata stays in TorchServe."""
    if headers:
        return Request(row, headers, types, False)
    stand_ins = {header: row[name] for name, header in GRPC_INPUTS.items() if isinstance(row.get(name), bytes | bytearray)}
    return Request(row, {header: value.decode(errors="replace") for header, value in stand_ins.items()}, types, True)


def from_torchserve(row: Mapping[str, Any], mixed: Mapping[str, Any]) -> Request:
    """The request of a row and what TorchServe's context calls its headers: among them is a dict for each parameter."""
    headers = {name.lower(): value for name, value in mixed.items() if isinstance(value, str)}
    types = {name: value.get("content-type", "") for name, value in mixed.items() if isinstance(value, dict)}
    return to_request(row, headers, types)


def parse_parameter(value: bytes, content_type: str) -> Any:
    """A parameter as TorchServe hands it to a handler: JSON is parsed and text decoded where they can be."""
    try:
        if content_type == JSON:
            return json.loads(value)
        return value.decode() if content_type.startswith("text") else value
    except (ValueError, RecursionError):
        return value


def response_headers(request: Request, named: Mapping[str, str]) -> dict[str, str]:
    """The headers of an answer: `named`, and over gRPC that it is the last, without which a stream kills TorchServe's worker."""
    return dict(named) | ({"ts_stream_next": "false"} if request.is_grpc else {})


def is_explain(request: Request) -> bool:
    """Whether pictures are to be explained: TorchServe's mark of such a route, or the input "explain" over gRPC."""
    return request.headers.get("explain", "").lower() == "true"


def read_target(request: Request) -> int | None:
    """The digit to explain, from the header X-Target; None for the predicted one.

    Raises:
        BadRequest: it is no digit.
    """
    text = request.headers.get(TARGET)
    if not text:
        return None
    if text not in map(str, LABELS):
        raise BadRequest(f"X-Target has {len(text)} characters that are no digit; it must be one from 0 to 9")
    return int(text)
