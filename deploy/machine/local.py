"""Servers on this machine: checking that a port is free, ending processes, and asking without a proxy."""

import errno
import socket
from contextlib import suppress

import psutil
import requests


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server can listen on `host`:`port` now; raises OSError if no server ever can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do; one that has just ended does not count
        try:
            probe.bind((host, port))
        except OSError as err:
            if err.errno != errno.EADDRINUSE:
                raise
            return False
    return True


def end_family(pid: int, timeout_s: float) -> None:
    """Ask a process and all that it started to end, and kill those that take longer than the time-out."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    for process in family:  # the launcher does not pass signals on to Java
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(family, timeout=timeout_s)
    for process in alive:
        process.kill()
    psutil.wait_procs(alive, timeout=timeout_s)


def client(ca: str = "") -> requests.Session:
    """A session that ignores proxies and .netrc in the environment, because http_proxy is seldom unset for loopback.

    Args:
        ca: the file with the certificates that it trusts over TLS; "" trusts the public authorities.
    """
    session = requests.Session()
    session.trust_env = False
    session.verify = ca or True
    return session
