"""A request as it passes a splitter, and the answer that it gets: from ASGI to the bytes of HTTP and back."""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from testbed.connection import END_OF_LINE, HttpAnswer

# Headers about one connection and not about the request, and those that are written anew here.
OF_A_CONNECTION = {
    *(b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te", b"trailer"),
    *(b"transfer-encoding", b"upgrade", b"expect", b"content-length"),
}
METHODS = {"GET", "POST", "PUT", "OPTIONS"}  # all that inference needs
PREDICTION = re.compile(rb"/predictions/\w+")
Sendable = Callable[[dict[str, Any]], Awaitable[None]]


class TooLong(Exception):
    """A body beyond the limit."""


@dataclass(frozen=True, slots=True)
class PassingRequest:
    """A request of a client, read completely.

    Attributes:
        path: as it came, without the query.
        query: with its question mark; empty if there is none.
    """

    method: bytes
    path: bytes
    query: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes

    @classmethod
    async def read(cls, scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]], limit: int) -> "PassingRequest | None":
        """The whole request; None if its client has gone. Raises TooLong for more than `limit` bytes of body."""
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > limit:
                raise TooLong
            more = message.get("more_body", False)
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        kept = [(name, value) for name, value in scope["headers"] if name not in OF_A_CONNECTION]
        return cls(scope["method"].encode(), scope["raw_path"], query, kept, bytes(body))

    def to(self, path: bytes) -> bytes:
        """The bytes that ask for `path` what this request asks for its own."""
        lines = [b"%b %b%b HTTP/1.1" % (self.method, path, self.query), *(b"%b: %b" % header for header in self.headers)]
        return END_OF_LINE.join([*lines, b"content-length: %d" % len(self.body), b"", self.body])


async def pass_on(answer: HttpAnswer, send: Sendable) -> None:
    """Give a client the answer of a server."""
    fields = (line.partition(b":") for line in answer.head.split(END_OF_LINE)[1:])
    headers = [(name.strip().lower(), value.strip()) for name, _, value in fields]
    await respond(send, answer.status, [header for header in headers if header[0] not in OF_A_CONNECTION], answer.body)


async def refuse(send: Sendable, status: int, kind: str, message: str) -> None:
    """Give a client an error in TorchServe's own form."""
    body = json.dumps({"code": status, "type": kind, "message": message}).encode()
    later = [(b"retry-after", b"1")] if status == 503 else []
    await respond(send, status, [(b"content-type", b"application/json"), *later], body)


async def respond(send: Sendable, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


def results(answer: HttpAnswer) -> list[tuple[int, bool]]:
    """Digit and whether it is accepted of each picture in an answer, where it says so; in place of a refused picture -1 and False."""
    if answer.status != 200 or not answer.header(b"content-type").startswith(b"application/json"):
        return []
    told = json.loads(answer.body)
    if isinstance(told, dict):
        told = told.get("predictions", [told])
    if not isinstance(told, list):
        return []
    pictures = [picture if isinstance(picture, dict) else {} for picture in told]
    return [(int(picture.get("digit", -1)), picture.get("accepted") is True) for picture in pictures]
