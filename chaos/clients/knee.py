"""The knee: the highest rate at which every request is answered correctly and in time."""

import asyncio
from collections import deque
from collections.abc import Sequence

from chaos.clients.load import Client, Record, open_load
from chaos.clients.questions import CheckedQuestion, NotServed, Outcome
from chaos.percentiles import percentile

WARM_UP_S, WARM_UP_RATE = 6.0, 300.0
STEP_S, TRIES = 1.5, 3
FIRST_RATE, GROWTH = 50.0, 1.4
BUDGET_S = 0.1  # the highest p99 for single pictures, with the driver on the same machine
STEPS = 16  # 50 to 7,800 requests a second, in half a minute
PAUSE_S = 0.3  # between two rates, so that the queue empties


async def find_knee(client: Client, questions: Sequence[CheckedQuestion], budget_s: float = BUDGET_S) -> float:
    """The knee in requests a second: of rates that grow by 1.4, the last at which p99 held and nothing was lost, refused or misread.

    A rate that fails is tried again, because another process on the machine may have caused the failure.

    Raises:
        NotServed: the first rate fails already.
    """
    await warm_up(client, questions)
    knee, rate = 0.0, FIRST_RATE
    for _ in range(STEPS):
        for _ in range(TRIES):
            if holds(await _measure(client, questions, rate), budget_s):
                break
        else:
            break
        knee, rate = rate, rate * GROWTH
    if not knee:
        raise NotServed(f"not even {FIRST_RATE:.0f} requests a second are answered correctly within {budget_s} s; is the machine busy?")
    return knee


async def _measure(client: Client, questions: Sequence[CheckedQuestion], rate: float) -> deque[Record]:
    records = deque[Record]()
    await open_load(client, questions, rate, seconds=STEP_S, records=records)
    await asyncio.sleep(PAUSE_S)
    return records


async def warm_up(client: Client, questions: Sequence[CheckedQuestion]) -> None:
    """Send load until Java has compiled the code that serves it: the first seconds are several times slower."""
    await open_load(client, questions, WARM_UP_RATE, seconds=WARM_UP_S, records=deque())


def holds(records: Sequence[Record] | deque[Record], budget_s: float) -> bool:
    """Whether all answers were right and p99 was within its budget."""
    return all(record.first is Outcome.RIGHT for record in records) and percentile([record.first_s for record in records], 99) <= budget_s
