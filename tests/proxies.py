"""The example proxies with their real binaries, and a server that plays TorchServe and its probe behind them."""

import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from served import is_free

PROXY = Path(__file__).resolve().parent.parent / "deploy" / "proxy"
TOKEN = {"Authorization": "Bearer a-Token_1.~+/="}
FULL_QUEUE = b'{"code": 503, "type": "ServiceUnavailableException", "message": "no worker"}'
FAULT = b'{"code": 500, "type": "Fault", "message": "an error of ours; it has been logged"}'
DEAD_WORKER = b'{\n  "code": 500,\n  "type": "InternalServerException",\n  "message": "Worker died."\n}\n'
BAD_FORM = b'{\n  "code": 500,\n  "type": "ErrorDataDecoderException",\n  "message": "java.lang.NullPointerException"\n}\n'
# By a word in the path: the status, whether the model gave it, the body.
ANSWERS = {
    "full": (503, False, FULL_QUEUE),
    "fault": (500, True, FAULT),
    "dead": (500, False, DEAD_WORKER),
    "form": (500, False, BAD_FORM),
}
Proxy = Callable[[int, int, int, Path, Sequence[str]], list[str]]  # ports, a folder, and origins that may ask


class Upstream(BaseHTTPRequestHandler):
    """Answers 200 with the path, or what ANSWERS has for it, and GET /ready as the probe does."""

    protocol_version = "HTTP/1.1"
    under_way = most = 0
    ready = 200
    counting = threading.Lock()
    seen: Counter[str]  # how often each path was asked for; of the server's own, for each test anew

    def do_POST(self) -> None:
        with self.counting:
            Upstream.under_way += 1
            Upstream.most = max(Upstream.most, Upstream.under_way)
            Upstream.seen[self.path] += 1
        read_body(self)
        if "slow" in self.path:
            time.sleep(0.1)
        with self.counting:
            Upstream.under_way -= 1
        answers = [answer for word, answer in ANSWERS.items() if word in self.path]
        self.answer(*(answers[0] if answers else (200, True, self.path.encode())))

    def do_GET(self) -> None:
        if self.path == "/ready":
            self.answer(Upstream.ready, False, b"ready?")
        else:
            self.do_POST()

    def answer(self, status: int, by_the_model: bool, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if by_the_model:
            self.send_header("X-Model-Name", "digits")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Tests are silent."""


def read_body(request: BaseHTTPRequestHandler) -> None:
    if "chunked" in request.headers.get("Transfer-Encoding", ""):
        while size := int(request.rfile.readline(), 16):
            request.rfile.read(size + 2)
        request.rfile.readline()
    else:
        request.rfile.read(int(request.headers.get("Content-Length", 0)))


class Waiting(ThreadingHTTPServer):
    request_queue_size = 128  # connections that wait to be taken; beyond Python's own five, a busy machine's were late

    def handle_error(self, request: object, client_address: object) -> None:
        """A proxy that has read the status of a health check hangs up; that is no error."""


def haproxy(port: int, upstream: int, probe: int, folder: Path, origins: Sequence[str]) -> list[str]:
    text = (PROXY / "haproxy.cfg").read_text()
    text = text.replace("timeout http-request 10s", "timeout http-request 3s").replace("inter 2s fall 5", "inter 100ms fall 5")
    (folder / "haproxy.cfg").write_text(text)
    ports = [f"DIGITS_PORT={port}", f"DIGITS_TORCHSERVE={upstream}", f"DIGITS_PROBE={probe}"]
    allowed = [f"DIGITS_ORIGINS={' '.join(origins)}"] if origins else []
    return ["env", *ports, *allowed, "haproxy", "-f", str(folder / "haproxy.cfg")]


def nginx(port: int, upstream: int, probe: int, folder: Path, origins: Sequence[str]) -> list[str]:
    ports = {"8000": port, "8080": upstream, "9115": probe}
    text = re.sub(r"(127\.0\.0\.1):(\d+)", lambda found: f"{found[1]}:{ports[found[2]]}", (PROXY / "nginx.conf").read_text())
    text = text.replace('# "https://a.org" $http_origin;', "".join(f'"{origin}" $http_origin;' for origin in origins))
    (folder / "nginx.conf").write_text(re.sub(r"(client_\w+_timeout) 10s", r"\1 3s", text))
    return ["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder), "-g", "daemon off; user root;"]


@contextmanager
def running(make: Proxy, upstream: int, folder: Path, probe: int | None = None, origins: Sequence[str] = ()) -> Iterator[str]:
    """The address of a proxy that asks the server on port `upstream`, which is the probe too; skips the test where it is not installed."""
    environment = os.environ | {"PATH": f"{os.environ['PATH']}:/usr/sbin"}
    if shutil.which(make.__name__, path=environment["PATH"]) is None:
        pytest.skip(f"{make.__name__} is not installed; apt-get install {make.__name__}")
    port = free_port()
    process = subprocess.Popen(make(port, upstream, probe or upstream, folder, origins), env=environment, stderr=subprocess.PIPE)
    try:
        while is_free(port):
            assert process.poll() is None, process.stderr and process.stderr.read()
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate()


@contextmanager
def playing() -> Iterator[ThreadingHTTPServer]:
    """The server that plays TorchServe."""
    Upstream.most, Upstream.ready, Upstream.seen = 0, 200, Counter()
    upstream = Waiting(("127.0.0.1", 0), Upstream)
    thread = threading.Thread(target=upstream.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield upstream
    finally:
        close(upstream)
        thread.join()


def close(upstream: ThreadingHTTPServer) -> None:
    upstream.shutdown()
    upstream.server_close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def client(url: str) -> Iterator[httpx.Client]:
    """A client with a token, which the stand-in does not look at."""
    with httpx.Client(base_url=url, headers=TOKEN, timeout=20) as client:
        yield client


def talk(url: str, request: bytes, source: str = "127.0.0.1") -> bytes:
    """All bytes that come back until the other side ends the connection."""
    answer, port = b"", int(url.rpartition(":")[2])
    with (
        suppress(ConnectionError),  # a reset, which is an end too
        socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(source, 0)) as connection,
    ):
        connection.sendall(request)
        while chunk := connection.recv(65_536):
            answer += chunk
    return answer
