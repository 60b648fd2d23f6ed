"""One fault under load: two seconds as usual, the fault, and on until all is well again."""

import asyncio
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from chaos.clients.load import Record, open_load
from chaos.clients.questions import Outcome
from chaos.faults import InjectedFault
from chaos.percentiles import percentile
from chaos.scene import Scene

BEFORE_S = 2.0
LATE_S = 0.5  # a right answer that took longer is none of a server that is well
CALM_S = 2.0  # without a late, refused or lost request, and it has recovered
LONGEST_S = 70.0  # of recovery
LOOK_S = 0.25


@dataclass(frozen=True, slots=True)
class Trial:
    """What a fault did to the requests.

    Attributes:
        fault: its name.
        rate: requests a second of the load.
        first: how many requests had which outcome at their first attempt: what clients get that never ask twice.
        final: the same after retries.
        attempts: per request, mean.
        recovery_s: from the end of the cause to the last request that was not answered right in time; infinite if that never came.
        before_p99_s: of right answers before the fault.
        during_p50_s, during_p99_s: of right first answers from the fault to recovery.
        refused_p99_s: of errors at the first attempt.
        late_p99_s: how late the driver itself sent.
        memory_mib: of frontend and workers before the fault, and at most after it.
        versions: of the model, in how many right first answers.
        errors: how many first attempts got which status; 0 where there was no answer.
        notes: what else is to be told.
    """

    fault: str
    rate: float
    first: Counter[Outcome]
    final: Counter[Outcome]
    attempts: float
    recovery_s: float
    before_p99_s: float
    during_p50_s: float
    during_p99_s: float
    refused_p99_s: float
    late_p99_s: float
    memory_mib: tuple[float, float]
    versions: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether nothing was wrong, nothing lost for a client that asks again, and all was well in the end."""
        return (
            not self.first[Outcome.WRONG]
            and not self.final[Outcome.WRONG]
            and not self.final[Outcome.LOST]
            and math.isfinite(self.recovery_s)
        )


async def try_fault(scene: Scene, fault: InjectedFault) -> Trial:
    """Strike under load and watch."""
    loop = asyncio.get_running_loop()
    scene.records.clear()
    scene.notes.clear()
    stop, calm = asyncio.Event(), sum(scene.resident_mib())
    memory = [calm]
    load = asyncio.create_task(
        open_load(scene.client, scene.questions, scene.share * scene.knee, seconds=math.inf, records=scene.records, stop=stop)
    )
    watch = asyncio.create_task(_watch(scene, memory))
    try:
        await asyncio.sleep(BEFORE_S)
        struck = loop.time()
        await fault.strike(scene)
        ended = loop.time()
        recovered = await _wait_calm(scene, struck, ended)
    finally:
        stop.set()
        await asyncio.gather(load, *scene.background)
        watch.cancel()
        scene.background.clear()
    return _trial(scene, fault, (struck, ended, recovered), (calm, max(memory)))


async def _wait_calm(scene: Scene, struck: float, ended: float) -> float:
    """The moment at which the last request left that was not answered right in time; infinity where there is no end to them."""
    loop = asyncio.get_running_loop()
    while loop.time() - ended < LONGEST_S:
        await asyncio.sleep(LOOK_S)
        now = loop.time()
        last = max((record.intended for record in scene.records if record.intended >= struck and _is_bad(record, now)), default=struck)
        if now - max(last, ended) > CALM_S:
            return last
    return math.inf


def _is_bad(record: Record, now: float) -> bool:
    if record.attempts == 0:
        return now - record.intended > LATE_S
    return record.first is not Outcome.RIGHT or record.first_s > LATE_S


async def _watch(scene: Scene, memory: list[float]) -> None:
    while True:
        await asyncio.sleep(LOOK_S)
        memory.append(sum(scene.resident_mib()))


def _trial(scene: Scene, fault: InjectedFault, times: tuple[float, float, float], memory: tuple[float, float]) -> Trial:
    struck, ended, recovered = times
    records = list(scene.records)
    during = [record for record in records if struck <= record.intended <= max(ended, min(recovered, records[-1].intended))]
    errors = [record for record in records if record.first is not Outcome.RIGHT]
    return Trial(
        fault=fault.name,
        rate=scene.share * scene.knee,
        first=Counter(record.first for record in records),
        final=Counter(record.final for record in records),
        attempts=sum(record.attempts for record in records) / len(records),
        recovery_s=max(0.0, recovered - ended),
        before_p99_s=_right(records, 99, until=struck),
        during_p50_s=_right(during, 50),
        during_p99_s=_right(during, 99),
        refused_p99_s=percentile([record.first_s for record in errors if record.first is Outcome.ERROR], 99),
        late_p99_s=percentile([record.late_s for record in records], 99),
        memory_mib=memory,
        versions=Counter(record.version for record in records if record.first is Outcome.RIGHT),
        errors=Counter(str(record.status or record.reason) for record in errors),
        notes=tuple(scene.notes),
    )


def _right(records: Sequence[Record], share: float, until: float = math.inf) -> float:
    return percentile([record.first_s for record in records if record.first is Outcome.RIGHT and record.intended < until], share)
