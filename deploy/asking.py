"""One request to a server over HTTP, for every command that sends one at a time."""

from collections.abc import Mapping

import requests

from deploy.machine.local import client


def ask(
    url: str, body: bytes | None = None, *, headers: Mapping[str, str], timeout_s: float, session: requests.Session | None = None
) -> requests.Response:
    """The answer to a POST of `body`, or to a GET without a body; raises requests.RequestException if no answer comes.

    Args:
        session: keeps its connections open for the next request; without one, the connection is closed after the answer.
    """
    if session is None:
        with client() as own:
            return ask(url, body, headers=headers, timeout_s=timeout_s, session=own)
    method = "GET" if body is None else "POST"
    return session.request(method, url, data=body, headers=dict(headers), timeout=timeout_s)
