"""A second reader, of darkness, is built, exported, served, asked by every door and counted without an edit outside its own folder."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import requests
from doors import Grpc, encode, npy, tensors, v1, v2, v2_binary, v2_bytes
from numpy.typing import NDArray
from served import free_port
from toy.archive import NAME, build, write_metrics

from deploy.server import Server
from digitkit.artifacts.card import check_card
from digitkit.serving.metrics import FLUSH_S
from export.packing import answers
from loadtest.generator.stubs import compile_protos

pytestmark = pytest.mark.server

PREDICT, EXPLAIN = f"/predictions/{NAME}", f"/explanations/{NAME}"


def page(shade: int, side: int = 40) -> NDArray[np.uint8]:
    return np.full((side, side), shade, dtype=np.uint8)


def darkness(shade: int) -> float:
    return round(1 - shade / 255, 4)


BLACK = encode(page(0))  # refused
SHADES = (255, 204, 102, 51)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("store"), tmp_path_factory.mktemp("scratch"))


@pytest.fixture(scope="module")
def server(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    state = tmp_path_factory.mktemp("state")
    write_metrics(state / "metrics.yaml")
    extra = {"metrics_config": str(state / "metrics.yaml")}
    running = Server(free_port(), archive.parent, state, extra=extra, models=(NAME,))
    process = running.start()
    try:
        yield running
    finally:
        running.stop()
        process.wait()


@pytest.fixture(scope="module")
def ask(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.inference, headers=server.headers(), timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def grpc_client(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grpc]:
    folder = tmp_path_factory.mktemp("stubs")
    compile_protos(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        connected = Grpc.connect(server, folder)
    with connected.channel:
        yield connected


def test_its_archive_passes_the_gate_of_the_export(archive: Path) -> None:
    assert check_card(archive).task == NAME
    found = answers(archive, [*(encode(page(shade)) for shade in SHADES), BLACK])
    assert [answer["darkness"] for answer in found[:-1]] == [darkness(shade) for shade in SHADES]
    assert (found[-1]["code"], found[-1]["type"]) == (422, "BlankPicture")


def test_a_raw_picture_is_answered_in_its_words(ask: httpx.Client) -> None:
    answer = ask.post(PREDICT, content=encode(page(204)))
    assert (answer.status_code, answer.headers["X-Model-Name"]) == (200, NAME)
    assert answer.json() == {"darkness": 0.2}
    assert ask.post(PREDICT, content=encode(page(51)), headers={"Accept": "text/plain"}).text == "0.8"


def test_many_pictures_are_answered_in_order_with_the_refused_in_place(ask: httpx.Client) -> None:
    light, dark = encode(page(204)), encode(page(51))
    listed = ask.post(PREDICT, files={"a": light, "b": BLACK, "c": dark}).json()
    assert [answer.get("darkness", answer.get("type")) for answer in listed] == [0.2, "BlankPicture", 0.8]
    assert ask.post(PREDICT, content=npy(np.stack([page(204), page(51)]))).json() == [{"darkness": 0.2}, {"darkness": 0.8}]
    assert ask.post(PREDICT, json=v1(light, dark)).json() == {"predictions": [{"darkness": 0.2}, {"darkness": 0.8}]}


def test_the_open_inference_protocol_gets_its_tensors(ask: httpx.Client) -> None:
    by_pixels = ask.post(PREDICT, json=v2(np.stack([page(204), page(51)]))).json()
    assert (by_pixels["model_name"], by_pixels["id"], list(tensors(by_pixels))) == (NAME, "a", ["darkness", "error"])
    assert tensors(by_pixels) == {"darkness": [0.2, 0.8], "error": ["", ""]}
    refused = tensors(ask.post(PREDICT, json=v2_bytes([encode(page(204)), BLACK])).json())
    assert refused["darkness"] == [0.2, -1.0]
    assert json.loads(refused["error"][1])["type"] == "BlankPicture"
    body, headers = v2_binary(page(204)[np.newaxis])
    assert tensors(ask.post(PREDICT, content=body, headers=headers).json())["darkness"] == [0.2]


def test_it_explains_by_a_reading_of_its_own(ask: httpx.Client) -> None:
    explained = ask.post(EXPLAIN, content=encode(page(204)))
    assert explained.json() == {"darkness": 0.2, "pixels": [[204] * 8] * 8}
    assert ask.post(EXPLAIN, content=encode(page(204)), headers={"Accept": "image/png"}).content.startswith(b"\x89PNG")
    refused = ask.post(EXPLAIN, content=encode(page(204)), headers={"X-Target": "3"})
    assert (refused.status_code, refused.json()["message"]) == (400, "darkness has no target to explain")


def test_grpc_answers_as_rest_does(grpc_client: Grpc) -> None:
    assert json.loads(grpc_client.ask(NAME, data=encode(page(204)))) == {"darkness": 0.2}
    assert grpc_client.ask(NAME, data=encode(page(51)), accept=b"text/plain") == b"0.8"
    inferred = grpc_client.infer(NAME, "BYTES", [2], bytes_contents=[encode(page(204)), BLACK])
    outputs = {output.name: output.contents for output in inferred.outputs}
    assert list(outputs["darkness"].fp32_contents) == pytest.approx([0.2, -1.0])
    refused = grpc_client.infer(NAME, "FP32", [1], fp32_contents=[1.0])
    assert [output.name for output in refused.outputs] == ["darkness", "error"]


def test_under_load_every_client_gets_its_own_answer(ask: httpx.Client) -> None:
    shades = [1 + i % 255 for i in range(400)]
    with ThreadPoolExecutor(16) as clients:
        found = list(clients.map(lambda shade: ask.post(PREDICT, content=encode(page(shade))).json(), shades))
    assert found == [{"darkness": darkness(shade)} for shade in shades]


def test_its_description_holds_its_card_and_how_it_explains(server: Server) -> None:
    described = requests.get(
        f"{server.management}/models/{NAME}", params={"customized": "true"}, headers=server.headers("management"), timeout=10
    ).json()[0]["customizedMetadata"]
    told: dict[str, Any] = json.loads(described) if isinstance(described, str) else described
    assert (told["loaded"], told["explains_by"], told["card"]["task"]) == (True, "the pixels themselves", NAME)


def test_what_it_counts_stands_at_metrics_beside_what_every_model_counts(ask: httpx.Client, server: Server) -> None:
    def told() -> dict[str, float]:
        text = requests.get(f"{server.metrics}/metrics", timeout=10).text
        lines = [line.rpartition(" ") for line in text.splitlines() if f'model_name="{NAME}"' in line]
        return {name.partition("{")[0]: float(value) for name, _, value in lines if "bucket" not in name and "errors" not in name}

    time.sleep(2 * FLUSH_S)
    before = told()
    for shade in SHADES:
        ask.post(PREDICT, content=encode(page(shade)))
    deadline = time.monotonic() + 60
    while (after := told())["digits_darkness_count"] < before["digits_darkness_count"] + 4 and time.monotonic() < deadline:
        time.sleep(1)
    assert after["digits_darkness_count"] == before["digits_darkness_count"] + 4
    assert after["digits_darkness_sum"] - before["digits_darkness_sum"] == pytest.approx(sum(map(darkness, SHADES)), abs=1e-3)
    assert after["digits_batch_requests_sum"] == before["digits_batch_requests_sum"] + 4
    assert not {"digits_predictions_total", "digits_confidence_count", "digits_drift_psi"} & set(after)
