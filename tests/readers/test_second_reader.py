"""A second reader, of darkness, lives in its own folder alone.

It is built, exported, served, asked by every door, counted, checked, probed, watched and load-tested by a list of models of its own.
"""

import json
import subprocess
import threading
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
from served import connected, free_port, http_client, started
from toy.archive import BUDGETS, NAME, PAPER, build, darkness, page, write_list, write_metrics

from deploy import smoke
from deploy.monitoring.monitor import Monitor
from deploy.monitoring.probe import Probe
from deploy.server import Server
from digitkit.artifacts.card import check_card
from digitkit.serving.metrics import FLUSH_S
from export.packing import answers
from loadtest import run
from loadtest.profile import KINDS
from loadtest.results.overview import read_summary

pytestmark = pytest.mark.server

PREDICT, EXPLAIN = f"/predictions/{NAME}", f"/explanations/{NAME}"
BLANK = encode(page(PAPER))
SHADES = (204, 102, 51, 0)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("store"), tmp_path_factory.mktemp("scratch"))


@pytest.fixture(scope="module")
def server(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    state = tmp_path_factory.mktemp("state")
    write_metrics(state / "metrics.yaml")
    extra = {"metrics_config": str(state / "metrics.yaml")}
    listed = write_list(tmp_path_factory.mktemp("list"))
    with started(Server(free_port(), archive.parent, state, extra=extra, model_list=listed)) as running:
        yield running


@pytest.fixture(scope="module")
def ask(server: Server) -> Iterator[httpx.Client]:
    with http_client(server) as client:
        yield client


@pytest.fixture(scope="module")
def grpc_client(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grpc]:
    with connected(server, tmp_path_factory.mktemp("stubs")) as client:
        yield client


def test_its_archive_passes_the_gate_of_the_export(archive: Path) -> None:
    assert check_card(archive).task == NAME
    found = answers(archive, [*(encode(page(shade)) for shade in SHADES), BLANK])
    assert [answer["darkness"] for answer in found[:-1]] == [darkness(shade) for shade in SHADES]
    assert (found[-1]["code"], found[-1]["type"]) == (422, "BlankPicture")


def test_a_raw_picture_is_answered_in_its_words(ask: httpx.Client) -> None:
    answer = ask.post(PREDICT, content=encode(page(204)))
    assert (answer.status_code, answer.headers["X-Model-Name"]) == (200, NAME)
    assert answer.json() == {"darkness": 0.2}
    assert ask.post(PREDICT, content=encode(page(51)), headers={"Accept": "text/plain"}).text == "0.8"


def test_many_pictures_are_answered_in_order_with_the_refused_in_place(ask: httpx.Client) -> None:
    light, dark = encode(page(204)), encode(page(51))
    listed = ask.post(PREDICT, files={"a": light, "b": BLANK, "c": dark}).json()
    assert [answer.get("darkness", answer.get("type")) for answer in listed] == [0.2, "BlankPicture", 0.8]
    assert ask.post(PREDICT, content=npy(np.stack([page(204), page(51)]))).json() == [{"darkness": 0.2}, {"darkness": 0.8}]
    assert ask.post(PREDICT, json=v1(light, dark)).json() == {"predictions": [{"darkness": 0.2}, {"darkness": 0.8}]}


def test_the_open_inference_protocol_gets_its_tensors(ask: httpx.Client) -> None:
    by_pixels = ask.post(PREDICT, json=v2(np.stack([page(204), page(51)]))).json()
    assert (by_pixels["model_name"], by_pixels["id"], list(tensors(by_pixels))) == (NAME, "a", ["darkness", "error"])
    assert tensors(by_pixels) == {"darkness": [0.2, 0.8], "error": ["", ""]}
    refused = tensors(ask.post(PREDICT, json=v2_bytes([encode(page(204)), BLANK])).json())
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
    inferred = grpc_client.infer(NAME, "BYTES", [2], bytes_contents=[encode(page(204)), BLANK])
    outputs = {output.name: output.contents for output in inferred.outputs}
    assert list(outputs["darkness"].fp32_contents) == pytest.approx([0.2, -1.0])
    refused = grpc_client.infer(NAME, "FP32", [1], fp32_contents=[1.0])
    assert [output.name for output in refused.outputs] == ["darkness", "error"]


def test_under_load_every_client_gets_its_own_answer(ask: httpx.Client) -> None:
    shades = [i % PAPER for i in range(400)]
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
        time.sleep(0.1)
    assert after["digits_darkness_count"] == before["digits_darkness_count"] + 4
    assert after["digits_darkness_sum"] - before["digits_darkness_sum"] == pytest.approx(sum(map(darkness, SHADES)), abs=1e-3)
    assert after["digits_batch_requests_sum"] == before["digits_batch_requests_sum"] + 4
    assert not {"digits_predictions_total", "digits_confidence_count", "digits_drift_psi"} & set(after)


def test_the_smoke_check_needs_no_digits(server: Server, tmp_path: Path) -> None:
    told = smoke.check(server, tmp_path / "no MNIST")
    assert told == f"smoke: healthy; {NAME} read their known picture and refuse a truncated one with 400"


def test_the_probe_tells_whether_it_is_ready_and_what_it_knows_of_it(server: Server) -> None:
    with Probe(("127.0.0.1", 0), server) as probe:
        serving = threading.Thread(target=probe.serve_forever)
        serving.start()
        try:
            url = f"http://127.0.0.1:{probe.server_port}"
            assert requests.get(f"{url}/ready/{NAME}", timeout=10).json() == {"ready": True, "models": {NAME: True}}
            assert f'digits_probe_success{{model_name="{NAME}"}} 1.0' in requests.get(f"{url}/metrics", timeout=10).text
        finally:
            probe.shutdown()
            serving.join()


def test_the_probe_that_monitoring_starts_finds_it_by_the_same_list(server: Server) -> None:
    checked = subprocess.run([*Monitor(server).probe_command(), "check"], capture_output=True, text=True, timeout=60, check=False)
    assert (checked.returncode, checked.stdout) == (0, f"ready: {NAME}\n"), checked.stderr


def test_every_kind_of_request_is_answered_rightly_through_every_door_under_load(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITS_TOKEN", server.token())
    places = {"host": server.inference, "grpc": server.grpc, "model-list": server.model_list, "budgets": BUDGETS, "reports": tmp_path}
    assert run.main(["--profile=smoke", "--seconds=4", *(f"--{name}={value}" for name, value in places.items())]) == 0
    summary = read_summary(tmp_path / "summary.json")
    (result,) = summary.targets
    assert (result.target, result.figures.accuracy, summary.pictures) == (NAME, 1.0, PAPER)
    asked = {(kind.door, kind.kind) for kind in result.kinds}
    everything = {(door, kind) for door in ("rest", "grpc") for kind in KINDS}
    assert asked >= everything | {(door, kind) for door in ("v2", "oip") for kind in ("single", "list", "bad")}
    assert sum(kind.failures for kind in result.kinds) == 0
