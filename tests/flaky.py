"""A server of a few lines whose every fault is known, for the tests of the driver of chaos and soak."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TypeVar

from chaos.clients.questions import CheckedQuestion
from testbed.connection import Pool

T = TypeVar("T")
GOOD = json.dumps({"digit": 7, "confidence": 0.9, "probabilities": [0.1, 0.9]}).encode()
OTHER = json.dumps({"digit": 1, "confidence": 0.9, "probabilities": [0.9, 0.1]}).encode()
QUESTION = CheckedQuestion("single", "/predictions/digits", b"picture", expected=GOOD)


def error(status: int, kind: str = "ServiceUnavailableException") -> tuple[int, bytes]:
    return status, json.dumps({"code": status, "type": kind, "message": "try again"}).encode()


class Flaky:
    """Gives the answers it is told, one a request, the last for ever; None hangs up."""

    def __init__(self, *answers: tuple[int, bytes] | None, delay_s: float = 0.0) -> None:
        self.answers, self.delay_s = list(answers), delay_s
        self.requests: list[bytes] = []
        self.connections: list[asyncio.StreamWriter] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split()[0])
                self.requests.append(head + await reader.readexactly(length))
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                await asyncio.sleep(self.delay_s)
                if answer is None:
                    break
                status, body = answer
                writer.write(b"HTTP/1.1 %d x\r\nX-Model-Version: 1.0\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def against(server: Flaky, test: Callable[[Pool, str], Awaitable[T]]) -> T:
    """What `test` returns, given a pool of connections to `server` and its address."""

    async def run() -> T:
        listening = await asyncio.start_server(server, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        pool = Pool(url)
        try:
            return await test(pool, url)
        finally:
            await pool.close()
            listening.close()
            for writer in server.connections:
                writer.close()
            await asyncio.sleep(0.01)  # the server's side sees the end of its connections

    return asyncio.run(run())
