"""Where faults happen: a server of its own under a supervisor, with archives whose worker is given up after 3 s."""

import asyncio
import json
import tempfile
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psutil
import requests

from chaos.archives import alter
from chaos.connection import Pool
from chaos.load import Client, Record
from chaos.questions import Question
from deploy.java import JavaError
from deploy.local import client
from deploy.server import MODELS, START_TIMEOUT_S, Server, ServerError
from deploy.supervise import supervise

MODEL = "digits_onnx"  # the one under load
# Seconds until a stopped worker is killed and started anew: the shipped 30 s would only make the run longer. A batch may then take
# 2 s at most, below it as in the shipped archive.
RESPONSE_TIMEOUT_S = 3
IMPATIENT = {"responseTimeout": RESPONSE_TIMEOUT_S, "limits": {"batch_seconds": 2}}
# Models can be registered and deleted on this server alone, as by its operator during a roll-out: the shipped settings forbid both.
OPEN_TO_MODELS = {"enable_model_api": "true"}
POLL_S = 0.1
HIGHEST_KNEE = 4_000.0  # requests a second: of more, a driver in Python cannot send five times as many
FRONTEND = "org.pytorch.serve.ModelServer"


@dataclass
class Scene:
    """A server under load.

    Attributes:
        server: on ports of its own, in a folder of its own.
        pool: connections of the good clients.
        client: who keeps to the rule.
        questions: with their right answers.
        knee: requests a second that it carries.
        share: of the knee that the load is.
        records: of the fault that is on.
        background: loads beside the usual one.
        notes: what a fault has to tell beyond the counts.
    """

    server: Server
    pool: Pool
    client: Client
    questions: list[Question]
    knee: float
    share: float = 0.5
    records: deque[Record] = field(default_factory=deque)
    background: list[asyncio.Task[None]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def frontend(self) -> psutil.Process:
        """The Java process."""
        (found,) = [process for process in self._family() if FRONTEND in process.cmdline()]
        return found

    def worker(self) -> psutil.Process:
        """The Python process that serves the model under load."""
        return psutil.Process(int(self.server.describe(MODEL)["workers"][0]["pid"]))

    def resident_mib(self) -> tuple[float, float]:
        """Memory of the frontend, and of all workers together."""
        frontend, workers = 0.0, 0.0
        for process in self._family():
            with suppress(psutil.NoSuchProcess):  # it ended since it was listed
                memory = process.memory_info().rss / 2**20
                if FRONTEND in process.cmdline():
                    frontend += memory
                else:
                    workers += memory
        return frontend, workers

    def manage(self, method: str, path: str, **query: str) -> requests.Response:
        """An answer of the management API."""
        url, headers = self.server.management + path, self.server.headers("management")
        with client() as session:
            return session.request(method, url, params=query, headers=headers, timeout=START_TIMEOUT_S)

    def _family(self) -> list[psutil.Process]:
        pid = self.server.pid()
        with suppress(psutil.NoSuchProcess):  # it was killed a moment ago
            return psutil.Process(pid).children(recursive=True) if pid is not None else []
        return []


@contextmanager
def impatient_store(source: Path) -> Iterator[Path]:
    """A folder with copies of the archives in `source`, with a time-out of 3 s; raises CardError, OSError."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        for model in MODELS:
            alter(source / f"{model}.mar", Path(folder, f"{model}.mar"), config=IMPATIENT)
        yield Path(folder)


@contextmanager
def supervised(server: Server) -> Iterator[None]:
    """`server` running under deploy.supervise; raises as supervise() where it does not get ready."""
    ended, failures = threading.Event(), list[BaseException]()

    def run() -> None:
        try:
            supervise(server, ended)
        except (ServerError, JavaError, OSError) as err:
            failures.append(err)

    supervisor = threading.Thread(target=run)
    supervisor.start()
    try:
        while supervisor.is_alive() and not all(map(server.is_ready, MODELS)):
            supervisor.join(POLL_S)
        if failures:
            raise failures[0]
        yield
    finally:
        ended.set()
        supervisor.join()


def token_expiry(server: Server) -> datetime:
    """When the inference token ends."""
    return datetime.fromisoformat(_keys(server)["inference"]["expiration time"])


def token_or_none(server: Server) -> str:
    """The inference token of now; "" while a server that starts anew has written none yet."""
    try:
        return server.token()
    except ServerError:
        return ""


def renew_token(server: Server) -> None:
    """Make a new inference token, as an operator does with the key for the API; the old one is refused from now on."""
    headers = {"Authorization": f"Bearer {_keys(server)['API']['key']}"}
    url, query = f"{server.management}/token", {"type": "inference"}
    with client() as session:
        session.get(url, params=query, headers=headers, timeout=START_TIMEOUT_S).raise_for_status()


def _keys(server: Server) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads((server.folder / "key_file.json").read_text())
    return found
