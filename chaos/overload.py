"""`python -m chaos.overload`: five times the knee on servers with queues of several lengths, to choose job_queue_size.

Each request brings 32 pictures, so that the worker is the part that cannot keep up: with single pictures, five times the knee is more
than the driver can send on two cores, and the driver's slowness would be measured. The clients do not retry, which would add load.
"""

import argparse
import asyncio
import tempfile
from collections import deque
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from rich.table import Table

from chaos.clients.knee import find_knee, warm_up
from chaos.clients.load import Client, Record, open_load
from chaos.clients.questions import Outcome, ask_alone, stack
from chaos.percentiles import percentile
from chaos.proxy import haproxy
from chaos.scene import FORESEEN, HIGHEST_KNEE, MODEL, PORT, Scene, supervised
from chaos.tables import console
from deploy.server import ROOT, Server
from testbed.command import ending
from testbed.connection import CONNECTIONS, Pool
from testbed.flags import positive, positive_list, rate
from testbed.pictures import DATA_ROOT, LabelledPicture, load_pictures

QUEUES = "100,250,500,1000"
TIMES_KNEE, SECONDS, START_S = 5.0, 4.0, 1.0  # the first second, in which the queue fills, is not counted
PICTURES, STACK = 320, 32


@dataclass(frozen=True, slots=True, kw_only=True)
class OverloadPlan:
    """How the servers are overloaded.

    Attributes:
        port: of the inference API.
        pictures, each: the pictures that are sent, and how many of them in one request.
        proxy: whether HAProxy is in front, with the example configuration.
        knee: requests a second; 0 if it has to be found.
    """

    port: int
    pictures: Sequence[LabelledPicture]
    each: int
    proxy: bool
    knee: float = 0.0


@dataclass(frozen=True, slots=True)
class Overload:
    """The result for a queue under five times the knee.

    Attributes:
        queue: job_queue_size.
        offered, accepted: requests a second, and how many of them were answered correctly.
        p50_ms, p99_ms: their latencies from the scheduled send time.
        refused_p50_ms, refused_p99_ms: the latencies of the 503s.
        driver_p99_ms: how late the driver sent, which is part of all other latencies.
        failed: requests that were neither answered correctly nor refused with 503.
        memory_mib: resident memory of frontend and workers, before and after.
    """

    queue: int
    offered: float
    accepted: float
    p50_ms: float
    p99_ms: float
    refused_p50_ms: float
    refused_p99_ms: float
    driver_p99_ms: float
    failed: int
    memory_mib: tuple[float, float]


async def measure(server: Server, url: str, plan: OverloadPlan, queue: int) -> tuple[Overload, float]:
    """The figures of one queue at `url`, and the knee, which is found first if it is given as 0."""
    pool, knee = Pool(url), plan.knee
    try:
        client = Client(pool, server.token, patience_s=0)
        groups = [plan.pictures[i : i + plan.each] for i in range(0, len(plan.pictures), plan.each)]
        questions = await ask_alone(pool, [stack(MODEL, group) for group in groups], client.token)
        if knee:
            await warm_up(client, questions)
        else:
            knee = min(HIGHEST_KNEE, await find_knee(client, questions))
        scene, records = Scene(server, pool, client, questions, knee), deque[Record]()
        before = sum(scene.resident_mib())
        await open_load(client, questions, TIMES_KNEE * knee, seconds=SECONDS, records=records)
        return figures(queue, records, (before, sum(scene.resident_mib()))), knee
    finally:
        await pool.close()


def figures(queue: int, records: Sequence[Record] | deque[Record], memory: tuple[float, float]) -> Overload:
    """The figures of the requests that were scheduled after the first second."""
    begin = records[0].intended + START_S
    counted = [record for record in records if record.intended >= begin]
    right = [1000 * record.first_s for record in counted if record.first is Outcome.RIGHT]
    refused = [1000 * record.first_s for record in counted if record.status == 503]
    seconds = max(record.intended + record.late_s for record in counted) - begin
    return Overload(
        queue=queue,
        offered=len(counted) / seconds,
        accepted=len(right) / seconds,
        p50_ms=percentile(right, 50),
        p99_ms=percentile(right, 99),
        refused_p50_ms=percentile(refused, 50),
        refused_p99_ms=percentile(refused, 99),
        driver_p99_ms=percentile([1000 * record.late_s for record in counted], 99),
        failed=len(counted) - len(right) - len(refused),
        memory_mib=memory,
    )


def run(queue: int, plan: OverloadPlan) -> tuple[Overload, float]:
    """The figures of one queue on its own server, and the knee, which is found first if it is given as 0."""
    with tempfile.TemporaryDirectory(prefix="overload-") as state:
        server = Server(plan.port, ROOT / "model_store", Path(state), {"job_queue_size": str(queue)})
        with supervised(server), haproxy(server, CONNECTIONS) if plan.proxy else nullcontext(server.inference) as url:
            return asyncio.run(measure(server, url, plan, queue))


def table(found: Sequence[Overload], knee: float) -> Table:
    shown = Table(title=f"Five times the knee of {knee:,.0f} requests/s; milliseconds")
    for column in ("queue", "offered/s", "right/s", "p50", "p99", "503: p50", "503: p99", "driver p99", "failed", "MiB before", "after"):
        shown.add_column(column, justify="right")
    for o in found:
        values = (o.queue, o.offered, o.accepted, o.p50_ms, o.p99_ms, o.refused_p50_ms, o.refused_p99_ms, o.driver_p99_ms, o.failed)
        shown.add_row(*(f"{value:,.0f}" for value in (*values, *o.memory_mib)))
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(prog="chaos.overload", description=__doc__)
    parser.add_argument("--port", type=int, default=PORT, help="of the separate server; its other ports move with it")
    parser.add_argument("--queues", type=positive_list, default=QUEUES, help="values of job_queue_size, separated by commas")
    parser.add_argument("--knee", type=rate, default="0", help="requests a second, if it is known (default: it is measured first)")
    parser.add_argument("--pictures", type=positive, default=str(STACK), help="in one request")
    parser.add_argument("--proxy", action="store_true", help="put HAProxy in front")
    parser.add_argument("--data-root", type=Path, default=DATA_ROOT)
    flags = parser.parse_args()
    found, knee = list[Overload](), flags.knee
    with ending(parser.prog, *FORESEEN):
        pictures = load_pictures(flags.data_root, PICTURES)
        plan = OverloadPlan(port=flags.port, pictures=pictures, each=flags.pictures, proxy=flags.proxy)
        for queue in flags.queues:
            overload, knee = run(queue, replace(plan, knee=knee))
            print(overload, flush=True)
            found.append(overload)
    console().print(table(found, knee))


if __name__ == "__main__":
    main()
