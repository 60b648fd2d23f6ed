"""Open load: requests leave at a fixed rate whatever becomes of them, and latency counts from when each should have left.

Each request stands for a client that keeps to the rule of docs/api.md: it asks again, after a pause, while its answer says so
or none came. What its first attempt got is what a client gets that never asks twice; both are in its record.
"""

import asyncio
import itertools
import math
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chaos.connection import Answer, Lost, Pool
from chaos.questions import TRY_AGAIN, Outcome, Question, is_expired

TICK_S = 0.001
ATTEMPT_S = 10.0  # longer than any time-out of the server under test: what has no answer by then is lost
# With 3 s at most, 29,000 refused clients came back 20,000 times a second and kept a server overloaded that had been so for 3 s.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 10.0
PATIENCE_S = 60.0  # from a request's start to its last attempt; a restart takes up to 20 s on a busy machine, and then all come back


@dataclass(slots=True)
class Record:
    """What became of one request.

    Attributes:
        kind: of its question.
        intended: when it should have left, in seconds of the event loop's clock.
        late_s: how much later it left: the driver's own slowness.
        first: the first attempt's outcome.
        first_s: seconds from `intended` to that outcome.
        status: of the first answer, 0 for none.
        version: of the model that gave the first answer.
        reason: why the first attempt was lost, "" otherwise.
        final: the last attempt's outcome.
        final_s: seconds from `intended` to that outcome.
        attempts: so far.
        done: whether `final` is final.
    """

    kind: str
    intended: float
    late_s: float = 0.0
    first: Outcome = Outcome.LOST
    first_s: float = 0.0
    status: int = 0
    version: str = ""
    reason: str = ""
    final: Outcome = Outcome.LOST
    final_s: float = 0.0
    attempts: int = 0
    done: bool = False


class Client:
    """Asks by the rule: again on TRY_AGAIN and lost connections, after a growing random pause; with a fresh token once it is refused."""

    def __init__(self, pool: Pool, read_token: Callable[[], str], *, attempt_s: float = ATTEMPT_S, patience_s: float = PATIENCE_S) -> None:
        self.pool, self.read_token = pool, read_token
        self.attempt_s, self.patience_s = attempt_s, patience_s
        self.token = read_token()

    async def ask(self, question: Question, record: Record) -> None:
        """Fill in the record."""
        now = asyncio.get_running_loop().time
        record.late_s = now() - record.intended
        while True:
            outcome, answer, reason = await self._attempt(question)
            record.attempts += 1
            taken = now() - record.intended
            if record.attempts == 1:
                record.first, record.first_s, record.reason = outcome, taken, reason
                if answer is not None:
                    record.status, record.version = answer.status, answer.headers.get(b"x-model-version", b"").decode()
            record.final, record.final_s = outcome, taken
            pause = pause_s(record.attempts, answer)
            if outcome not in (Outcome.ERROR, Outcome.LOST) or taken + pause > self.patience_s:
                record.done = True
                return
            await asyncio.sleep(pause)
            if answer is not None and is_expired(answer):
                self.token = self.read_token() or self.token

    async def _attempt(self, question: Question) -> tuple[Outcome, Answer | None, str]:
        try:
            answer = await self.pool.ask(question.request(self.token), self.attempt_s)
        except Lost as err:
            return Outcome.LOST, None, str(err)
        return question.judge(answer), answer, ""


def pause_s(attempts: int, answer: Answer | None) -> float:
    """Seconds to wait after that many attempts: random, so that clients do not come back together, and no shorter than Retry-After."""
    pause = random.uniform(0, min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**attempts))
    asked = answer.headers.get(b"retry-after", b"") if answer is not None and answer.status in TRY_AGAIN else b""
    return pause + (float(asked) if asked.isdigit() else 0.0)


async def open_load(
    client: Client, questions: Sequence[Question], rate: float, *, seconds: float, records: deque[Record], stop: asyncio.Event | None = None
) -> None:
    """Send `rate` requests a second, evenly spaced, for `seconds` or until `stop`; returns once each has its final outcome.

    A request's record is in `records` from when it leaves, and complete once it is `done`.
    """
    loop = asyncio.get_running_loop()
    start, running = loop.time(), set[asyncio.Task[None]]()
    asked = itertools.cycle(questions)
    count = round(rate * seconds) if seconds < math.inf else math.inf
    sent = 0
    try:
        while sent < count and not (stop is not None and stop.is_set()):
            due = int(min(count, (loop.time() - start) * rate + 1))
            for question in itertools.islice(asked, due - sent):
                record = Record(question.kind, start + sent / rate)
                records.append(record)
                task = loop.create_task(client.ask(question, record))
                running.add(task)
                task.add_done_callback(running.discard)
                sent += 1
            await asyncio.sleep(TICK_S)
        while running:
            await asyncio.wait(running)
    finally:
        for task in running:
            task.cancel()
