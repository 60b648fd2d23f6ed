"""The rule for repeating a request, as docs/api.md states it: on which answers, after which pause, and for how long."""

import random
import re

from testbed.connection import HttpAnswer

# Answers after which a request may be repeated. TorchServe gives them when its queue is full, its worker died
# or was too slow; a proxy gives them when TorchServe is away. A 500 of type "Fault" is not one of them.
TRY_AGAIN = (500, 502, 503, 504, 507)
FAULT = re.compile(rb'"type": *"Fault"')
ATTEMPT_S = 10.0  # longer than any time-out of the server under test, so a request without an answer by then is lost
# With at most 3 s, 29,000 refused clients came back 20,000 times a second, and a server stayed overloaded after an overload of 3 s.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 10.0
PATIENCE_S = 60.0  # from a request's first to its last attempt; a restart takes up to 20 s on a busy machine, and then all clients return


def may_ask_again(answer: HttpAnswer) -> bool:
    """Whether the request may be repeated, with a fresh token if the old one was refused."""
    return (answer.status in TRY_AGAIN and not is_fault(answer)) or is_expired(answer)


def is_fault(answer: HttpAnswer) -> bool:
    """Whether the request met a bug of the server, which it would meet again."""
    return answer.status == 500 and FAULT.search(answer.body) is not None


def is_expired(answer: HttpAnswer) -> bool:
    """Whether TorchServe refused the token: it has expired, or the server was restarted and has new tokens."""
    return answer.status == 400 and b"InvalidKeyException" in answer.body


def pause_s(attempts: int, answer: HttpAnswer | None) -> float:
    """Seconds to wait after that many attempts: random, so that clients do not return together, and at least Retry-After."""
    pause = random.uniform(0, min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**attempts))
    asked = answer.header(b"retry-after") if answer is not None and answer.status in TRY_AGAIN else b""
    return pause + (float(asked) if asked.isdigit() else 0.0)
