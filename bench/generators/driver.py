"""The bundled load generator, which runs as its own process: `python -m bench.generators.driver FILE --port P` prints counts as JSON.

Each connection sends one request after the other, and checks every answer against its own request.
"""

import argparse
import asyncio
import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.generators.exchange import CheckedRequest, digits_in, read_requests
from testbed.connection import Connection, Lost, connect

TIMEOUT_S = 30.0
OK = 200


@dataclass
class Counts:
    """The counts of the answers; `seconds` holds the latency of each."""

    right: int = 0
    refused: int = 0
    wrong: int = 0
    seconds: list[float] = field(default_factory=list)


async def connect_and_send(requests: Iterator[CheckedRequest], port: int, ends: float, counts: Counts) -> None:
    """Send on one connection until `ends`; a broken connection counts as a refused request and is replaced."""
    while time.perf_counter() < ends:
        try:
            connection = await connect("127.0.0.1", port, TIMEOUT_S)
            try:
                while connection.usable and time.perf_counter() < ends:
                    await _ask(connection, next(requests), counts)
            finally:
                connection.close()
        except Lost:
            counts.refused += 1
            await asyncio.sleep(0.01)  # a pause before asking a server again that refuses connections


async def _ask(connection: Connection, request: CheckedRequest, counts: Counts) -> None:
    before = time.perf_counter()
    answer = await connection.ask(request.content, TIMEOUT_S)
    counts.seconds.append(time.perf_counter() - before)
    if answer.status != OK:
        counts.refused += 1
    elif digits_in(answer.body, len(request.digits)) == request.digits:
        counts.right += 1
    else:
        counts.wrong += 1


async def drive(requests: list[CheckedRequest], port: int, connections: int, seconds: float) -> dict[str, float]:
    """Send `requests` in turn on every connection for `seconds`; counts, seconds, p50 and p99 of the latencies in ms."""
    counts, before = Counts(), time.perf_counter()
    turns = [itertools.cycle(requests[i % len(requests) :] + requests[: i % len(requests)]) for i in range(connections)]
    await asyncio.gather(*(connect_and_send(turn, port, before + seconds, counts) for turn in turns))
    took, ordered = time.perf_counter() - before, sorted(counts.seconds) or [0.0]
    p50, p99 = (1e3 * ordered[int(share * (len(ordered) - 1))] for share in (0.5, 0.99))
    return {"right": counts.right, "refused": counts.refused, "wrong": counts.wrong, "seconds": took, "p50_ms": p50, "p99_ms": p99}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.generators.driver", description=__doc__)
    parser.add_argument("requests", type=Path, help="a file of bench.generators.exchange.write_requests")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    flags = parser.parse_args()
    print(json.dumps(asyncio.run(drive(read_requests(flags.requests), flags.port, flags.connections, flags.seconds))))


if __name__ == "__main__":
    main()
