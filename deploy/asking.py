"""One question to a server over HTTP, for every command that asks one at a time."""

from collections.abc import Mapping

import requests

from deploy.machine.local import client


def ask(
    url: str, body: bytes | None = None, *, headers: Mapping[str, str], timeout_s: float, session: requests.Session | None = None
) -> requests.Response:
    """The answer to a POST of `body`, or to a GET where there is none; raises requests.RequestException where none comes.

    Args:
        session: with connections that are kept for the next question; without it the connection ends with the answer.
    """
    if session is None:
        with client() as own:
            return ask(url, body, headers=headers, timeout_s=timeout_s, session=own)
    method = "GET" if body is None else "POST"
    return session.request(method, url, data=body, headers=dict(headers), timeout=timeout_s)
