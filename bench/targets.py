"""What is measured: the targets by name, and the servers that they run on, started and stopped."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import requests

from bench.exchange import digits_in
from deploy.java import JavaError
from deploy.server import CONFIG, Server, ServerError
from digitkit.card import card_path
from loadtest.pictures import LabelledPicture

STORE = Path("model_store")
STOCK_ARCHIVE = Path("build/bench/stock.mar")
STOCK_CONFIG = Path(__file__).with_name("stock") / "config.properties"
START_TIMEOUT_S = 120.0
REQUEST_TIMEOUT_S = 30.0
POLL_S = 0.01


class TargetError(Exception):
    """A target that does not start, or does not answer as it should."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers.

    Attributes:
        port: on 127.0.0.1.
        pid: of the process that all its others descend from.
        headers: that every request needs.
        start_s: seconds from the start command to the first right answer.
    """

    port: int
    pid: int
    start_s: float
    headers: Mapping[str, str] = field(default_factory=dict)


Start = Callable[[int, LabelledPicture], AbstractContextManager[Running]]


@dataclass(frozen=True, slots=True)
class Service:
    """A server, and how it is started on a port.

    Attributes:
        name: that targets know it by.
        workers: that it is told to have; 0 are as many as it takes by itself.
        path: that takes a picture.
        start: the context of the server while it answers, which is given a picture to know that by.
    """

    name: str
    workers: int
    path: str
    start: Start


@dataclass(frozen=True, slots=True)
class Target:
    """One line of the result.

    Attributes:
        service: the name of the server that answers.
        path: on that server; "" for the one that takes a picture.
        pictures: in each request: none, one as a PNG, or many as a NumPy file.
        connections: at which it is loaded; () for those of the run.
    """

    service: str
    path: str = ""
    pictures: int = 1
    connections: tuple[int, ...] = ()


TARGETS = {
    "digits_onnx": Target("digits_onnx"),
    "digits_onnx-64": Target("digits_onnx", pictures=64, connections=(1, 4)),
    "digits_onnx-1024": Target("digits_onnx", pictures=1024, connections=(1, 4)),
    "ping": Target("digits_onnx", "/ping", pictures=0),
    "digits": Target("digits"),
    "stock-1thread": Target("stock-1thread"),
    "stock": Target("stock"),
}

OURS = ("digits_onnx", "digits")
PEERS: tuple[str, ...] = ()


def services(workers: Sequence[int]) -> list[Service]:
    """Every server of the targets, ours once for each number of workers."""
    found = []
    for number in workers:
        found += [_torchserve(name, STORE / f"{name}.mar", number) for name in OURS]
    return [
        *found,
        _torchserve("stock-1thread", STOCK_ARCHIVE, config=STOCK_CONFIG, variables={"OMP_NUM_THREADS": "1"}),
        _torchserve("stock", STOCK_ARCHIVE, config=STOCK_CONFIG),
    ]


def _torchserve(
    name: str, archive: Path, workers: int = 0, *, config: Path = CONFIG, variables: Mapping[str, str] | None = None
) -> Service:
    """TorchServe with one archive alone."""
    start = partial(start_torchserve, archive, workers, config=config, variables=dict(variables or {}))
    return Service(name, workers, f"/predictions/{archive.stem}", start)


@contextmanager
def start_torchserve(
    archive: Path, workers: int, port: int, picture: LabelledPicture, *, config: Path, variables: dict[str, str]
) -> Iterator[Running]:
    """TorchServe with `archive` alone in its store, in a folder that is deleted with it."""
    with tempfile.TemporaryDirectory() as scratch:
        store = Path(scratch, "store")
        store.mkdir()
        try:
            for path in (archive, card_path(archive)):
                shutil.copy(path, store)
            server = Server(port, store, Path(scratch), models=(archive.stem,), config=config, variables=variables)
            before = time.perf_counter()
            process = server.launch()
        except (ServerError, JavaError, OSError) as err:
            raise TargetError(str(err)) from err
        try:
            answers_right(port, f"/predictions/{archive.stem}", picture, headers=server.headers, is_up=lambda: process.poll() is None)
            start_s = time.perf_counter() - before
            _scale(server, archive.stem, workers)
            yield Running(port, process.pid, start_s, server.headers())
        except TargetError as err:
            raise TargetError(f"{err}; {server.last_lines()}") from err
        finally:
            server.stop()
            process.wait()


def answers_right(
    port: int, path: str, picture: LabelledPicture, *, headers: Callable[[], Mapping[str, str]], is_up: Callable[[], bool]
) -> None:
    """Wait until a server reads `picture` right; raises TargetError where it ends, or does not within START_TIMEOUT_S."""
    deadline = time.monotonic() + START_TIMEOUT_S
    last = "none"
    with client() as session:
        while time.monotonic() < deadline:
            if not is_up():
                raise TargetError("it ended while it was starting")
            try:
                status, answer = ask(session, port, path, picture.png, headers=headers())
            except (requests.RequestException, ServerError) as err:  # it does not listen yet, or has no token yet
                last = type(err).__name__
            else:
                if status == 200 and digits_in(answer, 1) == str(picture.label):
                    return
                last = f"{status} {answer[:200].decode(errors='replace')}"
            time.sleep(POLL_S)
    raise TargetError(f"no right answer within {START_TIMEOUT_S:.0f} s; the last was {last}")


def client() -> requests.Session:
    """A session that knows no proxy: the servers are on this machine."""
    session = requests.Session()
    session.trust_env = False
    return session


def ask(session: requests.Session, port: int, path: str, body: bytes, *, headers: Mapping[str, str]) -> tuple[int, bytes]:
    """Status and body of the answer to one POST."""
    answer = session.post(f"http://127.0.0.1:{port}{path}", data=body, headers=dict(headers), timeout=REQUEST_TIMEOUT_S)
    return answer.status_code, answer.content


def _scale(server: Server, model: str, workers: int) -> None:
    """Wait until a model has all of its workers, `workers` of them or as many as its settings say."""
    if workers > 1:
        query = {"min_worker": str(workers), "max_worker": str(workers), "synchronous": "true"}
        with client() as session:
            answer = session.put(f"{server.management}/models/{model}", params=query, headers=server.headers("management"), timeout=120)
        if answer.status_code != 200:
            raise TargetError(f"it does not take {workers} workers: {answer.text.strip()}")
    deadline = time.monotonic() + START_TIMEOUT_S
    while not server.is_ready(model):
        if time.monotonic() > deadline:
            raise TargetError(f"not every worker was ready within {START_TIMEOUT_S:.0f} s")
        time.sleep(POLL_S)
