"""A server of the benchmark: how it is started, and how it is sent a single picture."""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import requests

from bench.generators.exchange import digits_in
from deploy.asking import ask
from deploy.machine.local import client
from deploy.server import ServerError
from testbed.pictures import LabelledPicture

START_TIMEOUT_S = 120.0
REQUEST_TIMEOUT_S = 30.0
POLL_S = 0.01


class TargetError(Exception):
    """A target does not start, or does not answer correctly."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers.

    Attributes:
        port: on 127.0.0.1.
        pid: of the process that started all its others.
        start_s: seconds from the start command to the first right answer.
        headers: the headers that every request needs.
    """

    port: int
    pid: int
    start_s: float
    headers: Mapping[str, str] = field(default_factory=dict)


Start = Callable[[int, LabelledPicture], AbstractContextManager[Running]]


@dataclass(frozen=True, slots=True)
class Service:
    """A server, and how it is started on a port.

    Attributes:
        name: the name by which targets refer to it.
        workers: the number that it is told to have; 0 leaves the choice to the server.
        path: the path that takes a picture.
        start: a context in which the server answers; it is given a picture to check that with.
    """

    name: str
    workers: int
    path: str
    start: Start


def answers_right(
    port: int, path: str, picture: LabelledPicture, *, headers: Callable[[], Mapping[str, str]], is_up: Callable[[], bool]
) -> None:
    """Wait until a server reads `picture` correctly; raises TargetError if it ends, or does not do so within START_TIMEOUT_S."""
    deadline = time.monotonic() + START_TIMEOUT_S
    url, last = f"http://127.0.0.1:{port}{path}", "none"
    with client() as session:
        while time.monotonic() < deadline:
            if not is_up():
                raise TargetError("it ended while it was starting")
            try:
                answer = ask(url, picture.png, headers=headers(), timeout_s=REQUEST_TIMEOUT_S, session=session)
            except (requests.RequestException, ServerError) as err:  # it does not listen yet, or its token is not written yet
                last = type(err).__name__
            else:
                if answer.status_code == 200 and digits_in(answer.content, 1) == str(picture.label):
                    return
                last = f"{answer.status_code} {answer.text[:200]}"
            time.sleep(POLL_S)
    raise TargetError(f"no right answer within {START_TIMEOUT_S:.0f} s; the last was {last}")
