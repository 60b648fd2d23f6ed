"""A stand-in for the server that fails as it is told, and the two clients behind one face, for the tests of the client."""

import asyncio
import base64
import io
import json
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from digits_client import AsyncClient, Client, Digit, Options, Refused
from digits_client.tokens import TokenSource

TOKEN = "a-token-that-stays-secret"
QUICK = Options(timeout_s=0.5, patience_s=10)
BLANK = {"code": 422, "type": "BlankPicture", "message": "no ink"}
BROKEN = {"code": 400, "type": "UnreadablePicture", "message": "no picture"}
LATE = {"code": 503, "type": "Overloaded", "message": "time was over; send the rest again"}
Answer = tuple[int, Any, dict[str, str]]  # status, JSON, headers
Fault = Callable[["Asked"], Answer | None]  # None closes the connection without an answer


def answer_of(digit: int) -> dict[str, Any]:
    """What a server answers for a picture of `digit`."""
    return {
        "digit": digit,
        "confidence": 0.91,
        "accepted": True,
        "probabilities": [0.91 if label == digit else 0.01 for label in range(10)],
    }


class Asked:
    """A request that came, with the pictures in it: a picture of the digit 7 is b"7…", or an array that begins with 70."""

    def __init__(self, path: str, headers: dict[str, str], body: bytes) -> None:
        self.path, self.headers, self.body = path, headers, body
        kind = headers.get("content-type", "")
        if kind.startswith("multipart/"):
            boundary = kind.partition("boundary=")[2].encode()
            self.pictures = [part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for part in body.split(b"--" + boundary)[1:-1]]
        elif kind == "application/json":
            self.pictures = [base64.b64decode(each) for each in json.loads(body)["instances"]]
        elif kind == "application/x-npy":
            array = np.load(io.BytesIO(body))
            self.pictures = [b"%d" % (each.flat[0] // 10) for each in (array if array.ndim == 3 else [array])]
        else:
            self.pictures = [body]

    def answer(self) -> Answer:
        """The right answer."""
        told = [self.read(picture) for picture in self.pictures]
        if len(told) > 1:
            return 200, told, {}
        return told[0].get("code", 200), told[0], {}

    def read(self, picture: bytes) -> dict[str, Any]:
        if picture.startswith(b"blank"):
            return BLANK
        return answer_of(int(picture[:1])) if picture[:1].isdigit() else BROKEN


class FakeServer:
    """Answers right, but for the faults in `faults`: each request takes the next of them.

    Attributes:
        token: the one that is accepted.
        asked: every request that came, those that met a fault too.
    """

    def __init__(self) -> None:
        self.faults: deque[Fault | None] = deque()
        self.asked: list[Asked] = []
        self.token = TOKEN
        self.url = ""

    def answer(self, asked: Asked) -> Answer | None:
        self.asked.append(asked)
        fault = self.faults.popleft() if self.faults else None
        if fault is not None:
            return fault(asked)
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return 400, {"code": 400, "type": "InvalidKeyException", "message": "Token Authorization failed."}, {}
        return asked.answer()


def status(code: int, type_: str = "InternalServerException", **headers: str) -> Fault:
    """A fault that answers with an error."""
    told = {"code": code, "type": type_, "message": "as told"}
    return lambda asked: (code, told, {name.replace("_", "-"): value for name, value in headers.items()})


def cut(asked: Asked) -> None:
    """A fault that closes the connection."""


def slow(seconds: float) -> Fault:
    """A fault that answers right, but late."""

    def wait(asked: Asked) -> Answer:
        time.sleep(seconds)
        return asked.answer()

    return wait


@contextmanager
def faked() -> Iterator[FakeServer]:
    """A stand-in that runs."""
    server = FakeServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = server.answer(Asked(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            if answer is None:
                self.close_connection = True
                return
            code, told, headers = answer
            content = told if isinstance(told, bytes) else json.dumps(told).encode()
            self.send_response(code)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def handle(self) -> None:
            with suppress(ConnectionError):  # a client that did not wait any longer
                super().handle()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Listening(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

    with Listening(("127.0.0.1", 0), Handler) as http:
        server.url = f"http://127.0.0.1:{http.server_address[1]}"
        thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        http.shutdown()
        thread.join()


class Blocking:
    """Client, as the tests ask it."""

    def __init__(self, url: str, token: TokenSource = TOKEN, options: Options = QUICK) -> None:
        self.given = (url, token, options)

    def call(self, name: str, *given: Any, **named: Any) -> Any:
        url, token, options = self.given
        with Client(url, token, options=options) as client:
            return getattr(client, name)(*given, **named)

    def read_many(self, pictures: Iterable[Any], seen: Callable[[], None] = lambda: None) -> list[Digit | Refused]:
        """All answers; `seen` is called after each of them."""
        url, token, options = self.given
        found: list[Digit | Refused] = []
        with Client(url, token, options=options) as client:
            for answer in client.read_many(pictures):
                found.append(answer)
                seen()
        return found


class Concurrent(Blocking):
    """AsyncClient, as the tests ask it."""

    def call(self, name: str, *given: Any, **named: Any) -> Any:
        async def ask() -> Any:
            url, token, options = self.given
            async with AsyncClient(url, token, options=options) as client:
                return await getattr(client, name)(*given, **named)

        return asyncio.run(ask())

    def read_many(self, pictures: Iterable[Any], seen: Callable[[], None] = lambda: None) -> list[Digit | Refused]:
        async def ask() -> list[Digit | Refused]:
            url, token, options = self.given
            found: list[Digit | Refused] = []
            async with AsyncClient(url, token, options=options) as client:
                answers: AsyncGenerator[Digit | Refused, None] = client.read_many(pictures)
                async for answer in answers:
                    found.append(answer)
                    seen()
            return found

        return asyncio.run(ask())
