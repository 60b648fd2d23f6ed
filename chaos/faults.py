"""The faults: what breaks, and how. Each returns when its cause is over; the time until all is well again is the recovery."""

import asyncio
import resource
import signal
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import requests

from chaos.clients.hostile import dribble, hang_up, pour, sit
from chaos.clients.load import Client, Record, open_load
from chaos.clients.questions import poison, unauthorised
from chaos.many_machines import drained_node, rolling_update, scaling
from chaos.scene import MODEL, Scene, renew_token, token_expiry
from digitkit.artifacts.card import card_path
from testbed.archives import alter

OVERLOAD, OVERLOAD_S = (
    5.0,
    2.0,
)  # times the knee, for this many seconds; the usual load is half the knee, so the other half needs 16 s to clear the backlog
HANG_UPS_A_SECOND, HANG_UP_S = 200.0, 5.0
SLOW_CLIENTS, DRIBBLE_S, BYTE_S = 300, 6.0, 0.1
FULL_S = 4.0
OPERATOR_S = 1.0  # for which a token stays expired before the operator renews it
NEW_VERSION = "2.0"
POISON_A_SECOND, POISON_S = 100.0, 5.0
BIG_BODIES, BIG_BYTES = 40, 9_900_000
IDLE, LOOK_AT_S = (
    300,
    (1.0, 12.0),
)  # seconds after which the proxy has accepted all that it accepts, and has cut off those that send nothing
FEW_FILES = 256  # that the frontend may open, as on a machine where nobody raised `ulimit -n`


class FaultPlace(StrEnum):
    """Where a fault happens; each place is made anew for its faults."""

    ALONE = "a server"
    PROXY = "a server behind HAProxy"  # TorchServe alone has no remedy
    SHORT_TOKENS = "a server whose tokens last a minute"
    PODS = "pods behind a service"


@dataclass(frozen=True, slots=True)
class InjectedFault:
    """A way in which a server breaks.

    Attributes:
        name: its name in the table and as a flag.
        what: its description.
        strike: the function that causes it.
        place: where it happens.
    """

    name: str
    what: str
    strike: Callable[[Scene], Awaitable[None]]
    place: FaultPlace = FaultPlace.ALONE


async def kill_worker(scene: Scene) -> None:
    (await asyncio.to_thread(scene.worker)).kill()


async def stop_worker(scene: Scene) -> None:
    (await asyncio.to_thread(scene.worker)).send_signal(signal.SIGSTOP)


async def kill_frontend(scene: Scene) -> None:
    scene.frontend().kill()


async def overload(scene: Scene) -> None:
    rate = (OVERLOAD - scene.share) * scene.knee
    burst = open_load(scene.client, scene.questions, rate, seconds=OVERLOAD_S, records=scene.records)
    scene.background.append(asyncio.create_task(burst))
    await asyncio.sleep(OVERLOAD_S)


async def hang_ups(scene: Scene) -> None:
    sent = await hang_up(scene.server.inference, scene.questions[0].request(scene.client.token), HANG_UPS_A_SECOND, HANG_UP_S)
    scene.notes.append(f"{sent} connections were reset after their request")


async def slow_clients(scene: Scene) -> None:
    request = scene.questions[0].request(scene.client.token)
    left = await dribble(scene.server.inference, request, SLOW_CLIENTS, DRIBBLE_S, BYTE_S)
    scene.notes.append(f"of {SLOW_CLIENTS} slow connections {left} were still open after {DRIBBLE_S:.0f} s")


async def new_version(scene: Scene) -> None:
    """Do a whole roll-out: register version 2.0, make it the default, and delete 1.0."""
    archive = alter(scene.server.model_store / f"{MODEL}.mar", scene.server.model_store / "new.mar", version=NEW_VERSION)
    old = (await asyncio.to_thread(scene.manage, "GET", f"/models/{MODEL}")).json()[0]["modelVersion"]
    try:
        await _accepted(scene, "POST", "/models", url=archive.name, initial_workers="1", synchronous="true")
        await _accepted(scene, "PUT", f"/models/{MODEL}/{NEW_VERSION}/set-default")
        await _accepted(scene, "DELETE", f"/models/{MODEL}/{old}")
    finally:
        archive.unlink()
        card_path(archive).unlink()


async def broken_archive(scene: Scene) -> None:
    """Register version 3.0, whose weights are cut in half: its worker refuses every request, and the default version stays."""
    archive = alter(scene.server.model_store / f"{MODEL}.mar", scene.server.model_store / "broken.mar", version="3.0", damaged=True)
    try:
        answer = await asyncio.to_thread(
            scene.manage, "POST", "/models", url=archive.name, initial_workers="1", synchronous="true", response_timeout="3"
        )
        told = answer.json()
        scene.notes.append(f"registering it was answered {answer.status_code}: {(told.get('status') or told.get('message', ''))[:90]}")
        await asyncio.to_thread(scene.manage, "DELETE", f"/models/{MODEL}/3.0")
    finally:
        archive.unlink()
        card_path(archive).unlink()


