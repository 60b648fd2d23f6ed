"""What TorchServe hands over of a request, whether its own reader or frames.py read it, and what its headers ask for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from digitkit.errors import BadRequest, DigitError
from digitkit.reader import Hints
from digitkit.serving.bodies.body import parse_json

JSON: Final = "application/json"
JSON_LENGTH: Final = "inference-header-content-length"  # bytes of JSON before the binary tensors of a V2 request
OWN_ROUTE: Final = "url_path"  # TorchServe's header of a request to one of its own routes
INPUTS: Final = re.compile(rb'\s*\{.*"inputs"', re.S)  # a V2 body that is broken, or of another Content-Type
TARGET: Final = "x-target"  # what to explain, in the reader's words: TorchServe does not pass the query of /explanations on
HINTS: Final = tuple(f"x-{name}" for name in Hints._fields)  # what is known of the pictures beforehand, in the reader's words
CLIENT_ID: Final = "x-request-id"  # the client's own id of a request
CLIENT_ID_FORM: Final = re.compile("[ -~]{1,128}")  # printable ASCII: it goes back in a header, and into a log
TRACE: Final = "traceparent"  # W3C's: which trace a request is a part of
TRACE_FORM: Final = re.compile("[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
# TorchServe puts its own id into x-request-id of every answer, whatever a handler sets there.
CLIENT_ID_BACK: Final = "X-Client-Request-Id"
# A gRPC call's metadata stays in TorchServe, so inputs stand for headers.
GRPC_INPUTS: Final = {
    **{"accept": "accept", "explain": "explain", "target": TARGET, "request_id": CLIENT_ID, TRACE: TRACE},
    **dict(zip(Hints._fields, HINTS, strict=True)),
}


@dataclass(slots=True)
class Request:
    """One request, as TorchServe hands it over.

    Attributes:
        row: its parameters by name: a raw body under "body" or "data", the parts of a multipart body under their names.
        headers: by their names in lower case; over gRPC the inputs that stand for some of them.
        types: the Content-Type of each parameter, "" for one that has none.
        is_grpc: whether it came over gRPC.
        id: TorchServe's, which stands in x-request-id of the answer.
        client_id: the client's own, "" where it sends none or one that is not printable ASCII of up to 128 characters.
        size: bytes of its parameters, 0 where TorchServe does not say.
        refusal: why its parameters could not be read; it has none then.
    """

    row: Mapping[str, Any]
    headers: Mapping[str, str]
    types: Mapping[str, str]
    is_grpc: bool
    id: str = ""
    client_id: str = ""
    size: int = field(default=0, compare=False)
    refusal: DigitError | None = None


def to_request(row: Mapping[str, Any], headers: Mapping[str, str], types: Mapping[str, str], id: str = "") -> Request:
    """The request of these parameters; one without a single header came over gRPC, where a call's metadata stays in TorchServe."""
    is_grpc = not headers
    if is_grpc:
        inputs = {header: row[name] for name, header in GRPC_INPUTS.items() if isinstance(row.get(name), bytes | bytearray)}
        headers = {header: value.decode(errors="replace") for header, value in inputs.items()}
    given = headers.get(CLIENT_ID)
    return Request(row, headers, types, is_grpc, id, given if given and CLIENT_ID_FORM.fullmatch(given) else "")


def from_torchserve(row: Mapping[str, Any], mixed: Mapping[str, Any], id: str = "") -> Request:
    """The request of a row and what TorchServe's context calls its headers: among them is a dict for each parameter.

    TorchServe has decoded what is text by its type; here, as in frames.py, it is bytes.
    """
    row = {name: value.encode() if isinstance(value, str) else value for name, value in row.items()}
    headers = {name.lower(): value for name, value in mixed.items() if isinstance(value, str)}
    types = {name: value.get("content-type", "") for name, value in mixed.items() if isinstance(value, dict)}
    return to_request(row, headers, types, id)


def trace_id(request: Request) -> str:
    """The id of the trace that a request is a part of, 32 hexadecimal digits, or "" for none."""
    found = TRACE_FORM.fullmatch(request.headers[TRACE]) if TRACE in request.headers else None
    return found[1] if found else ""


def parse_parameter(value: bytes, content_type: str) -> Any:
    """A parameter's JSON where its type says that it is JSON, and it can be parsed; any other as it came."""
    if content_type != JSON:
        return value
    try:
        return parse_json(value)
    except BadRequest:
        return value


def shared_headers(request: Request, named: Mapping[str, str]) -> dict[str, str]:
    """The headers that all answers have: `named`, and over gRPC that it is the last, without which a stream kills TorchServe's worker."""
    return dict(named) | ({"ts_stream_next": "false"} if request.is_grpc else {})


def own_headers(request: Request) -> dict[str, str]:
    """The headers of this answer alone: the client's own id, given back."""
    return {CLIENT_ID_BACK: request.client_id} if request.client_id else {}


def header_text(value: str) -> str:
    """What a header says: clients send UTF-8, and TorchServe takes each byte for a character."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def is_kserve(request: Request) -> bool:
    """Whether a request came over REST in one of KServe's protocols: by its route, or with the Open Inference Protocol's body.

    TorchServe tells no route, but it gives requests to /predictions and /explanations a header that those to the protocols' routes lack.
    """
    if request.is_grpc:
        return False
    body = request.row.get("body", b"")
    has_inputs = "inputs" in body if isinstance(body, dict) else isinstance(body, bytes | bytearray) and INPUTS.match(body)
    return bool(OWN_ROUTE not in request.headers or JSON_LENGTH in request.headers or has_inputs)


def is_explain(request: Request) -> bool:
    """Whether pictures are to be explained: TorchServe's mark of such a route, or the input "explain" over gRPC."""
    return request.headers.get("explain", "").lower() == "true"
