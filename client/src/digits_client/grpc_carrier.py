"""Requests over gRPC: transports for httpx, below everything else of a client, that call TorchServe's `Predictions`.

Its two messages have four fields, which are written here as Protocol Buffers are on the wire, so that no stubs have to be made.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx

from digits_client.options import Endpoint

METHOD = "/org.pytorch.serve.grpc.inference.InferenceAPIsService/Predictions"
MODEL_NAME, MODEL_VERSION, INPUT, PREDICTION = 1, 2, 3, 1  # numbers of the fields
KEY, VALUE = 1, 2  # of an entry of a map
BYTES = 2  # the wire type of texts, bytes and messages
KNOWN = ("format", "template", "page", "words")  # beforehand, of numbers
INPUTS = {"accept": "accept", "x-target": "target", "x-request-id": "request_id"} | {f"x-{name}": name for name in KNOWN}  # headers of REST
MESSAGE_BYTES = 16 * 2**20
# What TorchServe answers where REST has a status.
STATUSES = {
    grpc.StatusCode.PERMISSION_DENIED: (400, "InvalidKeyException"),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (413, "TooLarge"),
    grpc.StatusCode.CANCELLED: (413, "TooLarge"),
    grpc.StatusCode.UNIMPLEMENTED: (404, "ResourceNotFoundException"),
    grpc.StatusCode.INTERNAL: (503, "InternalServerException"),
}
UNKNOWN_MODEL = ("not found", "does not exist")  # in the details of an INTERNAL


class GrpcTransport(httpx.BaseTransport):
    """For a client that waits."""

    def __init__(self, endpoint: Endpoint, ca: str, timeout_s: float) -> None:
        target, credentials, options = _channel(endpoint, ca)
        self.channel = grpc.secure_channel(target, credentials, options) if credentials else grpc.insecure_channel(target, options)
        self.call = self.channel.unary_unary(METHOD)
        self.timeout_s = timeout_s

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return to_response(self.call(to_message(request), metadata=_metadata(request), timeout=self.timeout_s))
        except grpc.RpcError as err:
            return refused(err.code(), err.details() or "")

    def close(self) -> None:
        self.channel.close()


class AsyncGrpcTransport(httpx.AsyncBaseTransport):
    """For a client for asyncio."""

    def __init__(self, endpoint: Endpoint, ca: str, timeout_s: float) -> None:
        target, credentials, options = _channel(endpoint, ca)
        aio = grpc.aio
        self.channel = aio.secure_channel(target, credentials, options) if credentials else aio.insecure_channel(target, options)
        self.call = self.channel.unary_unary(METHOD)
        self.timeout_s = timeout_s

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return to_response(await self.call(to_message(request), metadata=_metadata(request), timeout=self.timeout_s))
        except grpc.RpcError as err:
            return refused(err.code(), err.details() or "")

    async def aclose(self) -> None:
        await self.channel.close()


def to_message(request: httpx.Request) -> bytes:
    """The `PredictionsRequest` for a request of REST."""
    _, kind, model, *version = request.url.path.split("/")
    inputs = {INPUTS[name]: value.encode() for name, value in request.headers.items() if name in INPUTS and value != "*/*"}
    inputs |= {"data": request.read()} | ({"explain": b"true"} if kind == "explanations" else {})
    entries = (_field(KEY, name.encode()) + _field(VALUE, value) for name, value in inputs.items())
    head = _field(MODEL_NAME, model.encode()) + (_field(MODEL_VERSION, version[0].encode()) if version else b"")
    return head + b"".join(_field(INPUT, entry) for entry in entries)


def to_response(message: bytes) -> httpx.Response:
    """The response that REST would give for a `PredictionResponse`: over gRPC a refusal is an answer as any other."""
    body = next((value for number, value in _fields(message) if number == PREDICTION), b"")
    return httpx.Response(_code(body), content=body)


def refused(code: grpc.StatusCode, details: str) -> httpx.Response:
    """The response that REST would give where a call ends with a status of gRPC; raises httpx.TransportError for a lost one."""
    if code == grpc.StatusCode.DEADLINE_EXCEEDED:
        raise httpx.ReadTimeout(details)
    if code == grpc.StatusCode.INTERNAL and any(words in details for words in UNKNOWN_MODEL):
        status, kind = 404, "ModelNotFoundException"
    elif code in STATUSES:
        status, kind = STATUSES[code]
    else:
        raise httpx.ReadError(f"{code.name} {details}")
    return httpx.Response(status, json={"code": status, "type": kind, "message": details})


def _channel(endpoint: Endpoint, ca: str) -> tuple[str, grpc.ChannelCredentials | None, list[tuple[str, int]]]:
    target = endpoint.url.partition("://")[2]
    trusted = Path(ca).read_bytes() if ca else None
    credentials = grpc.ssl_channel_credentials(trusted) if endpoint.scheme == "grpcs" else None
    return target, credentials, [("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.max_send_message_length", MESSAGE_BYTES)]


def _metadata(request: httpx.Request) -> list[tuple[str, str]]:
    token = request.headers.get("authorization")
    return [("authorization", token)] if token else []


def _code(body: bytes) -> int:
    """The status that REST would give for a body; one that only begins like a refusal is left to whoever reads answers, with 200."""
    if not body.startswith(b'{"code"'):
        return 200
    try:
        code: Any = json.loads(body)["code"]
    except ValueError:
        return 200
    return code if isinstance(code, int) else 200


def _field(number: int, value: bytes) -> bytes:
    return bytes([number << 3 | BYTES]) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    groups = []
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields of a message that holds nothing but texts, bytes and messages, by their numbers."""
    place = 0
    while place < len(message):
        number = message[place] >> 3
        length, shift, place = 0, 0, place + 1
        while True:
            length |= (message[place] & 0x7F) << shift
            shift, place = shift + 7, place + 1
            if message[place - 1] < 0x80:
                break
        yield number, message[place : place + length]
        place += length
