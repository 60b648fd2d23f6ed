"""The example proxies write a body anew: what a client adds to its chunks, which Netty reads otherwise, does not reach TorchServe."""

import os
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
from served import is_free
from test_proxy import Proxy, free_port, haproxy, nginx

pytestmark = pytest.mark.slow
HEAD = b"POST /predictions/digits HTTP/1.1\r\nHost: digits\r\nTransfer-Encoding: chunked\r\n\r\n"
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
    environment = os.environ | {"PATH": f"{os.environ['PATH']}:/usr/sbin"}
    if shutil.which(make.__name__, path=environment["PATH"]) is None:
        pytest.skip(f"{make.__name__} is not installed; apt-get install {make.__name__}")
    received, port = bytearray(), free_port()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=receive, args=(listener, received), daemon=True).start()
        command = make(port, listener.getsockname()[1], tmp_path)
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        try:
            while is_free(port):
                assert process.poll() is None
                time.sleep(0.05)
            with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
                end = b"" if size.endswith(b"\n") else b"\r\n"
                client.sendall(HEAD + size + end + b"picture\r\n0\r\n\r\n")
                status = client.recv(4096).split(b" ")[1]
        finally:
            process.terminate()
            process.wait()
            listener.shutdown(socket.SHUT_RDWR)
    assert b"added" not in received
    assert (status, b"picture" in received) in [(b"200", True), (b"400", False)]
