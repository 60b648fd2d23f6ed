"""The messages between TorchServe's frontend and its worker, a whole batch read and written at once.

TorchServe's own reader asks the socket for each field of a request by itself, 30 times in all, and its service makes objects,
log lines and metric lines that nobody here reads. `take_over` puts what is here in their place, in TorchServe 0.12.0 alone,
whose messages these are; in any other the handler works as TorchServe calls it, only slower: docs/performance.md has the gain.

Source: ts/protocol/otf_message_handler.py of TorchServe 0.12.0. Every number is a big-endian int of 4 bytes, a field is its
length and its bytes, and -1 in the place of a length ends a list.
"""

import logging
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from struct import Struct, error
from typing import Any, Final, TypeAlias

from digitkit.errors import DigitError, OutOfMemory
from digitkit.serving.guard import Guard
from digitkit.serving.request import Request, own_headers, parse_parameter, shared_headers, to_request
from digitkit.serving.writing import Answer

VERSION: Final = "0.12.0"
PREDICT: Final = b"I"
CHUNK: Final = 1 << 17  # bytes asked of the socket at once: a batch of 64 small pictures has 50,000
MAX_NAMES: Final = 1000  # of headers that are remembered in lower case
INT: Final = Struct("!i")
END: Final = -1

Parameter: TypeAlias = tuple[bytes, bytes, bytes]  # its name, its Content-Type and its value
Respond: TypeAlias = Callable[[Sequence[Request]], Sequence[Answer]]
Settle: TypeAlias = Callable[[], None]


class ShortError(Exception):
    """The message goes on, up to `end` at least."""

    def __init__(self, end: int) -> None:
        super().__init__(end)
        self.end = end


class Inbox:
    """The messages of one connection, read through a buffer.

    Args:
        guard: under which what a message's fields hold is read: where they begin and end is told by their lengths alone.
    """

    def __init__(self, connection: socket.socket, guard: Guard) -> None:
        self.connection, self._guard = connection, guard
        self._chunk = memoryview(bytearray(CHUNK))
        self._data = bytearray()
        self._names: dict[bytes, str] = {}

    def read(self) -> list[Request]:
        """The next batch; waits for it.

        Raises:
            ValueError: the message holds no requests.
            SystemExit: the frontend has gone.
        """
        self._receive(1)
        if self._data[:1] != PREDICT:
            raise ValueError(f"a message of kind {bytes(self._data[:1])!r}; after the model is loaded only {PREDICT!r} is known")
        batch: list[Request] = []
        position = 1
        while True:
            try:
                if INT.unpack_from(self._data, position)[0] == END:
                    del self._data[: position + INT.size]
                    return batch
                request, position = self._request(position)
                batch.append(request)
            except ShortError as short:
                self._receive(short.end)
            except error:  # the bytes end within a number
                self._receive(len(self._data) + 1)

    def _request(self, position: int) -> tuple[Request, int]:
        data, number = self._data, INT.unpack_from
        name, position = _field(data, position)
        id = name.decode()
        headers: dict[str, str] = {}
        while number(data, position)[0] != END:
            name, position = _field(data, position)
            value, position = _field(data, position)
            headers[self._names.get(name) or self._remember(name)] = value.decode(errors="replace")
        position += INT.size
        parameters: list[Parameter] = []
        while number(data, position)[0] != END:
            name, position = _field(data, position)
            kind, position = _field(data, position)
            value, position = _field(data, position)
            parameters.append((name, kind, value))
        request = self._guard(_to_request, headers, parameters, id)
        if isinstance(request, DigitError):
            request = Request({}, headers, {}, is_grpc=not headers, id=id, refusal=request)
        return request, position + INT.size

    def _remember(self, name: bytes) -> str:
        lower = name.decode(errors="replace").lower()
        if len(self._names) < MAX_NAMES:
            self._names[name] = lower
        return lower

    def _receive(self, end: int) -> None:
        """Wait until `end` bytes are there."""
        while len(self._data) < end:
            count = self.connection.recv_into(self._chunk)
            if count == 0:
                logging.info("Frontend disconnected.")
                sys.exit(0)
            self._data += self._chunk[:count]


