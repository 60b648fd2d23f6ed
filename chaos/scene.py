"""Where faults happen: a separate server under a supervisor, with archives whose worker counts as stuck after 3 s."""

import asyncio
import json
import tempfile
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psutil
import requests

from chaos.clients.load import Client, Record
from chaos.clients.questions import CheckedQuestion, NotServed
from chaos.pods import Cluster
from deploy.asking import ask
from deploy.machine.java import JavaError
from deploy.machine.local import client
from deploy.model_list import DIGITS, models_of
from deploy.server import START_TIMEOUT_S, Server, ServerError
from deploy.supervise import supervise
from testbed.archives import alter
from testbed.connection import Pool
from testbed.processes import frontend, resident_mib

PORT = 19_080  # of the separate server, which may run beside the one that make run started
FORESEEN = (ServerError, JavaError, NotServed)
MODEL = "digits_onnx"  # the one under load
# Seconds until a stopped worker is killed and restarted: the shipped 30 s would only make the run longer. A batch may then take
# at most 2 s, which is less, as in the shipped archive.
RESPONSE_TIMEOUT_S = 3
IMPATIENT = {"responseTimeout": RESPONSE_TIMEOUT_S, "limits": {"batch_seconds": 2}}
POLL_S = 0.1
HIGHEST_KNEE = 4_000.0  # requests a second; beyond it, a driver in Python cannot send five times as many


@dataclass
class Scene:
    """A server under load.

    Attributes:
        server: with its own ports and its own folder.
        pool: the connections of the good clients.
        client: the client that follows the rule of asking again.
        questions: the questions, with their right answers.
        knee: requests a second that it carries.
        share: the load as a share of the knee.
        cluster: whose pods the pool asks in the server's place, None where there is one server alone.
        records: those of the present fault.
        background: additional loads beside the usual one.
        notes: what a fault reports beyond the counts.
    """

    server: Server
    pool: Pool
    client: Client
    questions: list[CheckedQuestion]
    knee: float
    share: float = 0.5
    cluster: Cluster | None = None
    records: deque[Record] = field(default_factory=deque)
    background: list[asyncio.Task[None]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def frontend(self) -> psutil.Process:
        """The Java process."""
        return frontend(self.server.pid())

    def worker(self) -> psutil.Process:
        """The Python process that serves the model under load."""
        return psutil.Process(int(self.server.describe(MODEL)["workers"][0]["pid"]))

    def resident_mib(self) -> tuple[float, float]:
        """Resident memory of the frontend, and of all workers together."""
        return self.cluster.resident_mib() if self.cluster else resident_mib(self.server.pid())

    def manage(self, method: str, path: str, **query: str) -> requests.Response:
        """An answer of the management API."""
        url, headers = self.server.management + path, self.server.headers("management")
        with client() as session:
            return session.request(method, url, params=query, headers=headers, timeout=START_TIMEOUT_S)


@contextmanager
def impatient_store(source: Path) -> Iterator[Path]:
    """A folder with copies of the default archives in `source`, with a time-out of 3 s; raises CardError, OSError."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        for model in [model.name for model in models_of(DIGITS) if model.built]:
            alter(source / f"{model}.mar", Path(folder, f"{model}.mar"), config=IMPATIENT)
        yield Path(folder)


@contextmanager
def supervised(server: Server) -> Iterator[None]:
    """`server` running under deploy.supervise; raises as supervise() does if it does not become ready."""
    ended, failures = threading.Event(), list[BaseException]()

    def run() -> None:
        try:
            supervise(server, ended)
        except (ServerError, JavaError, OSError) as err:
            failures.append(err)

    supervisor = threading.Thread(target=run)
    supervisor.start()
    try:
        while supervisor.is_alive() and not all(map(server.is_ready, server.served)):
            supervisor.join(POLL_S)
        if failures:
            raise failures[0]
        yield
    finally:
        ended.set()
        supervisor.join()


def token_expiry(server: Server) -> datetime:
    """When the inference token expires."""
    return datetime.fromisoformat(_keys(server)["inference"]["expiration time"])


def token_or_none(server: Server) -> str:
    """The present inference token; "" while a restarting server has not written one yet."""
    try:
        return server.token()
    except ServerError:
        return ""


def renew_token(server: Server) -> None:
    """Create a new inference token with the key for the API, as an operator does; the old one is refused from then on."""
    headers = {"Authorization": f"Bearer {_keys(server)['API']['key']}"}
    ask(f"{server.management}/token?type=inference", headers=headers, timeout_s=START_TIMEOUT_S).raise_for_status()


def _keys(server: Server) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads((server.folder / "key_file.json").read_text())
    return found
