"""What this machine can do now, measured in the run whose figures are judged by it: /ping, and the model without a server.

A slow machine is slow at these too, so that a budget in shares of them fails where the server has become slower, and nowhere else. They are
measured before the load and after it, since the speed of a shared machine changes within minutes.
"""

import asyncio
import json
import math
import statistics
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import yaml

from digitkit.artifacts.card import check_card
from digitkit.pictures.allowance import Allowance
from digitkit.reader import NO_HINTS
from digitkit.readers.tasks import find_reader
from digitkit.settings import Settings
from testbed.connection import Pool, address

SECONDS: Final = 0.5  # of each measurement
CONNECTIONS: Final = 32  # that ping side by side, as many as `steady` has users
BATCH: Final = 64  # batchSize in model-config.yaml
PING_TIMEOUT_S: Final = 30.0
SETTLED: Final = 1.1  # a frontend is warm once a measurement is not so many times the one before
ROUNDS: Final = 12  # the most measurements that are waited for

Read = Callable[[Sequence[bytes]], object]  # encoded pictures, read as a worker reads a batch of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What the parts of a server do alone on this machine.

    Attributes:
        pings: a second, through many connections.
        pictures: a second, decoded and read in batches on one thread.
    """

    pings: float
    pictures: float

    @property
    def rps(self) -> float:
        """Answers a second, if each took the time of a ping and of a picture, one after the other."""
        return 1 / (1 / self.pings + 1 / self.pictures)

    def between(self, other: "Calibration") -> "Calibration":
        """The mean of two: of rates, that of the times that they tell of."""
        return Calibration(
            pings=statistics.harmonic_mean((self.pings, other.pings)),
            pictures=statistics.harmonic_mean((self.pictures, other.pictures)),
        )


def calibrate(host: str, token: str, read: Read, bodies: Sequence[bytes], seconds: float = SECONDS) -> Calibration:
    """Measure both on this machine, one after the other, the pings once the frontend is warm.

    Args:
        host: of a server over plain HTTP.
        bodies: encoded pictures.
    Raises:
        Lost: a ping was not answered.
    """
    pings = _warm_pings(host, token, seconds)
    batches = [[bodies[(i + j) % len(bodies)] for j in range(BATCH)] for i in range(0, len(bodies), BATCH)]
    read(batches[0])  # the first takes longer than any other
    done, started = 0, time.perf_counter()
    while (spent := time.perf_counter() - started) < seconds or not done:
        read(batches[done % len(batches)])
        done += 1
    return Calibration(pings=pings, pictures=done * BATCH / spent)


def _warm_pings(host: str, token: str, seconds: float) -> float:
    """Pings a second of a frontend that has compiled what it runs: a JVM that has just started answers several times more slowly."""
    rates = [asyncio.run(_pings(host, token, seconds))]
    while len(rates) < ROUNDS:
        rates.append(asyncio.run(_pings(host, token, seconds)))
        if rates[-1] < SETTLED * rates[-2]:
            break
    return rates[-1]


async def _pings(host: str, token: str, seconds: float) -> float:
    """Pings a second, through all connections together."""
    name, port = address(host)
    request = f"GET /ping HTTP/1.1\r\nHost: {name}:{port}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    pool = Pool(host, CONNECTIONS)
    answered, started = 0, time.perf_counter()

    async def keep_asking() -> None:
        nonlocal answered
        while time.perf_counter() - started < seconds:
            await pool.ask(request, PING_TIMEOUT_S)
            answered += 1

    try:
        await asyncio.gather(*(keep_asking() for _ in range(CONNECTIONS)))
        return answered / (time.perf_counter() - started)
    finally:
        await pool.close()


def load_bare(archive: Path) -> Read:
    """What reads encoded pictures by the model in an archive, on the threads that its settings give a worker.

    Raises:
        CardError: the weights in it do not match their card.
        SettingsError: its settings cannot be used.
    """
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
        manifest: dict[str, Any] = json.loads(Path(folder, "MAR-INF", "MANIFEST.json").read_text())
        settings = Settings.from_mapping(yaml.safe_load(Path(folder, "model-config.yaml").read_text()))
        weights = Path(folder, cast(str, manifest["model"]["serializedFile"]))
        reader = find_reader(check_card(weights).task)
        model = reader.load(weights, settings, None)
    known = reader.parse_hints(NO_HINTS)

    def read(bodies: Sequence[bytes]) -> object:
        allowance = Allowance(limit=settings.limits.request_pixels * len(bodies), pages=settings.limits.pages)
        inputs = [reader.prepare(reader.open_file(body, settings.limits, allowance), known) for body in bodies]
        return model.read(inputs, math.inf)

    return read
