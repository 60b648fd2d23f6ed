"""One fault under load: two seconds of usual load, the fault, and the time until all is well again."""

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
LATE_S = 0.5  # a server that takes longer for a right answer has not recovered yet
CALM_S = 2.0  # without a late, refused or lost request, after which the server has recovered
LONGEST_S = 70.0  # of recovery
LOOK_S = 0.25


@dataclass(frozen=True, slots=True)
class Trial:
    """The effect of a fault on the requests.

    Attributes:
        fault: the name of the fault.
        rate: requests a second of the load.
        first: how many requests had which outcome at their first attempt, which is what clients without retries get.
        final: the same after retries.
        attempts: the mean number for each request.
        recovery_s: from the end of the cause to the last request without a right answer in time; infinite if there was no end to them.
        before_p99_s: the latency of right answers before the fault.
        during_p50_s, during_p99_s: the latencies of right first answers from the fault to the recovery.
        refused_p99_s: the latency of errors at the first attempt.
        late_p99_s: how late the driver itself sent.
        memory_mib: of frontend and workers, before the fault and at its highest after it.
        versions: how many right first answers came from which version of the model.
        errors: how many first attempts got which status; 0 stands for no answer.
        notes: further remarks.
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
        """Whether no answer was wrong, a client that asks again lost nothing, and the server recovered."""
        return (
            not self.first[Outcome.WRONG]
            and not self.final[Outcome.WRONG]
            and not self.final[Outcome.LOST]
            and math.isfinite(self.recovery_s)
        )


async def try_fault(scene: Scene, fault: InjectedFault) -> Trial:
    """Cause the fault under load, and record what happens."""
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
    """The send time of the last request without a right answer in time; infinity if there was no end to them."""
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
