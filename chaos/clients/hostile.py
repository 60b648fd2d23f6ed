"""Hostile clients: they hang up before the answer, send very slowly, send large bodies without a token, or send nothing."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from testbed.connection import address

TICK_S = 0.02
CHUNK_BYTES = 65_536
ANSWER_S = 10.0  # for an answer once the body, or as much of it as the server accepts, has been sent
HOSTILE_ADDRESS = ("127.0.0.2", 0)  # a proxy counts its connections separately from the good clients' 127.0.0.1


@dataclass(frozen=True, slots=True)
class Poured:
    """The result of sending one large body.

    Attributes:
        status: of the answer, 0 for none.
        taken: bytes of the body that the client could send.
    """

    status: int
    taken: int


async def hang_up(url: str, request: bytes, rate: float, seconds: float) -> int:
    """Send `rate` requests a second, each on its own connection, which is reset at once; returns their number."""
    loop = asyncio.get_running_loop()
    start, sent = loop.time(), 0
    while (passed := loop.time() - start) < seconds:
        for _ in range(int(passed * rate) - sent):
            transport, _ = await loop.create_connection(asyncio.Protocol, *address(url))
            transport.write(request)
            await asyncio.sleep(0)
            transport.abort()
            sent += 1
        await asyncio.sleep(TICK_S)
    return sent


class Held(asyncio.Protocol):
    """A connection that stays open until the server closes it."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.open = transport, True

    def eof_received(self) -> None:
        self.open = False

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False

    def send(self, data: bytes) -> None:
        """Send, unless the server has closed the connection."""
        if self.open and self.transport is not None:
            self.transport.write(data)


async def dribble(url: str, request: bytes, connections: int, seconds: float, pause_s: float) -> int:
    """Hold connections open that send a byte every `pause_s` seconds; returns how many the server had not closed by the end."""
    async with _held(url, connections, None) as held:
        for byte in request[: int(seconds / pause_s)]:
            for connection in held:
                connection.send(bytes([byte]))
            await asyncio.sleep(pause_s)
        return sum(connection.open for connection in held)


async def sit(url: str, connections: int, moments_s: Sequence[float]) -> list[int]:
    """Hold connections open that send nothing; returns how many the server had not closed after each of the given times."""
    loop = asyncio.get_running_loop()
    start, counts = loop.time(), []
    async with _held(url, connections, HOSTILE_ADDRESS) as held:
        for moment in moments_s:
            await asyncio.sleep(start + moment - loop.time())
            counts.append(sum(connection.open for connection in held))
    return counts


@asynccontextmanager
async def _held(url: str, connections: int, source: tuple[str, int] | None) -> AsyncIterator[list[Held]]:
    """Up to that many connections from an address; the server may refuse some."""
    held = [Held() for _ in range(connections)]
    try:
        for each in held:
            with suppress(OSError):
                await asyncio.get_running_loop().create_connection(lambda each=each: each, *address(url), local_addr=source)
        yield held
    finally:
        for each in held:
            if each.transport is not None:
                each.transport.abort()
        await asyncio.sleep(0)  # transports close their sockets in the next iteration of the loop


async def pour(url: str, request: bytes, connections: int) -> list[Poured]:
    """Send the same large request on that many connections at once; returns the result of each."""
    return await asyncio.gather(*(_pour_one(url, request) for _ in range(connections)))


async def _pour_one(url: str, request: bytes) -> Poured:
    reader, writer = await asyncio.open_connection(*address(url), local_addr=HOSTILE_ADDRESS)
    answer, sent = asyncio.create_task(reader.readuntil(b"\r\n")), 0
    try:
        with suppress(OSError):  # the connection of a refused client is reset, often before it has read the reason
            while sent < len(request) and not answer.done():
                writer.write(request[sent : sent + CHUNK_BYTES])
                await writer.drain()
                sent = min(len(request), sent + CHUNK_BYTES)
        with suppress(OSError, asyncio.IncompleteReadError):
            async with asyncio.timeout(ANSWER_S):
                return Poured(int((await answer).split()[1]), sent)
        return Poured(0, sent)
    finally:
        answer.cancel()
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()
