"""A peer, another model server with the same graph, as a server of the benchmark; bench/peers/ holds its code."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench.contenders.service import Running, Service, TargetError, answers_right
from bench.peers.graph import PATH
from testbed.pictures import LabelledPicture
from testbed.processes import end

ENVIRONMENTS = Path(".venv-peers")
LOG_LINES = 5


def peer(name: str, graph: Path, workers: int) -> Service:
    """The service: bench/peers/NAME.py in the environment that make built for it."""
    return Service(name, workers, PATH, partial(_start, name, graph, workers))


@contextmanager
def _start(name: str, graph: Path, workers: int, port: int, picture: LabelledPicture) -> Iterator[Running]:
    python = ENVIRONMENTS / name / "bin" / "python"
    if not python.exists():
        raise TargetError(f"{python} is missing; make bench PEERS={name} builds its environment")
    told = {"DIGITS_GRAPH": str(graph.resolve()), "DIGITS_PEER_PORT": str(port), "DIGITS_PEER_WORKERS": str(workers)}
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
