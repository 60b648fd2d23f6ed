"""Clients that do harm: those that hang up before their answer, and those that dribble their request byte by byte."""

import asyncio
from contextlib import suppress

from chaos.connection import address

TICK_S = 0.02


async def hang_up(url: str, request: bytes, rate: float, seconds: float) -> int:
    """Send `rate` requests a second, each on a connection of its own that is reset at once; returns how many."""
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


async def dribble(url: str, request: bytes, connections: int, seconds: float, pause_s: float) -> int:
    """Hold open that many connections that send a byte every `pause_s` seconds; returns how many the server had not closed by the end."""
    opened = [await asyncio.open_connection(*address(url)) for _ in range(connections)]
    try:
        for byte in request[: int(seconds / pause_s)]:
            for _, writer in opened:
                if not writer.is_closing():
                    writer.write(bytes([byte]))
            await asyncio.sleep(pause_s)
        return sum(not (reader.at_eof() or writer.is_closing()) for reader, writer in opened)
    finally:
        for _, writer in opened:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()
