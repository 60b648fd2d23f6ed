"""HAProxy in front of the server under load, with the example configuration that is shipped."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.server import ROOT, Server, ServerError

CONFIG = ROOT / "deploy" / "proxy" / "haproxy.cfg"
START_S = 5.0


@contextmanager
def haproxy(server: Server, port: int) -> Iterator[str]:
    """The address of an HAProxy on `port` that asks `server`; raises ServerError where it is not installed or does not start."""
    binary = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if binary is None:
        raise ServerError("haproxy is not installed; apt-get install haproxy")
    environment = os.environ | {"DIGITS_PORT": str(port), "DIGITS_TORCHSERVE": str(server.port)}
    process = subprocess.Popen([binary, "-q", "-f", str(CONFIG)], env=environment)
    try:
        deadline = time.monotonic() + START_S
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise ServerError(f"haproxy with {CONFIG} does not listen on port {port}")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
