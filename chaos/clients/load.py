"""Open load: requests are sent at a fixed rate whatever their answers, and latency counts from the scheduled send time.

Each request stands for a client that follows the rule of docs/api.md: it asks again after a pause if the answer allows it
or none came. The outcome of its first attempt is what a client without retries would get; its record holds both.
"""

import asyncio
import itertools
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chaos.clients.questions import CheckedQuestion, Outcome
from testbed.connection import HttpAnswer, Lost, Pool
from testbed.retry import ATTEMPT_S, PATIENCE_S, is_expired, pause_s

TICK_S = 0.001


@dataclass(slots=True)
class Record:
    """The outcome of one request.

    Attributes:
        kind: the kind of its question.
        intended: the scheduled send time, in seconds of the event loop's clock.
        late_s: how much later it was sent, which is the driver's own slowness.
        first: the first attempt's outcome.
        first_s: seconds from `intended` to that outcome.
        status: of the first answer, 0 for none.
        version: the version of the model that gave the first answer.
        reason: why the first attempt was lost, "" otherwise.
        final: the last attempt's outcome.
        final_s: seconds from `intended` to that outcome.
        attempts: their number so far.
        done: whether `final` will not change any more.
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
    """Follows the rule of testbed.retry: it asks again after growing pauses, and with a fresh token if the old one is refused."""

    def __init__(self, pool: Pool, read_token: Callable[[], str], *, attempt_s: float = ATTEMPT_S, patience_s: float = PATIENCE_S) -> None:
        self.pool, self.read_token = pool, read_token
        self.attempt_s, self.patience_s = attempt_s, patience_s
        self.token = read_token()

    async def ask(self, question: CheckedQuestion, record: Record) -> None:
        """Ask until the outcome is final, and fill in the record."""
        now = asyncio.get_running_loop().time
        record.late_s = now() - record.intended
        while True:
            outcome, answer, reason = await self._attempt(question)
            record.attempts += 1
            taken = now() - record.intended
            if record.attempts == 1:
                record.first, record.first_s, record.reason = outcome, taken, reason
                if answer is not None:
                    record.status, record.version = answer.status, answer.header(b"x-model-version").decode()
            record.final, record.final_s = outcome, taken
            pause = pause_s(record.attempts, answer)
            if outcome not in (Outcome.ERROR, Outcome.LOST) or taken + pause > self.patience_s:
                record.done = True
                return
            await asyncio.sleep(pause)
            if answer is not None and is_expired(answer):
                self.token = self.read_token() or self.token

    async def _attempt(self, question: CheckedQuestion) -> tuple[Outcome, HttpAnswer | None, str]:
        try:
            answer = await self.pool.ask(question.request(self.token), self.attempt_s)
        except Lost as err:
            return Outcome.LOST, None, str(err)
        return question.judge(answer), answer, ""


async def open_load(
    client: Client,
    questions: Sequence[CheckedQuestion],
    rate: float,
    *,
    seconds: float,
    records: deque[Record],
    stop: asyncio.Event | None = None,
) -> None:
    """Send `rate` requests a second, evenly spaced, for `seconds` or until `stop`; returns when each has its final outcome.

    A request's record is added to `records` when it is sent, and is complete when it is `done`.
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
