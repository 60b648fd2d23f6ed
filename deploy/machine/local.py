"""Servers on this machine: whether a port is free for one, its end, and requests that go straight to it."""

import errno
import socket
from contextlib import suppress

import psutil
import requests


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server may listen on `host`:`port` now; raises OSError where none ever may."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: one that has just ended is no hindrance
        try:
            probe.bind((host, port))
        except OSError as err:
            if err.errno != errno.EADDRINUSE:
                raise
            return False
    return True


def end_family(pid: int, timeout_s: float) -> None:
    """End a process and all that it started, by force where they take longer."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    for process in family:  # the launcher does not pass signals on to Java
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(family, timeout=timeout_s)
    for process in alive:
        process.kill()
    psutil.wait_procs(alive, timeout=timeout_s)


def client(ca: str = "") -> requests.Session:
    """A session that takes neither a proxy nor a .netrc from the environment: http_proxy is seldom unset for loopback.

    Args:
        ca: the file of the certificates that it trusts over TLS; else those of the public authorities.
    """
    session = requests.Session()
    session.trust_env = False
    session.verify = ca or True
    return session