def _to_request(headers: Mapping[str, str], parameters: Sequence[Parameter], id: str) -> Request:
    row: dict[str, Any] = {}
    types: dict[str, str] = {}
    for field, kind, value in parameters:
        name = field.decode(errors="replace")
        types[name] = kind.decode(errors="replace")
        row[name] = parse_parameter(value, types[name])
    request = to_request(row, headers, types, id)
    request.size = sum(len(value) for _, _, value in parameters)
    return request


def _field(data: bytearray, position: int) -> tuple[bytes, int]:
    start = position + INT.size
    end = start + INT.unpack_from(data, position)[0]
    if end > len(data):
        raise ShortError(end)
    return bytes(data[start:end]), end


class Outbox:
    """Writes answers; each carries the headers of `named`."""

    def __init__(self, named: Mapping[str, str]) -> None:
        self._named = named
        self._heads: dict[tuple[int, str, bool, bool], bytes] = {}
        self._start = INT.pack(200) + _sized("Prediction success")

    def write(self, batch: Sequence[Request], answers: Sequence[Answer]) -> bytes:
        """The message that answers a batch, `answers` being in its order."""
        parts = [self._start]
        for request, answer in zip(batch, answers, strict=True):
            kind = (answer.status, answer.content_type, request.is_grpc, request.client_id != "")
            head = self._heads.get(kind)
            if head is None:
                head = self._heads[kind] = self._head(request, answer)
            id = request.id.encode()
            parts += INT.pack(len(id)), id, head
            if request.client_id:
                parts.append(_texts(own_headers(request)))
            parts += INT.pack(len(answer.body)), answer.body
        parts.append(INT.pack(END))
        return b"".join(parts)

    def _head(self, request: Request, answer: Answer) -> bytes:
        """What follows an answer's id: Content-Type, status, no phrase, and the headers but for its own, which come last."""
        shared = shared_headers(request, self._named)
        count = INT.pack(len(shared) + len(own_headers(request)))
        return _sized(answer.content_type) + INT.pack(answer.status) + _sized("") + count + _texts(shared)


def _texts(headers: Mapping[str, str]) -> bytes:
    return b"".join([_sized(text) for pair in headers.items() for text in pair])


def _sized(text: str) -> bytes:
    content = text.encode()
    return INT.pack(len(content)) + content


def take_over(respond: Respond, settle: Settle, named: Mapping[str, str], guard: Guard) -> bool:
    """Have this worker read its requests and write its answers as above, from the next message on; False where it cannot.

    Args:
        respond: requests to answers, in order.
        settle: does what is left of them, once they are sent.
        named: headers of every answer.
        guard: of this worker.
    """
    worker, ts = sys.modules["__main__"], sys.modules.get("ts")
    if getattr(ts, "__version__", None) != VERSION or not hasattr(worker, "retrieve_msg"):
        return False
    failed = import_module("ts.protocol.otf_message_handler").create_predict_response
    outbox, inboxes = Outbox(named), dict[socket.socket, Inbox]()

    def retrieve(connection: socket.socket) -> tuple[bytes, list[Request]]:
        if connection not in inboxes:
            inboxes[connection] = Inbox(connection, guard)
        settle()  # TorchServe's loop comes back here as soon as it has sent the last message
        return PREDICT, inboxes[connection].read()

    def answered(batch: list[Request]) -> bytes:
        return outbox.write(batch, respond(batch))

    def predict(service: object, batch: list[Request]) -> bytes:
        message = guard(answered, batch)
        if not isinstance(message, DigitError):
            return message
        # What is not one request's fault, as a model that does not run any more: as in TorchServe's service, all are told, and the
        # worker lives on.
        ids = {i: request.id for i, request in enumerate(batch)}
        told = ("Out of resources", 507) if isinstance(message, OutOfMemory) else ("Prediction failed", 503)
        failure: bytes = failed(None, ids, *told)
        return failure

    worker.retrieve_msg = retrieve  # type: ignore[attr-defined]
    import_module("ts.service").Service.predict = predict
    return True
