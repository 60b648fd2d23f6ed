"""What a server does just now: its models by the management API, and their rates by the metrics."""

import re
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from digits_client.errors import StrangeAnswer, Unreachable, to_error

TIMEOUT_S = 5.0
SAMPLE = re.compile(r"^(\w+)\{([^}]*)\} (\S+)$", re.M)
LABEL = re.compile(r'(\w+)="([^"]*)"')
REQUESTS, PICTURES, PROVIDER, DRIFT = (
    *("ts_inference_requests_total", "digits_predictions_total", "digits_worker_provider", "digits_drift_psi"),
)


@dataclass(frozen=True, slots=True)
class ServedVersion:
    """A version of a model that is served.

    Attributes:
        device: what its workers run on, as "cpu"; "" while no worker has told.
        ready, wanted: workers.
        waiting: requests in the queue.
        requests_s, pictures_s: answered a second; 0 where nothing was measured.
        drift: the population stability index by what was compared, at its highest over the workers.
    """

    model: str
    version: str
    is_default: bool
    device: str
    ready: int
    wanted: int
    waiting: int
    requests_s: float
    pictures_s: float
    drift: Mapping[str, float] = field(default_factory=dict)


class Samples:
    """The samples of one reading of the metrics, with the time at which they were read."""

    def __init__(self, text: str, read_s: float) -> None:
        self.read_s = read_s
        self.by_name: dict[str, list[tuple[dict[str, str], float]]] = defaultdict(list)
        for name, labels, value in SAMPLE.findall(text):
            self.by_name[name].append((dict(LABEL.findall(labels)), float(value)))

    def of(self, name: str, model: str, version: str) -> list[tuple[dict[str, str], float]]:
        """The samples of a metric of one version of a model."""
        wanted = {"model_name": model, "model_version": version}
        return [(labels, value) for labels, value in self.by_name[name] if labels.items() >= wanted.items()]

    def total(self, name: str, model: str, versions: Sequence[str]) -> float:
        return sum(value for version in versions for _, value in self.of(name, model, version))


def watch(management: str, token: str, metrics: str, seconds: float) -> list[ServedVersion]:
    """Every version of every model, with the rates over that many seconds.

    Raises:
        Unreachable: one of the two APIs does not answer.
        Refused, StrangeAnswer: the management API refuses the token, or it is another server.
    """
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with httpx.Client(headers=headers, timeout=TIMEOUT_S) as http:
        before = _samples(http, metrics)
        if seconds:
            time.sleep(seconds)
        after = _samples(http, metrics)
        names = [model["modelName"] for model in _json(http, f"{management}/models?limit=100")["models"]]
        described = {name: _json(http, f"{management}/models/{name}/all") for name in names}
        default = {name: _json(http, f"{management}/models/{name}")[0]["modelVersion"] for name in names}
    return [_served(told, told["modelVersion"] == default[name], before, after) for name in names for told in described[name]]


def _served(told: Mapping[str, Any], is_default: bool, before: Samples, after: Samples) -> ServedVersion:
    model, version = told["modelName"], told["modelVersion"]
    seconds, asked_as = max(1e-9, after.read_s - before.read_s), [version, "default"] if is_default else [version]
    drift: dict[str, float] = {}
    for labels, value in after.of(DRIFT, model, version):
        drift[labels["statistic"]] = max(value, drift.get(labels["statistic"], 0.0))
    return ServedVersion(
        model=model,
        version=version,
        is_default=is_default,
        device=", ".join(sorted({labels["provider"] for labels, value in after.of(PROVIDER, model, version) if value})),
        ready=sum(worker["status"] == "READY" for worker in told["workers"]),
        wanted=told["minWorkers"],
        waiting=told.get("jobQueueStatus", {}).get("pendingRequests", 0),
        requests_s=(after.total(REQUESTS, model, asked_as) - before.total(REQUESTS, model, asked_as)) / seconds,
        pictures_s=(after.total(PICTURES, model, [version]) - before.total(PICTURES, model, [version])) / seconds,
        drift=drift,
    )


def _samples(http: httpx.Client, metrics: str) -> Samples:
    return Samples(_get(http, f"{metrics}/metrics").text, time.monotonic())


def _json(http: httpx.Client, url: str) -> Any:
    response = _get(http, url)
    try:
        told = response.json()
    except ValueError as err:
        raise StrangeAnswer(f"{url} answers no JSON") from err
    if response.status_code != 200:
        raise to_error(response.status_code, told if isinstance(told, dict) else {})
    return told


def _get(http: httpx.Client, url: str) -> httpx.Response:
    try:
        return http.get(url)
    except httpx.TransportError as err:
        raise Unreachable(f"{url} does not answer ({type(err).__name__})") from err
