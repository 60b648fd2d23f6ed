"""The product as deployed: real archives in a real TorchServe, asked over REST."""

import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest
from served import MODELS, free_port

from deploy.server import Server, ServerError
from deploy.smoke import check
from digitkit.artifacts.card import card_path
from digitkit.pictures.codec import encode_png
from digitkit.readers.digits import net, ort
from digitkit.settings import Settings
from training.data import mnist
from training.evaluate.served import MODEL_CONFIG, predict_served

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def pictures(mnist_test: mnist.Split) -> list[bytes]:
    return [encode_png(picture) for picture in mnist_test.pictures[:200]]


@pytest.mark.parametrize("model", MODELS)
def test_one_picture_gets_one_object_with_ten_probabilities(model: str, client: httpx.Client, pictures: list[bytes]) -> None:
    answer = client.post(f"/predictions/{model}", content=pictures[0])
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert (answer.headers["x-model-name"], answer.headers["x-model-version"]) == (model, "1.0")
    body = answer.json()
    assert set(body) == {"digit", "confidence", "accepted", "probabilities"}
    assert len(body["probabilities"]) == 10
    assert sum(body["probabilities"]) == pytest.approx(1, abs=1e-3)
    assert body["confidence"] == max(body["probabilities"]) == body["probabilities"][body["digit"]]


@pytest.mark.parametrize("model", MODELS)
def test_of_16_concurrent_requests_exactly_the_4_corrupt_ones_get_400(
    model: str, client: httpx.Client, pictures: list[bytes], mnist_test: mnist.Split
) -> None:
    corrupt = {2, 3, 9, 15}
    bodies = [picture[:70] if i in corrupt else picture for i, picture in enumerate(pictures[:16])]
    expected = [client.post(f"/predictions/{model}", content=picture).json()["digit"] for picture in pictures[:16]]
    for _ in range(5):
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda body: client.post(f"/predictions/{model}", content=body), bodies))
        assert {i for i, answer in enumerate(answers) if answer.status_code == 400} == corrupt
        for i, answer in enumerate(answers):
            if i in corrupt:
                assert answer.json()["type"] == "UnreadablePicture"
            else:
                assert answer.status_code == 200
                assert answer.json()["digit"] == expected[i]
    assert np.mean(expected == mnist_test.labels[:16]) > 0.8


def test_every_door_gives_the_same_answers(
    client: httpx.Client, weights: Path, store: Path, pictures: list[bytes], mnist_test: mnist.Split
) -> None:
    settings = Settings.read(MODEL_CONFIG)
    by_torch = predict_served(pictures, net.load(weights, device="cpu").run, settings)
    by_onnx = predict_served(pictures, ort.load(store / "digits.onnx", device="cpu").run, settings)
    for model in MODELS:
        by_rest = [client.post(f"/predictions/{model}", content=picture).json() for picture in pictures]
        for ours, graph, rest in zip(by_torch, by_onnx, by_rest, strict=True):
            assert ours.digit == graph.digit == rest["digit"]
            assert ours.accepted == graph.accepted == rest["accepted"]
            assert ours.confidence == pytest.approx(rest["confidence"], abs=2e-4)
    assert np.mean([p.digit for p in by_torch] == mnist_test.labels[:200]) > 0.9


def test_multipart_answers_a_list_in_order_with_errors_in_their_place(client: httpx.Client, pictures: list[bytes]) -> None:
    files = {"a": pictures[0], "b": b"no picture", "c": pictures[2]}
    answer = client.post("/predictions/digits", files=files)
    assert answer.status_code == 200
    first, second, third = answer.json()
    assert (first["digit"], third["digit"]) == tuple(
        client.post("/predictions/digits", content=picture).json()["digit"] for picture in (pictures[0], pictures[2])
    )
    assert (second["code"], second["type"]) == (400, "UnreadablePicture")


def test_plain_text_is_the_bare_digit(client: httpx.Client, pictures: list[bytes]) -> None:
    answer = client.post("/predictions/digits", content=pictures[0], headers={"Accept": "text/plain"})
    assert answer.headers["content-type"] == "text/plain"
    assert re.fullmatch(r"\d", answer.text)


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (b"", 400, "BadRequest"),
        (b"not a picture at all", 400, "UnreadablePicture"),
        (b"%PDF-1.7 and so on", 415, "UnsupportedMedia"),
        (encode_png(np.full((60, 60), 255, dtype=np.uint8)), 422, "BlankPicture"),
        (encode_png(np.zeros((5_000, 5_000), dtype=np.uint8)), 413, "TooLarge"),
    ],
)
@pytest.mark.parametrize("model", MODELS)
def test_bad_input_gets_its_own_status_and_type(model: str, body: bytes, status: int, kind: str, client: httpx.Client) -> None:
    answer = client.post(f"/predictions/{model}", content=body)
    assert answer.status_code == status
    assert answer.json()["type"] == kind
    assert answer.json()["code"] == status
    assert answer.headers["content-type"] == "application/json"


