"""The bundled load generator, in a process of its own: `python -m bench.driver FILE --port P` prints the counts as JSON.

Each connection sends one request after the other and compares every answer with the very request that it belongs to.
"""

import argparse
import asyncio
import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.exchange import Request, digits_in, read_requests

TIMEOUT_S = 30.0
HEADER_BYTES = 1 << 20
OK = b"200"


@dataclass
class Counts:
    """What the answers were; `seconds` is each one's latency."""

    right: int = 0
    refused: int = 0
    wrong: int = 0
    seconds: list[float] = field(default_factory=list)


async def connect_and_send(requests: Iterator[Request], port: int, ends: float, counts: Counts) -> None:
    """One connection until `ends`; one that breaks counts as a refused request, and another takes its place."""
    while time.perf_counter() < ends:
        try:
            async with asyncio.timeout(TIMEOUT_S + ends - time.perf_counter()):
                reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=HEADER_BYTES)
                try:
                    while time.perf_counter() < ends:
                        await _ask(reader, writer, next(requests), counts)
                finally:
                    writer.close()
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            counts.refused += 1
            await asyncio.sleep(0.01)  # a server that refuses connections is not asked again at once


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: Request, counts: Counts) -> None:
    before = time.perf_counter()
    writer.write(request.content)
    status, body = await read_answer(reader)
    counts.seconds.append(time.perf_counter() - before)
    if status != OK:
        counts.refused += 1
    elif digits_in(body, len(request.digits)) == request.digits:
        counts.right += 1
    else:
        counts.wrong += 1


async def read_answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Status and body of one answer, whose length stands in its header or comes in chunks."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = head.split(b" ", 2)[1]
    if b"\r\ntransfer-encoding: chunked" in head:
        return status, await _read_chunks(reader)
    length = head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
    return status, await reader.readexactly(int(length or 0))


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while length := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        body += (await reader.readexactly(length + 2))[:-2]
    await reader.readuntil(b"\r\n")
    return body


async def drive(requests: list[Request], port: int, connections: int, seconds: float) -> dict[str, float]:
    """Send `requests` in turn on every connection for `seconds`; counts, seconds, p50 and p99 of the latencies in ms."""
    counts, before = Counts(), time.perf_counter()
    turns = [itertools.cycle(requests[i % len(requests) :] + requests[: i % len(requests)]) for i in range(connections)]
    await asyncio.gather(*(connect_and_send(turn, port, before + seconds, counts) for turn in turns))
    took, ordered = time.perf_counter() - before, sorted(counts.seconds) or [0.0]
    p50, p99 = (1e3 * ordered[int(share * (len(ordered) - 1))] for share in (0.5, 0.99))
    return {"right": counts.right, "refused": counts.refused, "wrong": counts.wrong, "seconds": took, "p50_ms": p50, "p99_ms": p99}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.driver", description=__doc__)
    parser.add_argument("requests", type=Path, help="a file of bench.exchange.write_requests")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    flags = parser.parse_args()
    print(json.dumps(asyncio.run(drive(read_requests(flags.requests), flags.port, flags.connections, flags.seconds))))


if __name__ == "__main__":
    main()
