"""A small model, its archives and a running server: built once for all tests that need them.

Every process of the tests reads this file, and so does every run of one test: what imports torch is imported where it is needed.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from doors import Grpc
from shared import built_once, number_of_this_process

from deploy.server import DEFAULT_PORT, Server
from loadtest.generator.stubs import compile_protos
from testbed import processes

MODELS = ("digits", "digits_onnx")  # in `store`
FIRST_PORT, PORTS = 20_080, 5_000  # the ports of the first process of the tests, and how many each has


@contextmanager
def started(server: Server) -> Iterator[Server]:
    """A server from its start to its end, which comes whatever happens."""
    process = server.start()
    try:
        yield server
    finally:
        server.stop()
        process.wait()


def http_client(server: Server) -> httpx.Client:
    """A client of the inference API that carries the token."""
    return httpx.Client(base_url=server.inference, headers=server.headers(), timeout=60)


@contextmanager
def connected(server: Server, folder: Path) -> Iterator[Grpc]:
    """A client over gRPC, its stubs compiled into `folder`."""
    compile_protos(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        client = Grpc.connect(server, folder)
    with client.channel:
        yield client


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory, mnist_root: Path) -> Path:
    """digits.pt with its card, of a training of a few seconds."""

    def build(run: Path) -> None:
        from training.recipe import RECIPES
        from training.train import train

        # Of a pool of the usual size, which takes longer to draw than the training takes, it would see one picture in eight.
        recipe = replace(RECIPES["quick"], epochs=2, pictures=8_000, synthetic=0.1, pool=1_600)
        train(recipe, run, data_root=mnist_root, resume=False)

    return built_once(tmp_path_factory, "run", build) / "digits.pt"


@pytest.fixture(scope="session")
def store(weights: Path, tmp_path_factory: pytest.TempPathFactory, mnist_root: Path) -> Path:
    """A model store with both archives and the graphs."""

    def build(folder: Path) -> None:
        from export.eye_to_onnx import eye_to_onnx
        from export.to_mar import to_mar
        from export.to_onnx import to_onnx
        from training.evaluate.served import EYE

        to_onnx(weights, folder / "digits.onnx", data_root=mnist_root)
        eye_to_onnx(EYE, folder / "eye.onnx", data_root=mnist_root)
        to_mar(weights, folder / "digits.mar", beside=EYE, data_root=mnist_root)
        to_mar(folder / "digits.onnx", folder / "digits_onnx.mar", beside=folder / "eye.onnx", data_root=mnist_root)

    return built_once(tmp_path_factory, "store", build)


@pytest.fixture(scope="session")
def server(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running TorchServe on ports of its own."""
    with started(Server(free_port(), store, tmp_path_factory.mktemp("state"))) as running:
        yield running


@pytest.fixture(scope="session")
def client(server: Server) -> Iterator[httpx.Client]:
    """A client of that server's inference API."""
    with http_client(server) as client:
        yield client


def free_port() -> int:
    """A port that is free now, together with those that move with it; each process of the tests has a range of its own."""
    first = FIRST_PORT + number_of_this_process() * PORTS
    for port in range(first, first + PORTS, 100):
        shifted = [port, port + 1, port + 2, port + 7070 - DEFAULT_PORT, port + 7071 - DEFAULT_PORT]
        if all(is_free(each) for each in shifted):
            return port
    raise RuntimeError(f"no free ports between {first} and {first + PORTS}")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def workers(server: Server) -> dict[int, float]:
    """The resident memory of each worker in MiB, by process id."""
    return {process.pid: process.memory_info().rss / 2**20 for process in processes.workers(server.pid())}
