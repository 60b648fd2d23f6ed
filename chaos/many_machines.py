"""Faults of many machines, which are none where all goes well: a rolling update, a node that is drained, workers that come and go."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from chaos.clients.load import open_load
from chaos.clients.questions import CheckedQuestion, ask_alone
from chaos.pods import Cluster, PodService
from chaos.scene import MODEL, Scene
from deploy.autoscale import Autoscaler
from deploy.scaling.scaling_rules import Rules
from deploy.scaling.worker_load import Scaled
from deploy.server import ServerError
from testbed.archives import alter
from testbed.connection import address
from testbed.endpoints import predict_path

UPDATED: Final = "2.0"  # the version that a rolling update brings
SCALED_MODEL: Final = "digits"  # beside the one under the usual load
QUICK: Final = Rules(target_s=0.002, up_after=1, down_after=2, cool_down_s=2.0)  # the shipped ones take minutes
QUIET_S: Final = 5.0  # as deploy.autoscale's own
READING_S: Final = 6.0  # workers tell their counts every 5 s
LONGEST_S: Final = 180.0  # until a worker has come, or gone, on a busy machine


async def rolling_update(scene: Scene) -> None:
    """Replace every pod by one of another version: each new one is ready before an old one ends, as the Deployment says."""
    found, service = _cluster(scene)
    newer = found.state / "newer"
    newer.mkdir()
    alter(found.store / f"{MODEL}.mar", newer / f"{MODEL}.mar", version=UPDATED)
    for old in [*found.pods]:
        service.ready.append(address((await asyncio.to_thread(found.new_pod, newer)).url))
        await found.end(old, service)


async def drained_node(scene: Scene) -> None:
    """Evict a pod, as `kubectl drain` does, while another starts elsewhere: the service has one pod less until that is ready."""
    found, service = _cluster(scene)
    evicted = found.pods[0]
    starting = asyncio.create_task(asyncio.to_thread(found.new_pod, evicted.server.model_store))
    await found.end(evicted, service)
    service.ready.append(address((await starting).url))


def _cluster(scene: Scene) -> tuple[Cluster, PodService]:
    assert scene.cluster is not None and isinstance(scene.pool, PodService)
    return scene.cluster, scene.pool


async def scaling(scene: Scene) -> None:
    """Load one more model until it gets a second worker, and leave it in peace until that has gone: all by deploy.autoscale."""
    scaler = Autoscaler(Scaled(scene.server), QUICK, (SCALED_MODEL,), quiet_s=QUIET_S, is_dry=False)
    loaded = asyncio.Event()
    load = open_load(scene.client, await _questions(scene), scene.share * scene.knee, seconds=math.inf, records=scene.records, stop=loaded)
    scene.background.append(asyncio.create_task(load))
    try:
        more_s = await _turns_until(scaler, scene, workers=2)
    finally:
        loaded.set()
    less_s = await _turns_until(scaler, scene, workers=1)
    scene.notes.append(f"{SCALED_MODEL} had a second worker after {more_s:.0f} s, and one again {less_s:.0f} s after its last requests")


async def _questions(scene: Scene) -> Sequence[CheckedQuestion]:
    """Those of the usual load, asked of the other model."""
    asked = [replace(question, path=predict_path(SCALED_MODEL), expected=b"") for question in scene.questions]
    return await ask_alone(scene.pool, asked, scene.client.token)


async def _turns_until(scaler: Autoscaler, scene: Scene, workers: int) -> float:
    """Have the workers follow the load until there are so many; returns the seconds that it took, and raises ServerError."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    while len((await asyncio.to_thread(scene.server.describe, SCALED_MODEL))["workers"]) != workers:
        if loop.time() - started > LONGEST_S:
            raise ServerError(f"{SCALED_MODEL} has another number of workers than {workers} after {LONGEST_S:.0f} s")
        await asyncio.to_thread(scaler.turn)
        await asyncio.sleep(READING_S)
    return loop.time() - started
