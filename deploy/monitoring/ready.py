"""Whether models answer: each is sent the picture that models.toml names, as clients send theirs, and must read it in time.

TorchServe's own checks do not tell this: /ping, /v2/health/ready and ModelReady are true while a model is still loading, while its
worker has just been killed or hangs, and while it has no worker at all. docs/faults.md has the measurements.
"""

import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from deploy.asking import ask
from deploy.model_list import ListedModel
from deploy.server import Server, ServerError
from testbed.answers import contradictions
from testbed.endpoints import predict_path

TIMEOUT_S = 1.0
FRESH_S = 1.0  # an answer serves all who ask within this time: a hundred load balancers cost a model one request a second


def why_not_ready(server: Server, model: ListedModel, timeout_s: float = TIMEOUT_S) -> str:
    """Why a model is not ready, in words that name no folder; "" if it has read its known picture."""
    try:
        url, picture = server.inference + predict_path(model.name), model.probe.picture.read_bytes()
        answer = ask(url, picture, headers=server.headers(), timeout_s=timeout_s)
    except ServerError:
        return "the server has no token, so it is not running"
    except requests.Timeout:
        return f"no answer within {timeout_s:g} s"
    except requests.RequestException:
        return "no connection to the server"
    told = _object(answer)
    if not answer.ok:
        return f"answered {answer.status_code} {told.get('type', '')}".rstrip()
    is_wrong = contradictions(told, model.probe.answer)
    return "" if not is_wrong else f"{model.probe.picture.name} was not read as {' and '.join(map(str, model.probe.answer.values()))}"


def _object(answer: requests.Response) -> Mapping[str, Any]:
    """The JSON object of an answer; an empty one if the body is something else."""
    try:
        told = answer.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


class Readiness:
    """Whether the models of a server are ready; asks again when the last answer is older than FRESH_S. Threads may share it.

    Args:
        server: the server, whose models at this moment are meant.
        timeout_s: seconds that a model has for its answer; nobody waits longer than that.
    Raises:
        ServerError: it serves a model that is not listed, or it serves no model.
    """

    def __init__(self, server: Server, timeout_s: float = TIMEOUT_S) -> None:
        self._checks = {model.name: _Check(server, model, timeout_s) for model in server.known()}

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(self._checks)

    def why_not(self, models: Iterable[str]) -> dict[str, str]:
        """Why each of these models is not ready; "" for one that is. All are asked at the same time."""
        checks = [self._checks[model] for model in models]
        with ThreadPoolExecutor(max(1, len(checks))) as pool:
            return {check.model.name: why for check, why in zip(checks, pool.map(_Check.why_not, checks), strict=True)}


class _Check:
    """What is known of one model. Callers that come while it is being asked wait for that answer."""

    def __init__(self, server: Server, model: ListedModel, timeout_s: float) -> None:
        self.model = model
        self._server, self._timeout_s = server, timeout_s
        self._lock = threading.Lock()
        self._why = ""
        self._known_until = 0.0

    def why_not(self) -> str:
        with self._lock:
            if time.monotonic() >= self._known_until:
                self._why = why_not_ready(self._server, self.model, self._timeout_s)
                self._known_until = time.monotonic() + FRESH_S
            return self._why
