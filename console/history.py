"""The last ten minutes of the server, sampled while the console runs, so that a page shows its plots at once."""

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from console.counts import ModelCounts, between, read_counts, totals
from console.refusal import Denied
from console.upstream import Upstream

PERIOD_S = 5.0  # as often as a worker hands on what it has counted
KEPT = 121  # samples: ten minutes and their beginning
SPAN = 2  # samples between two that are compared: a worker's five seconds and ours never begin together


@dataclass(frozen=True, slots=True)
class Moment:
    """What was counted by each model at a time of the monotonic clock."""

    at: float
    models: Mapping[str, ModelCounts]


class History:
    """Asks for metrics, workers and cards every PERIOD_S, and tells what came."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self.moments: deque[Moment] = deque(maxlen=KEPT)
        self.models: list[dict[str, Any]] = []
        self.problem = ""
        self._cards: dict[tuple[str, str, str], dict[str, Any]] = {}

    async def run(self) -> None:
        """Sample until cancelled; a server that is away is only noted, because it may come back."""
        while True:
            await self.sample()
            await asyncio.sleep(PERIOD_S)

    async def sample(self) -> None:
        try:
            counted = read_counts(await self.upstream.metrics())
            self.models = [await self._model(name) for name in self.upstream.models]
            self.moments.append(Moment(time.monotonic(), counted))
            self.problem = ""
        except (Denied, ValueError) as err:
            self.problem = str(err)
            self.models = []

    async def _model(self, name: str) -> dict[str, Any]:
        listed = self.upstream.models[name]
        versions = [await self._version(name, described) for described in await self.upstream.describe(name)]
        return {"name": name, "task": listed.task, "target": listed.target, "form": listed.form, "versions": versions}

    async def _version(self, name: str, described: Mapping[str, Any]) -> dict[str, Any]:
        version, workers = described["modelVersion"], described["workers"]
        told = {"version": version, "workers": [{key: worker[key] for key in ("id", "status", "startTime", "gpu")} for worker in workers]}
        told |= {"wanted": described["minWorkers"], "batch": described["batchSize"]}
        # A worker answers for its card, and counts that as a request: it is asked once for each start of the first worker.
        started = (name, version, workers[0]["startTime"] if workers else "")
        if workers and started not in self._cards:
            with suppress(Denied):
                self._cards[started] = _shown(await self.upstream.card(name, version))
        return told | self._cards.get(started, {})

    def tell(self) -> dict[str, Any]:
        """What the page shows: the models, their series of the last minutes, and their totals."""
        known = list(self.moments)
        names = known[-1].models if known else {}
        return {
            "problem": self.problem,
            "period": PERIOD_S,
            "models": self.models,
            "series": {name: self._series(known, name) for name in names},
            "totals": {name: totals(counts) for name, counts in names.items()},
        }

    @staticmethod
    def _series(known: list[Moment], name: str) -> dict[str, list[float | None]]:
        series: dict[str, list[float | None]] = {"ago": []}
        for earlier, later in zip(known, known[SPAN:], strict=False):
            found = between(earlier.models.get(name, ModelCounts()), later.models.get(name, ModelCounts()), later.at - earlier.at)
            series["ago"].append(round(known[-1].at - later.at, 1))
            for key, value in found.items():
                series.setdefault(key, []).append(None if value is None else round(value, 3))
        return series


def _shown(described: Mapping[str, Any]) -> dict[str, Any]:
    """What the page shows of a model's description and of its card."""
    card = described.get("card", {})
    return {
        "runs_on": described.get("runs_on", ""),
        "explains_by": described.get("explains_by", ""),
        "card": {key: card[key] for key in ("accuracy", "parameters", "bytes", "sha256", "commit", "temperature") if key in card}
        | {"seed": card.get("recipe", {}).get("seed")},
    }
