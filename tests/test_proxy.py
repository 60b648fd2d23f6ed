"""The example proxies, with their real binaries, in front of a server that plays TorchServe."""

import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from served import is_free

PROXY = Path(__file__).resolve().parent.parent / "deploy" / "proxy"
pytestmark = pytest.mark.slow
FULL_QUEUE = b'{"code": 503, "type": "ServiceUnavailableException", "message": "no worker"}'
Proxy = Callable[[int, int, Path], list[str]]


class Upstream(BaseHTTPRequestHandler):
    """Answers 200, or 503 as TorchServe with a full queue where the path asks for it, or hangs up."""

    protocol_version = "HTTP/1.1"
    under_way = most = 0
    counting = threading.Lock()

    def do_POST(self) -> None:
        with self.counting:
            Upstream.under_way += 1
            Upstream.most = max(Upstream.most, Upstream.under_way)
        self.rfile.read(int(self.headers["Content-Length"]))
        if "slow" in self.path:
            time.sleep(0.1)
        with self.counting:
            Upstream.under_way -= 1
        status, body = (503, FULL_QUEUE) if "full" in self.path else (200, b"7")
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Tests are silent."""


class Waiting(ThreadingHTTPServer):
    request_queue_size = 128  # connections that wait to be taken; beyond Python's own five, a busy machine's were late


def haproxy(port: int, upstream: int, folder: Path) -> list[str]:
    text = (PROXY / "haproxy.cfg").read_text().replace("timeout http-request 10s", "timeout http-request 1s")
    (folder / "haproxy.cfg").write_text(text)
    return ["env", f"DIGITS_PORT={port}", f"DIGITS_TORCHSERVE={upstream}", "haproxy", "-f", str(folder / "haproxy.cfg")]


def nginx(port: int, upstream: int, folder: Path) -> list[str]:
    text = (
        (PROXY / "nginx.conf").read_text().replace("127.0.0.1:8000", f"127.0.0.1:{port}").replace("127.0.0.1:8080", f"127.0.0.1:{upstream}")
    )
    (folder / "nginx.conf").write_text(re.sub(r"(client_\w+_timeout) 10s", r"\1 1s", text))
    return ["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder), "-g", "daemon off; user root;"]


@pytest.fixture(params=[haproxy, nginx])
def started(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, ThreadingHTTPServer]]:
    """The address of a running proxy, and what it asks."""
    make: Proxy = request.param
    environment = os.environ | {"PATH": f"{os.environ['PATH']}:/usr/sbin"}
    if shutil.which(request.param.__name__, path=environment["PATH"]) is None:
        pytest.skip(f"{request.param.__name__} is not installed; apt-get install {request.param.__name__}")
    upstream = Waiting(("127.0.0.1", 0), Upstream)
    thread = threading.Thread(target=upstream.serve_forever)
    thread.start()
    port = free_port()
    process = subprocess.Popen(make(port, upstream.server_port, tmp_path), env=environment, stderr=subprocess.PIPE)
    try:
        while is_free(port):
            assert process.poll() is None, process.stderr and process.stderr.read()
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}", upstream
    finally:
        process.terminate()
        process.communicate()
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
    with httpx.Client(base_url=url, timeout=20) as client:
        yield client


def test_an_answer_goes_through_as_it_is(started: tuple[str, ThreadingHTTPServer]) -> None:
    with client(started[0]) as asking:
        answer = asking.post("/predictions/digits", content=b"picture")
    assert (answer.status_code, answer.text, "retry-after" in answer.headers) == (200, "7", False)


def test_a_full_queue_gets_retry_after_and_keeps_torchserves_body(started: tuple[str, ThreadingHTTPServer]) -> None:
    with client(started[0]) as asking:
        answer = asking.post("/predictions/full", content=b"picture")
    assert (answer.status_code, answer.headers["retry-after"], answer.content) == (503, "1", FULL_QUEUE)


def test_a_server_that_is_away_is_503_with_retry_after(started: tuple[str, ThreadingHTTPServer]) -> None:
    url, upstream = started
    close(upstream)
    with client(url) as asking:
        answer = asking.post("/predictions/digits", content=b"picture")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert (answer.json()["code"], bool(answer.json()["message"])) == (503, True)


def test_a_server_that_takes_no_connection_is_late_or_away_with_retry_after(started: tuple[str, ThreadingHTTPServer]) -> None:
    url, upstream = started
    close(upstream)
    with ExitStack() as sockets, client(url) as asking:
        sockets.enter_context(socket.create_server(("127.0.0.1", upstream.server_port), backlog=0))
        for _ in range(4):  # which fill its queue, so that the system answers no more of them
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", upstream.server_port))
        answer = asking.post("/predictions/digits", content=b"picture")
    assert answer.status_code in (503, 504)
    assert (answer.headers["retry-after"], answer.json()["code"], bool(answer.json()["message"])) == ("1", answer.status_code, True)


def test_a_client_that_dribbles_is_cut_off_with_408(started: tuple[str, ThreadingHTTPServer]) -> None:
    with socket.create_connection(("127.0.0.1", int(started[0].rpartition(":")[2])), timeout=20) as slow:
        slow.sendall(b"POST /predictions/digits HTTP/1.1\r\nHost: digits\r\nContent-Length: 100\r\n\r\npict")
        answer = b""
        with suppress(ConnectionResetError):
            while chunk := slow.recv(4096):
                answer += chunk
    assert answer == b"" or b" 408 " in answer


def test_few_large_bodies_are_let_in_at_once(started: tuple[str, ThreadingHTTPServer]) -> None:
    Upstream.most = 0
    with client(started[0]) as asking, ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: asking.post("/predictions/slow", content=bytes(300_000)), range(40)))
    assert Upstream.most <= 16
    for answer in answers:
        assert answer.status_code == 200 or (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert sum(answer.status_code == 200 for answer in answers) >= 16


@pytest.mark.parametrize("path", ["/models", "/metrics", "/"])
def test_nothing_but_inference_goes_through(path: str, started: tuple[str, ThreadingHTTPServer]) -> None:
    with client(started[0]) as asking:
        assert asking.get(path).status_code == 404
