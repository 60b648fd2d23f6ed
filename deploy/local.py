"""Servers on this machine: whether a port is free for one, and requests that go straight to it."""

import socket

import requests


def is_free(port: int) -> bool:
    """Whether a server may listen on 127.0.0.1:`port` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: one that has just ended is no hindrance
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def client() -> requests.Session:
    """A session that takes neither a proxy nor a .netrc from the environment: http_proxy is seldom unset for loopback."""
    session = requests.Session()
    session.trust_env = False
    return session