async def full_disk(scene: Scene) -> None:
    """Let every write to a log file fail, as on a full disk; this needs no root, and is undone at the end."""
    frontend = scene.frontend()
    before = frontend.rlimit(resource.RLIMIT_FSIZE)
    assert before is not None
    frontend.rlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    await asyncio.sleep(FULL_S)
    frontend.rlimit(resource.RLIMIT_FSIZE, before)


async def expired_token(scene: Scene) -> None:
    """Wait until the token has expired, and renew it a second later, as the operator's timer should have done earlier."""
    await asyncio.sleep((token_expiry(scene.server) - datetime.now(UTC)).total_seconds() + OPERATOR_S)
    await asyncio.to_thread(renew_token, scene.server)


async def poison_files(scene: Scene) -> None:
    """Send NumPy files whose header lies about the shape, beside the good requests and without retries."""
    sender, answers = Client(scene.pool, scene.client.read_token, patience_s=0), deque[Record]()
    await open_load(sender, [poison(MODEL)], POISON_A_SECOND, seconds=POISON_S, records=answers)
    scene.notes.append(f"poison files answered {_tally([answer.status for answer in answers])}")


async def big_bodies(scene: Scene) -> None:
    """Send large bodies without a token, all of which the frontend would read into memory before it looks for one."""
    before, _ = scene.resident_mib()
    poured = await pour(scene.pool.url, unauthorised(MODEL, BIG_BYTES), BIG_BODIES)
    after, _ = scene.resident_mib()
    taken, offered = sum(each.taken for each in poured) / 1e6, BIG_BODIES * BIG_BYTES / 1e6
    scene.notes.append(f"bodies answered {_tally([each.status for each in poured])} after {taken:.0f} of {offered:.0f} MB")
    scene.notes.append(f"the frontend's memory went from {before:,.0f} to {after:,.0f} MiB")


async def idle_connections(scene: Scene) -> None:
    """Open more idle connections than the frontend may open files, while good clients open new connections."""
    frontend = scene.frontend()
    before = frontend.rlimit(resource.RLIMIT_NOFILE)
    assert before is not None
    frontend.rlimit(resource.RLIMIT_NOFILE, (FEW_FILES, before[1]))
    try:
        sitting = asyncio.create_task(sit(scene.pool.url, IDLE, LOOK_AT_S))
        await asyncio.sleep(LOOK_AT_S[0])
        scene.pool.renew()
        let_in, left = await sitting
    finally:
        frontend.rlimit(resource.RLIMIT_NOFILE, before)
    scene.notes.append(f"of {IDLE} idle connections {let_in} were let in, and {left} were open after {LOOK_AT_S[1]:.0f} s")


def _tally(statuses: Sequence[int]) -> str:
    """How often each status came; 0 stands for a connection that was cut off before the answer was read."""
    return ", ".join(f"{count} x {status or 'cut off'}" for status, count in Counter(statuses).most_common())


async def _accepted(scene: Scene, method: str, path: str, **query: str) -> requests.Response:
    answer = await asyncio.to_thread(lambda: scene.manage(method, path, **query))
    answer.raise_for_status()
    return answer


FAULTS = (
    InjectedFault("worker-killed", "SIGKILL to the worker", kill_worker),
    InjectedFault("worker-stopped", "SIGSTOP to the worker, past its time-out of 3 s", stop_worker),
    InjectedFault("overload", "five times the knee for 2 s", overload),
    InjectedFault("hang-ups", "200 clients a second that reset their connection", hang_ups),
    InjectedFault("slow-clients", "300 connections that send 10 bytes a second", slow_clients),
    InjectedFault("frontend-killed", "SIGKILL to the frontend; the supervisor restarts it", kill_frontend),
    InjectedFault("disk-full", "no log file can grow for 4 s", full_disk),
    InjectedFault("broken-archive", "a version whose weights are damaged is registered", broken_archive),
    InjectedFault("new-version", "a version is registered, made the default, the old one deleted", new_version),
    InjectedFault("poison-files", "100 NumPy files a second whose header lies about the shape, for 5 s", poison_files),
    InjectedFault("scaling", "another model gets a worker more under load, and one less after it", scaling),
    InjectedFault("big-bodies", "40 bodies of 9.9 MB without a token, through HAProxy", big_bodies, FaultPlace.PROXY),
    InjectedFault("idle-connections", "300 connections that send nothing, through HAProxy", idle_connections, FaultPlace.PROXY),
    InjectedFault("rolling-update", "each of two pods is replaced by one of another version", rolling_update, FaultPlace.PODS),
    InjectedFault("drained-node", "one of two pods is evicted, and starts elsewhere", drained_node, FaultPlace.PODS),
    InjectedFault("token-expired", "the token expires, and is renewed a second later", expired_token, FaultPlace.SHORT_TOKENS),
)