def test_the_version_can_be_named_and_an_unknown_one_is_404(client: httpx.Client, pictures: list[bytes]) -> None:
    assert client.post("/predictions/digits/1.0", content=pictures[0]).status_code == 200
    assert client.post("/predictions/digits/9.9", content=pictures[0]).status_code == 404


def test_without_a_token_nothing_is_answered(server: Server, pictures: list[bytes]) -> None:
    for path in ("/predictions/digits", "/ping"):
        answer = httpx.post(server.inference + path, content=pictures[0])
        assert answer.status_code == 400
        assert answer.json()["type"] == "InvalidKeyException"


def test_models_cannot_be_registered_or_deleted(server: Server) -> None:
    headers = server.headers("management")
    assert httpx.post(f"{server.management}/models?url=x.mar", headers=headers).status_code == 405
    assert httpx.delete(f"{server.management}/models/digits/1.0", headers=headers).status_code == 405


@pytest.mark.parametrize(
    ("model", "file", "place"), [("digits", "digits.pt", "cpu"), ("digits_onnx", "digits.onnx", "CPUExecutionProvider")]
)
def test_the_description_says_what_runs_where(model: str, file: str, place: str, server: Server) -> None:
    url = f"{server.management}/models/{model}?customized=true"
    (answer,) = httpx.get(url, headers=server.headers("management"), timeout=60).json()
    told = answer["customizedMetadata"]
    assert (told["file"], told["device"], told["card"]["contract"]) == (file, "auto", 1)
    if not answer["workers"][0]["gpu"]:
        assert told["runs_on"] == place


def test_nothing_listens_beyond_loopback(server: Server) -> None:
    pid = server.pid()
    assert pid is not None
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    listening = [c.laddr for process in family for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert len(listening) == 5
    assert {address.ip.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}


def test_the_smoke_check_passes(server: Server, mnist_root: Path) -> None:
    assert "digits and digits_onnx read ten digits" in check(server, mnist_root)


def test_a_second_server_on_the_same_ports_is_refused(server: Server, store: Path, tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=f"port {server.port} is in use"):
        Server(server.port, store, tmp_path).start()


def test_a_store_without_archives_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="holds no archive; make export builds them"):
        Server(free_port(), tmp_path, tmp_path).start()


@pytest.mark.parametrize("keeps_its_card", [True, False])
def test_an_archive_that_is_not_what_its_card_says_is_never_served(keeps_its_card: bool, store: Path, tmp_path: Path) -> None:
    altered = tmp_path / "store"
    shutil.copytree(store, altered)
    with (altered / "digits_onnx.mar").open("ab") as archive:
        archive.write(b"more")
    if not keeps_its_card:
        card_path(altered / "digits_onnx.mar").unlink()
    server = Server(free_port(), altered, tmp_path / "state")
    with pytest.raises(
        ServerError, match=f"{'sha256 differs' if keeps_its_card else 'has no card'}.*; remove the archive, then make export"
    ):
        server.start()
    assert server.pid() is None


FOREGROUND = """
import signal, sys
from pathlib import Path
from deploy.server import Server

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would pass on that it is ignored
Server(int(sys.argv[1]), *map(Path, sys.argv[2:])).serve()
"""


def test_ctrl_c_ends_the_server_in_the_foreground_and_its_workers(store: Path, tmp_path: Path) -> None:
    server = Server(free_port(), store, tmp_path)
    process = psutil.Popen([sys.executable, "-c", FOREGROUND, str(server.port), str(store), str(tmp_path)], stdout=subprocess.DEVNULL)
    family = [process]
    try:
        deadline = time.monotonic() + 60
        while not all(server.is_ready(model) for model in MODELS):
            assert time.monotonic() < deadline, "the server did not get ready"
            time.sleep(0.2)
        family += process.children(recursive=True)
        assert len(family) >= 3
        assert server.is_current()
        for member in family:  # a terminal sends it to the whole foreground group
            member.send_signal(signal.SIGINT)
        _, alive = psutil.wait_procs(family, timeout=20)
        assert alive == []
    finally:
        for member in [*process.children(recursive=True), *family] if process.is_running() else family:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        process.wait()
