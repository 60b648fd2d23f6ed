"""HAProxy in front of the server under load, with the shipped example configuration and the probe that tells it the server's health."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from deploy.server import ROOT, Server, ServerError

CONFIG = ROOT / "deploy" / "proxy" / "haproxy.cfg"
START_S = 10.0
PROXY_BESIDE, PROBE_BESIDE = 50, 51  # distances of their ports from the server's


@contextmanager
def haproxy(server: Server, client_connections: int) -> Iterator[str]:
    """The address of an HAProxy that forwards to `server` and accepts that many connections from one address.

    Raises:
        ServerError: HAProxy is not installed, or it or the probe does not start.
    """
    port, probe = server.port + PROXY_BESIDE, server.port + PROBE_BESIDE
    ports = {"DIGITS_PORT": port, "DIGITS_TORCHSERVE": server.port, "DIGITS_PROBE": probe, "DIGITS_CLIENT_CONNECTIONS": client_connections}
    settings = {name: str(value) for name, value in ports.items()}
    asking = [
        *(sys.executable, "-m", "deploy.monitoring.probe", "--port", str(server.port), "--listen", str(probe)),
        *("--state", str(server.state), "--store", str(server.model_store)),
    ]
    with listening(asking, {}, probe), listening([find_haproxy(), "-q", "-f", str(CONFIG)], settings, port):
        yield f"http://127.0.0.1:{port}"


def find_haproxy() -> str:
    """The path of HAProxy; raises ServerError if it is not installed."""
    binary = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if binary is None:
        raise ServerError("haproxy is not installed; apt-get install haproxy")
    return binary


@contextmanager
def listening(command: Sequence[str], settings: Mapping[str, str], port: int) -> Iterator[None]:
    """A program that listens on a port, until it is told to end; raises ServerError if it does not listen in time."""
    process = subprocess.Popen(command, env=os.environ | settings)
    try:
        deadline = time.monotonic() + START_S
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise ServerError(f"{' '.join(command)} does not listen on port {port}")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
