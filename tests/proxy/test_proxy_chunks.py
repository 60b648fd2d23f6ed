"""The example proxies write a body anew: what a client adds to its chunks, which Netty reads otherwise, does not reach TorchServe."""

import socket
import threading
from pathlib import Path

import httpx
import pytest
from proxies import TOKEN, Proxy, haproxy, nginx, playing, running

pytestmark = pytest.mark.slow
HEAD = f"POST /predictions/digits HTTP/1.1\r\nHost: digits\r\nAuthorization: {TOKEN['Authorization']}\r\nTransfer-Encoding: chunked\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n7"


def receive(listener: socket.socket, into: bytearray) -> None:
    """Keep the bytes of one request on each connection up to the end of its body, "picture", and answer it."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:  # the test is over
            return
        with connection:
            while b"picture" not in into and (piece := connection.recv(65536)):
                into.extend(piece)
            connection.sendall(ANSWER)


@pytest.mark.parametrize("size", [b"7;added=1", b'7;added="1"', b"7;added\n", b"7 ;added="], ids=["value", "quoted", "line feed", "space"])
@pytest.mark.parametrize("make", [haproxy, nginx])
def test_what_stands_beside_the_size_of_a_chunk_stays_with_the_proxy(make: Proxy, size: bytes, tmp_path: Path) -> None:
    received = bytearray()
    with playing() as probe, socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=receive, args=(listener, received), daemon=True).start()
        try:
            with running(make, listener.getsockname()[1], tmp_path, probe.server_address[1]) as url:
                address = httpx.URL(url)
                with socket.create_connection((address.host, address.port), timeout=20) as client:
                    end = b"" if size.endswith(b"\n") else b"\r\n"
                    client.sendall(HEAD.encode() + size + end + b"picture\r\n0\r\n\r\n")
                    status = client.recv(4096).split(b" ")[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
    assert b"added" not in received
    assert (status, b"picture" in received) in [(b"200", True), (b"400", False)]
