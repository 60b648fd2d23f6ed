"""A peer, another model server with the same graph, as a server of the benchmark; bench/peers/ holds its code."""

import os
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench.contenders.service import Running, Service, TargetError, answers_right
from bench.peers.work import PATH, UNPACKED
from testbed.pictures import LabelledPicture
from testbed.processes import end

ENVIRONMENTS = Path(".venv-peers")
LOG_LINES = 5


def peer(name: str, graph: Path, workers: int) -> Service:
    """The service with the bare work: bench/peers/NAME.py in the environment that make built for it, with the graph alone."""
    return Service(name, workers, PATH, partial(_start, name, workers, {"DIGITS_GRAPH": str(graph.resolve())}))


def same_work(name: str, archive: Path, workers: int) -> Service:
    """The service with our work: the same file with the handler of our archive, unpacked as TorchServe unpacks it."""

    @contextmanager
    def start(port: int, picture: LabelledPicture) -> Iterator[Running]:
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as logs:
            try:
                with zipfile.ZipFile(archive) as packed:
                    packed.extractall(folder)
            except OSError as err:
                raise TargetError(str(err)) from err
            told = {UNPACKED: folder, "PYTHONPATH": folder, "LOG_LOCATION": logs}
            with _start(name, workers, told, port, picture) as running:
                yield running

    return Service(same_work_name(name), workers, PATH, start)


def same_work_name(name: str) -> str:
    """The name of a peer that does our work, beside that of the same peer with the bare one."""
    return f"{name}-digitkit"


@contextmanager
def _start(name: str, workers: int, own: Mapping[str, str], port: int, picture: LabelledPicture) -> Iterator[Running]:
    python = ENVIRONMENTS / name / "bin" / "python"
    if not python.exists():
        raise TargetError(f"{python} is missing; make bench PEERS={name} builds its environment")
    told = {**own, "DIGITS_PEER_PORT": str(port), "DIGITS_PEER_WORKERS": str(workers)}
    told |= {"MOSEC_PORT": str(port), "MOSEC_ADDRESS": "127.0.0.1"}
    told |= {"BENTOML_DO_NOT_TRACK": "True"}  # otherwise it reports its use to its makers, as ONNX Runtime would
    with tempfile.TemporaryFile() as log:
        before = time.perf_counter()
        command = [str(python), "-m", f"bench.peers.{name}"]
        process = subprocess.Popen(command, env=os.environ | told, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        try:
            try:
                answers_right(port, PATH, picture, headers=dict, is_up=lambda: process.poll() is None)
            except TargetError as err:
                log.seek(0)
                lines = log.read().decode(errors="replace").strip().splitlines()[-LOG_LINES:]
                raise TargetError("\n  ".join([f"{err}; its log ends with:", *lines])) from err
            yield Running(port, process.pid, time.perf_counter() - before)
        finally:
            end(process)
