"""What clients send beside plain pictures, through the real TorchServe: packed bodies, data URLs, arrays of every kind, other names."""

import base64
import gzip
import json
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from doors import Grpc, encode, npy, tensors, v1
from numpy.typing import NDArray
from served import connected, free_port

from deploy.errors import ServerError
from deploy.server import Server

pytestmark = pytest.mark.server
URL = "/predictions/digits"


@pytest.fixture(scope="module")
def seven(ten_digits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return ten_digits[7]


@pytest.fixture(scope="module")
def expected(client: httpx.Client, seven: NDArray[np.uint8]) -> Any:
    return client.post(URL, content=encode(seven)).json()


@pytest.fixture(scope="module")
def calls(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grpc]:
    with connected(server, tmp_path_factory.mktemp("stubs")) as client:
        yield client


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_torchserve_hands_a_packed_body_on_and_it_is_unpacked(
    encoding: str, pack: Any, client: httpx.Client, seven: NDArray[np.uint8], expected: Any
) -> None:
    headers = {"Content-Encoding": encoding}
    assert client.post(URL, content=pack(encode(seven)), headers=headers).json() == expected
    packed = pack(json.dumps(v1(encode(seven))).encode())
    answer = client.post("/v1/models/digits:predict", content=packed, headers=headers | {"Content-Type": "application/json"})
    assert answer.json() == {"predictions": [expected]}
    assert client.post(URL, content=pack(bytes(20_000_000)), headers=headers).status_code == 413
    assert client.post(URL, content=encode(seven), headers={"Content-Encoding": "br"}).status_code == 415


def test_a_data_url_and_an_object_with_a_picture_are_bodies(client: httpx.Client, seven: NDArray[np.uint8], expected: Any) -> None:
    text = base64.encodebytes(encode(seven)).decode()
    url = f"data:image/png;base64,{text}"
    for kind in ("text/plain", "text/plain;charset=UTF-8", "image/png"):
        assert client.post(URL, content=url, headers={"Content-Type": kind}).json() == expected
    for body in ({"image": text}, {"data": url}, {"b64": text}, {"image": (seven / 255).tolist()}):
        assert client.post(URL, json=body).json() == expected


def test_an_instance_names_its_own_target(client: httpx.Client, seven: NDArray[np.uint8]) -> None:
    (text,) = v1(encode(seven))["instances"]
    body = {"instances": [{"data": text, "target": 0}, {"data": text}, {"data": text, "target": "x"}]}
    first, second, third = client.post("/v1/models/digits:explain", json=body).json()["explanations"]
    assert (first["target"], second["target"], third["code"]) == (0, second["digit"], 400)


@pytest.mark.parametrize("datatype", ["FP32", "FP64", "INT32", "UINT64"])
def test_every_array_gets_the_answer_to_its_picture(datatype: str, client: httpx.Client, seven: NDArray[np.uint8], expected: Any) -> None:
    values = seven / 255 if datatype.startswith("FP") else seven
    for shape in ([1, 28, 28], [1, 1, 28, 28], [1, 28, 28, 1], [1, 784], [-1, 28, 28]):
        body = {"inputs": [{"name": "x", "datatype": datatype, "shape": shape, "data": values.ravel().tolist()}]}
        assert tensors(client.post("/v2/models/digits/infer", json=body).json())["digit"] == [expected["digit"]]
    colours = np.dstack([seven] * 3)
    assert client.post(URL, content=npy(np.dstack([colours, np.full_like(seven, 255)]))).json() == expected


CONTENTS = {
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT64": "uint64_contents",
}


@pytest.mark.parametrize("datatype", CONTENTS)
def test_both_services_of_grpc_read_every_type(datatype: str, calls: Grpc, seven: NDArray[np.uint8], expected: Any) -> None:
    values = (seven / 255 if datatype.startswith("FP") else seven).ravel().tolist()
    for shape in ([1, 28, 28], [1, 784], [-1, 1, 28, 28]):
        answer = calls.infer("digits", datatype, shape, **{CONTENTS[datatype]: values})
        assert list(answer.outputs[0].contents.int64_contents) == [expected["digit"]]
        body = {"inputs": [{"name": "x", "datatype": datatype, "shape": shape, "data": values}]}
        assert tensors(json.loads(calls.ask("digits", data=json.dumps(body).encode())))["digit"] == [expected["digit"]]
    files = calls.infer("digits", "BYTES", [-1], bytes_contents=[encode(seven)])
    assert list(files.outputs[0].contents.int64_contents) == [expected["digit"]]


class Renamed(Server):
    """A server whose archive digits.mar is registered as mnist."""

    def command(self) -> list[str]:
        return ["mnist=digits.mar" if word == "digits.mar" else word for word in super().command()]


def test_an_archive_under_another_name_answers_with_that_name(store: Path, tmp_path: Path, seven: NDArray[np.uint8]) -> None:
    running = Renamed(free_port(), store, tmp_path, models=("digits",))
    process = running.launch()
    try:
        answer = first_answer(running, encode(seven))
        assert (answer.headers["X-Model-Name"], answer.headers["X-Model-Version"]) == ("mnist", "1.0")
        body = {"inputs": [{"name": "x", "datatype": "UINT8", "shape": [1, 28, 28], "data": seven.ravel().tolist()}]}
        infer = f"{running.inference}/v2/models/mnist/infer"
        assert httpx.post(infer, json=body, headers=running.headers(), timeout=20).json()["model_name"] == "mnist"
        assert 'digits_worker_starts_total{model_name="mnist"' in counted(running)
    finally:
        running.stop()
        process.wait()


def first_answer(server: Server, picture: bytes) -> httpx.Response:
    deadline = time.monotonic() + 90
    while True:
        try:
            answer = httpx.post(f"{server.inference}/predictions/mnist", content=picture, headers=server.headers(), timeout=20)
            if answer.status_code == 200 or time.monotonic() > deadline:
                return answer
        except (httpx.TransportError, ServerError):
            assert time.monotonic() < deadline
        time.sleep(0.5)


def counted(server: Server) -> str:
    return httpx.get(f"http://127.0.0.1:{server.port + 2}/metrics", timeout=20).text
