"""The rule for asking again, as docs/api.md states it, without any input or output of its own.

An exchange is a generator. It yields a step, which a client carries out in its own way, blocking or not; the client sends it what came
of the step, and at last it returns the result of the call. So there is one rule for both clients.
"""

import json
import random
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeAlias, TypeVar

from digits_client.errors import DigitsError, InvalidToken, Refused, Unavailable, to_error

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 10.0
OK = 200


@dataclass(frozen=True, slots=True)
class Send:
    """Step: send a POST. What comes of it is a Reply, or the Unavailable with which it was lost."""

    path: str
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Wait:
    """Step: wait that many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class ReadToken:
    """Step: tell the token, "" for none.

    Attributes:
        refused: the token that the server has just refused; what comes of the step is another one, or None if there can be no other.
    """

    refused: str | None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered; the names of the headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


T = TypeVar("T")
Step: TypeAlias = Send | Wait | ReadToken
Event: TypeAlias = Reply | Unavailable | str | None
Exchange: TypeAlias = Generator[Step, Event, T]


@dataclass(slots=True)
class Patience:
    """How long a call goes on asking: from its start, or from when it last got on.

    Attributes:
        seconds: from the first to the last attempt.
    """

    seconds: float
    clock: Callable[[], float] = time.monotonic
    attempts: int = 0
    began: float = field(init=False)

    def __post_init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Begin anew, because something was answered."""
        self.attempts, self.began = 0, self.clock()

    def pause(self, error: DigitsError) -> Wait:
        """The pause before the next attempt: random, so that clients do not return together, and at least as long as Retry-After.

        Raises:
            DigitsError: `error` itself, if the patience would be over by then.
        """
        self.attempts += 1
        seconds = error.retry_after_s + random.uniform(0, min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**self.attempts))
        if self.clock() + seconds - self.began > self.seconds:
            raise error
        return Wait(seconds)


def ask(send: Send, patience: Patience) -> Exchange[Reply]:
    """The good reply to a request, which is repeated as long as the rule and the patience allow.

    Raises:
        DigitsError: Refused, or Unavailable when the patience is over.
    """
    token = yield ReadToken(None)
    if isinstance(token, Unavailable):
        raise token
    assert isinstance(token, str), token
    while True:
        event = yield Send(send.path, send.body, {**send.headers, "Authorization": f"Bearer {token}"} if token else send.headers)
        if isinstance(event, Reply) and event.status == OK:
            return event
        error = error_of(event) if isinstance(event, Reply) else event
        if isinstance(error, InvalidToken):
            fresh = yield ReadToken(token)
            if fresh is None:
                raise error
            if isinstance(fresh, str):  # otherwise it cannot be read now, for example because the server is being restarted
                token = fresh
        elif not isinstance(error, Unavailable):
            assert isinstance(error, DigitsError), error
            raise error
        yield patience.pause(error)


def error_of(reply: Reply) -> Refused | Unavailable:
    """The error that a reply with a status other than 200 tells of."""
    try:
        told = json.loads(reply.body)
    except ValueError:
        told = None
    return to_error(reply.status, told if isinstance(told, dict) else {}, retry_after_s=retry_after_s(reply.headers.get("retry-after", "")))


def retry_after_s(value: str) -> float:
    """The seconds that a header Retry-After asks for, as a number or as a date; 0 if it says nothing."""
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0
