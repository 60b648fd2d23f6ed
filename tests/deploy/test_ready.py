"""Whether a model is ready, with a stand-in for TorchServe: what counts as ready, who is asked how often, what is said over HTTP."""

import json
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from deploy.model_list import read_models
from deploy.monitoring import probe, ready
from deploy.monitoring.probe import Probe
from deploy.monitoring.ready import Readiness, why_not_ready
from deploy.server import Server

SEVEN = (200, b'{"digit": 7}')
DIGITS = read_models()["digits"]


class TorchServe(ThreadingHTTPServer):
    """Answers each model as it is told, counts what it is asked, and holds `held` up until the end."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.answers = {"digits": SEVEN, "digits_onnx": SEVEN}
        self.asked: list[tuple[str, str | None]] = []
        self.held = ""
        self.ended = threading.Event()


class Answers(BaseHTTPRequestHandler):
    server: TorchServe

    def do_POST(self) -> None:
        model = self.path.rpartition("/")[2]
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((model, self.headers["Authorization"]))
        if model == self.server.held:
            self.server.ended.wait()
        status, body = self.server.answers[model]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *values: object) -> None:
        """Tests are silent."""


@pytest.fixture
def torchserve() -> Iterator[TorchServe]:
    with TorchServe() as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield listening
        listening.ended.set()
        listening.shutdown()
        thread.join()


@pytest.fixture
def server(torchserve: TorchServe, tmp_path: Path) -> Server:
    """What the probe knows of it, with a key file."""
    known = Server(torchserve.server_port, state=tmp_path, models=("digits", "digits_onnx"))
    known.folder.mkdir()
    (known.folder / "key_file.json").write_text(json.dumps({"inference": {"key": "secret"}}))
    return known


@pytest.fixture
def asked(server: Server) -> Iterator[httpx.Client]:
    """A client of the running probe."""
    with Probe(("127.0.0.1", 0), server, timeout_s=1) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        with httpx.Client(base_url=f"http://127.0.0.1:{listening.server_port}", timeout=30) as client:
            yield client
        listening.shutdown()
        thread.join()


def test_a_model_that_reads_the_digit_is_ready_and_is_asked_with_the_token(server: Server, torchserve: TorchServe) -> None:
    assert why_not_ready(server, DIGITS) == ""
    assert torchserve.asked == [("digits", "Bearer secret")]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((200, b'{"digit": 1}'), "seven.png was not read as 7"),
        ((200, b"7"), "seven.png was not read as 7"),
        ((200, b"no JSON"), "seven.png was not read as 7"),
        ((503, b'{"code": 503, "type": "NotLoaded", "message": "/secret"}'), "answered 503 NotLoaded"),
        ((413, b""), "answered 413"),
    ],
)
def test_any_other_answer_is_told(answer: tuple[int, bytes], why: str, server: Server, torchserve: TorchServe) -> None:
    torchserve.answers["digits"] = answer
    assert why_not_ready(server, DIGITS) == why


def test_no_answer_no_server_and_no_token_are_told(server: Server, torchserve: TorchServe, tmp_path: Path) -> None:
    torchserve.held = "digits"
    assert why_not_ready(server, DIGITS, timeout_s=0.1) == "no answer within 0.1 s"
    torchserve.server_close()
    assert why_not_ready(server, DIGITS) == "no connection to the server"
    (server.folder / "key_file.json").unlink()
    assert why_not_ready(server, DIGITS) == "the server has no token, so it is not running"


def test_a_hundred_who_ask_at_once_cost_one_request(server: Server, torchserve: TorchServe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ready, "FRESH_S", 3600)
    readiness = Readiness(server)
    with ThreadPoolExecutor(100) as pool:
        found = list(pool.map(lambda _: readiness.why_not(["digits"]), range(100)))
    assert found == [{"digits": ""}] * 100
    assert len(torchserve.asked) == 1


def test_what_is_no_longer_fresh_is_asked_anew(server: Server, torchserve: TorchServe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ready, "FRESH_S", 0)
    readiness = Readiness(server)
    assert readiness.why_not(["digits"]) == {"digits": ""}
    torchserve.answers["digits"] = (503, b"")
    assert readiness.why_not(["digits"]) == {"digits": "answered 503"}


def test_ready_answers_200_with_all_models(asked: httpx.Client) -> None:
    answer = asked.get("/ready")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == {"ready": True, "models": {"digits": True, "digits_onnx": True}}


def test_one_model_that_hangs_is_503_with_its_reason_and_the_others_own_addresses_stay_200(
    asked: httpx.Client, torchserve: TorchServe
) -> None:
    torchserve.held = "digits"
    answer = asked.get("/ready")
    assert answer.status_code == 503
    assert answer.json() == {
        "ready": False, "models": {"digits": False, "digits_onnx": True}, "why": {"digits": "no answer within 1 s"},
    }  # fmt: skip
    assert asked.get("/ready/digits").status_code == 503
    assert asked.get("/ready/digits_onnx").json() == {"ready": True, "models": {"digits_onnx": True}}


def test_head_is_answered_without_a_body_and_metrics_and_unknown_addresses_as_they_should(asked: httpx.Client) -> None:
    head = asked.head("/ready")
    assert (head.status_code, head.content) == (200, b"")
    assert 'digits_probe_success{model_name="digits_onnx"} 1.0' in asked.get("/metrics").text
    for path in ("/", "/ready/", "/ready/other", "/ready/digits/../../x"):
        assert asked.get(path).json()["type"] == "NotFound"


def test_check_ends_with_0_and_the_models_or_with_1_and_the_reason(
    server: Server, torchserve: TorchServe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store"
    store.mkdir()
    for model in ("digits_onnx", "digits"):
        (store / f"{model}.mar").touch()
    flags = ["--port", str(server.port), "--state", str(server.state), "--store", str(store)]
    monkeypatch.setattr(sys, "argv", ["probe", "check", *flags])
    probe.main()
    assert capsys.readouterr().out == "ready: digits, digits_onnx\n"
    torchserve.answers["digits"] = (503, b"")
    with pytest.raises(SystemExit, match="not ready: digits: answered 503"):
        probe.main()


@pytest.mark.parametrize(("text", "found"), [("9115", ("127.0.0.1", 9115)), ("0.0.0.0:80", ("0.0.0.0", 80))])
def test_listen_takes_a_port_of_loopback_or_an_address(text: str, found: tuple[str, int]) -> None:
    assert probe.address(text) == found
