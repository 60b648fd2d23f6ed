"""The rule by which a client asks again, as docs/api.md states it: on which answers, after which pause, and for how long."""

import random
import re

from testbed.connection import HttpAnswer

# Answers that promise nothing but that the question may be asked again: of TorchServe when its queue is full, its worker died
# or was too slow, of a proxy when TorchServe is away. A 500 of type "Fault" is none of them.
TRY_AGAIN = (500, 502, 503, 504, 507)
FAULT = re.compile(rb'"type": *"Fault"')
ATTEMPT_S = 10.0  # longer than any time-out of the server under test: what has no answer by then is lost
# With 3 s at most, 29,000 refused clients came back 20,000 times a second and kept a server overloaded that had been so for 3 s.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 10.0
PATIENCE_S = 60.0  # from a request's start to its last attempt; a restart takes up to 20 s on a busy machine, and then all come back


def may_ask_again(answer: HttpAnswer) -> bool:
    """Whether the same question may be asked again, with a fresh token where that was refused."""
    return (answer.status in TRY_AGAIN and not is_fault(answer)) or is_expired(answer)


def is_fault(answer: HttpAnswer) -> bool:
    """Whether it is the answer to a request that meets a mistake of the server's own: it would meet it again."""
    return answer.status == 500 and FAULT.search(answer.body) is not None


def is_expired(answer: HttpAnswer) -> bool:
    """Whether TorchServe refused the token: it expired, or the server was started anew and has others."""
    return answer.status == 400 and b"InvalidKeyException" in answer.body


def pause_s(attempts: int, answer: HttpAnswer | None) -> float:
    """Seconds to wait after that many attempts: random, so that clients do not come back together, and no shorter than Retry-After."""
    pause = random.uniform(0, min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**attempts))
    asked = answer.header(b"retry-after") if answer is not None and answer.status in TRY_AGAIN else b""
    return pause + (float(asked) if asked.isdigit() else 0.0)
