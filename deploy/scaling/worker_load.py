"""What the models of a server have to do, by its metrics and management endpoints, and how their workers are changed."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from deploy.machine.local import client
from deploy.scaling.scaling_rules import WorkerLoad
from deploy.server import REQUEST_TIMEOUT_S, Server

SCALE_TIMEOUT_S: Final = 130.0  # for a worker that loads: startupTimeout of model-config.yaml, and a little more
QUIET_POLL_S: Final = 0.5
WAITED, ARRIVED = "ts_queue_latency_microseconds", "ts_inference_requests_total"
ANSWERED, BUSY = "digits_batch_requests_sum", "digits_worker_busy_seconds_total"


@dataclass(slots=True)
class Counted:
    """What a model had counted at a reading, over all workers and versions; `at` is the time of it."""

    at: float
    values: dict[str, float]
    pending: int
    workers: int


def load_between(earlier: Counted, later: Counted) -> WorkerLoad:
    """What happened between two readings; a server that was started anew counts from 0."""
    added = {name: value - earlier.values.get(name, 0.0) for name, value in later.values.items()}
    if any(value < 0 for value in added.values()):
        added = later.values
    answered, seconds = added.get(ANSWERED, 0.0), max(later.at - earlier.at, 1e-3)
    queue_s = added.get(WAITED, 0.0) / 1e6 / answered if answered else 0.0
    busy = added.get(BUSY, 0.0) / seconds / max(later.workers, 1)
    return WorkerLoad(later.workers, queue_s, min(busy, 1.0), stuck=later.pending > 0 and not answered)


def sums_of(text: str, model: str) -> dict[str, float]:
    """The sums, over versions and workers, of the counters of /metrics that are needed here."""
    sums: dict[str, float] = {}
    for line in text.splitlines():
        name, _, rest = line.partition("{")
        labels, _, value = rest.rpartition("} ")
        if name in (WAITED, ARRIVED, ANSWERED, BUSY) and f'model_name="{model}"' in labels:
            sums[name] = sums.get(name, 0.0) + float(value.split()[0])
    return sums


class Scaled:
    """The models of a running server, whose workers are counted and changed.

    Args:
        now: the time in seconds, sleep: waits; tests have their own.
    """

    def __init__(self, server: Server, now: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep) -> None:
        self.server, self.now, self.sleep = server, now, sleep

    def read(self, model: str) -> Counted:
        """What a model has counted; raises requests.RequestException, ServerError."""
        described = self.server.describe(model)
        with client() as session:
            answer = session.get(f"{self.server.metrics}/metrics", timeout=REQUEST_TIMEOUT_S)
        answer.raise_for_status()
        pending = int((described.get("jobQueueStatus") or {}).get("pendingRequests", 0))
        return Counted(self.now(), sums_of(answer.text, model), pending, len(described["workers"]))

    def scale(self, model: str, workers: int) -> None:
        """Have that many workers, and return once they are ready; raises requests.RequestException."""
        url = f"{self.server.management}/models/{model}?min_worker={workers}&max_worker={workers}&synchronous=true"
        with client() as session:
            answer = session.put(url, headers=self.server.headers("management"), timeout=SCALE_TIMEOUT_S)
        answer.raise_for_status()

    def is_quiet(self, model: str, seconds: float) -> bool:
        """Whether nothing is asked for that long: then no worker has a batch that it could take away with it."""
        first = self.read(model)
        until = self.now() + seconds
        while self.now() < until:
            self.sleep(QUIET_POLL_S)
            latest = self.read(model)
            if latest.pending or latest.values.get(ARRIVED, 0.0) != first.values.get(ARRIVED, 0.0):
                return False
        return not first.pending
