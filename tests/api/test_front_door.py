"""What docs/api.md says that TorchServe's frontend does not do is so, and both example proxies in front of the real server do it."""

import json
import random
import re
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress

import grpc
import httpx
import numpy as np
import pytest
from doors import encode, grpc_port
from numpy.typing import NDArray
from proxies import Proxy, haproxy, nginx, playing, running, talk

from deploy.server import Server

pytestmark = pytest.mark.server
ASKED = ["digits", "digits_onnx", "ping"] * 4
BOUNDARY = "a-boundary"


@pytest.fixture(scope="module", params=[haproxy, nginx])
def front(request: pytest.FixtureRequest, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a proxy in front of the real server; its health comes from a stand-in."""
    make: Proxy = request.param
    with playing() as probe, running(make, server.port, tmp_path_factory.mktemp("proxy"), probe.server_port) as url:
        yield url


@pytest.fixture(scope="module")
def picture(ten_digits: NDArray[np.uint8]) -> bytes:
    return encode(ten_digits[7])


def head(server: Server, path: str, length: int = 0, *, version: str = "1.1", more: str = "") -> bytes:
    method, token = "POST" if length else "GET", server.token()
    return f"{method} {path} HTTP/{version}\r\nHost: a\r\nAuthorization: Bearer {token}\r\nContent-Length: {length}\r\n{more}\r\n".encode()


def pipelined(server: Server, picture: bytes) -> bytes:
    last = len(ASKED) - 1
    return b"".join(
        head(server, "/ping", more="Connection: close\r\n" if i == last else "")
        if name == "ping"
        else head(server, f"/predictions/{name}", len(picture)) + picture
        for i, name in enumerate(ASKED)
    )


def answered(stream: bytes) -> list[str]:
    """Who gave each answer of a connection."""
    found = [re.search(rb"^x-model-name: (\w+)", answer, re.I | re.M) for answer in stream.split(b"HTTP/1.1 200")[1:]]
    return [match[1].decode() if match else "ping" for match in found]


def mutants(picture: bytes, count: int) -> list[bytes]:
    """Forms of two pictures whose framing is damaged, the same in every run."""
    part = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="p"; filename="p.png"\r\nContent-Type: image/png\r\n\r\n'.encode()
    form, choose = (part + picture + b"\r\n") * 2 + f"--{BOUNDARY}--\r\n".encode(), random.Random(0)
    damaged = []
    for _ in range(count):
        start, length = choose.randrange(len(part)), choose.randrange(1, 20)
        damaged.append(form[:start] + choose.randbytes(choose.randrange(4)) + form[start + length :])
    return damaged


def send_forms(url: str, server: Server, forms: list[bytes]) -> list[httpx.Response]:
    headers = server.headers() | {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    with httpx.Client(base_url=url, headers=headers, timeout=30) as asking:
        return [asking.post("/predictions/digits_onnx", content=form) for form in forms]


def test_pipelined_requests_come_back_in_order_through_a_proxy(front: str, server: Server, picture: bytes) -> None:
    for _ in range(5):
        assert answered(talk(front, pipelined(server, picture))) == ASKED


def test_torchserve_alone_answers_pipelined_requests_out_of_order(server: Server, picture: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=3) as connection, suppress(TimeoutError):
        connection.sendall(pipelined(server, picture))
        stream = b""
        while chunk := connection.recv(65_536):
            stream += chunk
    assert answered(stream) != ASKED


@pytest.mark.parametrize(("version", "more"), [("1.1", "Connection: close\r\n"), ("1.0", "")])
def test_only_a_proxy_ends_the_connection_of_a_client_that_wants_it_so(version: str, more: str, front: str, server: Server) -> None:
    request = head(server, "/ping", version=version, more=more)
    assert b"Healthy" in talk(front, request)
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(request)
        assert b"connection: keep-alive" in connection.recv(65_536)
        connection.settimeout(1)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_ab_gets_its_answers_through_a_proxy(front: str, server: Server) -> None:
    if shutil.which("ab") is None:
        pytest.skip("ab is not installed; apt-get install apache2-utils")
    command = ["ab", "-q", "-n", "20", "-c", "2", "-H", f"Authorization: Bearer {server.token()}", f"{front}/ping"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert re.search(r"Complete requests: +20\n", told)
    assert "Non-2xx" not in told


def test_a_form_that_cannot_be_read_is_a_bad_request_through_a_proxy_alone(front: str, server: Server, picture: bytes) -> None:
    forms = mutants(picture, 100)
    alone, through = send_forms(server.inference, server, forms), send_forms(front, server, forms)
    failed = [i for i, answer in enumerate(alone) if answer.status_code == 500]
    assert len(failed) > 10
    assert {(through[i].status_code, through[i].json()["type"]) for i in failed} == {(400, "BadRequest")}
    assert all("java" not in through[i].text for i in failed)
    for i in set(range(len(forms))) - set(failed):
        assert (through[i].status_code, through[i].content) == (alone[i].status_code, alone[i].content)


def test_a_flood_of_such_forms_leaves_few_lines_in_the_log(server: Server, picture: bytes) -> None:
    log = server.folder / "logs" / "ts_log.log"
    before = len(log.read_text().splitlines())
    failed = sum(answer.status_code == 500 for answer in send_forms(server.inference, server, mutants(picture, 300)))
    time.sleep(1)  # the log is written by a thread of its own
    lines = [line for line in log.read_text().splitlines()[before:] if not re.search("LEAK|^\t?io.netty", line)]
    assert failed > 30
    assert len(lines) < 5 * failed  # of each on its own they would be 25 to 50


def test_torchserve_alone_reads_a_body_whole_before_it_looks_for_a_token(server: Server) -> None:
    request = b"POST /predictions/digits HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=1) as connection:
        connection.sendall(request + bytes(99_999))
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(20)
        connection.sendall(b"\0")
        assert json.loads(connection.recv(65_536).partition(b"\r\n\r\n")[2])["type"] == "InvalidKeyException"


@pytest.mark.parametrize(
    "method",
    [
        "/grpc.health.v1.Health/Check",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    ],
)
def test_grpc_has_neither_health_nor_reflection(method: str, server: Server) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{grpc_port(server)}") as channel, pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary(method)(b"", timeout=10)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_grpc_ends_a_connection_that_is_kept_alive_by_pings(server: Server) -> None:
    settings, ping = struct.pack(">HBBBI", 0, 0, 4, 0, 0), struct.pack(">HBBBI", 0, 8, 6, 0, 0) + b"pingping"
    stream = b""
    with socket.create_connection(("127.0.0.1", grpc_port(server)), timeout=10) as connection, suppress(ConnectionError):
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings)
        for _ in range(4):
            connection.sendall(ping)
            time.sleep(0.2)
        while chunk := connection.recv(65_536):
            stream += chunk
    assert b"too_many_pings" in stream
