"""TorchServe with one archive, ours or the baseline's, as a server of the benchmark."""

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench.contenders.service import POLL_S, START_TIMEOUT_S, Running, Service, TargetError, answers_right
from deploy.machine.java import JavaError
from deploy.machine.local import client
from deploy.server import CONFIG, Server, ServerError
from digitkit.artifacts.card import card_path
from testbed.archives import alter
from testbed.endpoints import predict_path
from testbed.pictures import LabelledPicture


def torchserve(name: str, archive: Path, workers: int = 0, *, config: Path = CONFIG, variables: Mapping[str, str] | None = None) -> Service:
    """The service: TorchServe with only one archive; `variables` are added to its environment."""
    start = partial(_start, archive, workers, config=config, variables=dict(variables or {}))
    return Service(name, workers, predict_path(archive.stem), start)


def altered(name: str, archive: Path, workers: int, knobs: Mapping[str, int]) -> Service:
    """The service with `knobs` in the place of those in the archive's model-config.yaml."""

    @contextmanager
    def start(port: int, picture: LabelledPicture) -> Iterator[Running]:
        with tempfile.TemporaryDirectory() as folder:
            changed = alter(archive, Path(folder, archive.name), config=knobs)
            with torchserve(name, changed, workers).start(port, picture) as running:
                yield running

    return Service(name, workers, predict_path(archive.stem), start)


@contextmanager
def _start(
    archive: Path, workers: int, port: int, picture: LabelledPicture, *, config: Path, variables: dict[str, str]
) -> Iterator[Running]:
    """TorchServe with only `archive` in its store, in a folder that is deleted at the end."""
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
            try:
                answers_right(port, predict_path(archive.stem), picture, headers=server.headers, is_up=lambda: process.poll() is None)
                start_s = time.perf_counter() - before
                _scale(server, archive.stem, workers)
            except TargetError as err:
                raise TargetError(f"{err}; {server.last_lines()}") from err
            yield Running(port, process.pid, start_s, server.headers())
        finally:
            server.stop()
            process.wait()


def _scale(server: Server, model: str, workers: int) -> None:
    """Wait until a model has all its workers: `workers` of them, or as many as its settings say."""
    if workers > 1:
        query = {"min_worker": str(workers), "max_worker": str(workers), "synchronous": "true"}
        with client() as session:
            answer = session.put(f"{server.management}/models/{model}", params=query, headers=server.headers("management"), timeout=120)
        if answer.status_code != 200:
            raise TargetError(f"it does not accept {workers} workers: {answer.text.strip()}")
    deadline = time.monotonic() + START_TIMEOUT_S
    while not server.is_ready(model):
        if time.monotonic() > deadline:
            raise TargetError(f"not every worker was ready within {START_TIMEOUT_S:.0f} s")
        time.sleep(POLL_S)
