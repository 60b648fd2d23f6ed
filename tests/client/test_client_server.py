"""The client and the real server: the same answers by every way, and nothing lost while workers and tokens change."""

import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from served import free_port, started

from deploy.server import Server
from digits_client import Client, Digit, InvalidToken, NotFound, Options, UnreadablePicture, key_file
from digits_client.cli.watching import watch
from testbed import processes

pytestmark = pytest.mark.server
ONNX = Options(model="digits_onnx", list_pictures=16)


@pytest.fixture(scope="module")
def own(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that only these tests ask, since they kill its workers and take its token away."""
    with started(Server(free_port(), store, tmp_path_factory.mktemp("state"), models=("digits_onnx",))) as running:
        yield running


def token_of(server: Server) -> Path:
    return server.folder / "key_file.json"


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_files_and_arrays_are_read_alike_by_rest_and_by_grpc(
    scheme: str, own: Server, ten_pngs: list[bytes], ten_digits: NDArray[np.uint8]
) -> None:
    url = own.inference if scheme == "http" else f"grpc://{own.grpc}"
    with Client(url, key_file(token_of(own)), options=ONNX) as client:
        alone = [client.read(png) for png in ten_pngs]
        assert [answer.digit for answer in alone] == list(range(10))
        for pictures in (ten_pngs, list(ten_digits)):
            answers = list(client.read_many(pictures))
            assert [answer.digit for answer in answers if isinstance(answer, Digit)] == list(range(10))
        mixed = list(client.read_many([ten_pngs[1], b"no picture", ten_digits[2]]))
        assert isinstance(mixed[1], UnreadablePicture)
        explained = client.explain(ten_pngs[7], target=3)
        assert (explained.digit, explained.target, len(explained.attributions)) == (7, 3, 28)
        assert client.draw_explanation(ten_pngs[7]).startswith(b"\x89PNG")
        with pytest.raises(UnreadablePicture):
            client.read(b"no picture")
    for token, model, error in (("wrong", "digits_onnx", InvalidToken), (key_file(token_of(own)), "letters", NotFound)):
        with Client(url, token, options=Options(model=model)) as client, pytest.raises(error):
            client.read(ten_pngs[0])


def test_a_worker_that_is_killed_in_the_middle_loses_nothing(own: Server, ten_pngs: list[bytes]) -> None:
    found = []
    with Client(own.inference, key_file(token_of(own)), options=ONNX) as client:
        for answer in client.read_many(ten_pngs[i % 10] for i in range(2000)):
            found.append(answer)
            if len(found) == 200:
                (worker,) = processes.workers(own.pid())
                worker.send_signal(signal.SIGKILL)
    assert [answer.digit for answer in found if isinstance(answer, Digit)] == [i % 10 for i in range(2000)]


def test_a_token_that_is_renewed_in_the_middle_loses_nothing(own: Server, ten_pngs: list[bytes]) -> None:
    found, old = [], own.token()
    with Client(own.inference, key_file(token_of(own)), options=ONNX) as client:
        for answer in client.read_many(ten_pngs[i % 10] for i in range(1000)):
            found.append(answer)
            if len(found) == 200:
                renewed = httpx.get(f"{own.management}/token?type=inference", headers=own.headers("API"), timeout=20)
                assert renewed.status_code == 200
    assert own.token() != old
    assert [answer.digit for answer in found if isinstance(answer, Digit)] == [i % 10 for i in range(1000)]


def test_the_status_of_the_server_is_shown(own: Server) -> None:
    (served,) = watch(own.management, own.token("management"), own.metrics, 0.0)
    assert (served.model, served.version, served.is_default, served.wanted) == ("digits_onnx", "1.0", True, 1)
