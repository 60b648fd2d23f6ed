"""The bench of the servers: every answer is checked, ratios are taken within a round, and a failure costs no other target's figures."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from conftest import ROOT
from served import free_port

from bench.contenders import targets
from bench.contenders.peer import peer
from bench.contenders.service import Running, Service, TargetError
from bench.contenders.targets import PEERS
from bench.generators.exchange import CheckedRequest, digits_in, post, read_requests, write_requests
from bench.generators.wrk_or_driver import LoadResult, find_wrk, with_driver, with_wrk
from bench.peers.graph import GraphModel, decode
from bench.peers.work import UNPACKED
from bench.results.server_tables import ratios, show
from bench.rounds import RoundRow
from bench.servers import FAILED, PICTURES, main, parse_flags
from bench.stock.archive import pack
from digitkit.pictures.codec import encode_png
from digitkit.readers.digits import ort
from digitkit.readers.digits.classify import classify
from export.packing import answers
from testbed.pictures import LabelledPicture, load_pictures
from training.data.mnist import Split

GENERATORS = [with_driver, pytest.param(with_wrk, marks=pytest.mark.skipif(find_wrk() is None, reason="wrk is not installed"))]
AS_A_PEER = """
import json, sys
from bench.peers.work import load_work
work = load_work()
bodies = [bytes.fromhex(line) for line in sys.stdin.read().split()]
print(json.dumps([(reply.status, reply.body.decode()) for reply in work([work.read(body) for body in bodies])]))
"""
Answer = Callable[[bytes], tuple[int, bytes]]


class Silent(BaseHTTPRequestHandler):
    """Answers as it is told, on connections that stay open."""

    protocol_version = "HTTP/1.1"
    answer: Answer

    def do_POST(self) -> None:
        status, body = type(self).answer(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def answering(answer: Answer) -> Iterator[int]:
    """A server in this process; its port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Told", (Silent,), {"answer": staticmethod(answer)}))
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def echo(body: bytes) -> tuple[int, bytes]:
    """Reads every "picture" right: a test's picture is its digit."""
    return 200, b'{"digit": %s, "confidence": 0.5}' % body


@pytest.fixture
def ten_requests(tmp_path: Path) -> Path:
    path = tmp_path / "requests"
    write_requests(path, [CheckedRequest(post("/", str(digit).encode(), {}), str(digit)) for digit in range(10)])
    return path


def test_requests_are_read_back_as_written(tmp_path: Path) -> None:
    requests = [CheckedRequest(post("/ping", b"", {"A": "b"}), ""), CheckedRequest(post("/", b"\n1 2\n\xff", {}), "12")]
    write_requests(tmp_path / "requests", requests)
    assert read_requests(tmp_path / "requests") == requests
    assert requests[0].content == b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\nA: b\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "count", "digits"),
    [
        ('{"digit": 7, "confidence": 0.9}', 1, "7"),
        ('{\n  "7": 0.99,\n  "3": 0.01\n}', 1, "7"),
        ("7", 1, "7"),
        ('[{"digit": 7, "confidence": 1.0}, {"digit":3}]', 2, "73"),
        ('{"status": "Healthy"}', 0, ""),
        ("", 1, ""),
    ],
)
def test_digits_of_an_answer_are_found_in_each_servers_form(answer: str, count: int, digits: str) -> None:
    assert digits_in(answer.encode(), count) == digits


@pytest.mark.slow
@pytest.mark.parametrize("generate", GENERATORS)
def test_right_answers_are_counted_as_right(generate: Callable[..., LoadResult], ten_requests: Path) -> None:
    with answering(echo) as port:
        load = generate(ten_requests, port, 2, 1)
    assert load.right > 10
    assert (load.wrong, load.refused) == (0, 0)
    assert 0 < load.p50_ms <= load.p99_ms < 1000
    assert load.answers_s == load.right / load.seconds


@pytest.mark.slow
@pytest.mark.parametrize("generate", GENERATORS)
def test_wrong_digits_are_counted_as_wrong(generate: Callable[..., LoadResult], ten_requests: Path) -> None:
    with answering(lambda body: echo(b"3" if body == b"8" else body)) as port:
        load = generate(ten_requests, port, 2, 1)
    assert 0 < load.wrong < load.right


@pytest.mark.slow
@pytest.mark.parametrize("generate", GENERATORS)
def test_other_statuses_are_refusals_and_no_wrong_answers(generate: Callable[..., LoadResult], ten_requests: Path) -> None:
    with answering(lambda body: (503, b"9") if body == b"8" else echo(body)) as port:
        load = generate(ten_requests, port, 2, 1)
    assert load.wrong == 0
    assert load.refused_share == pytest.approx(0.1, abs=0.09)


def test_driver_finds_answers_that_went_to_the_wrong_connection(ten_requests: Path) -> None:
    kept = [b"0"]

    def previous(body: bytes) -> tuple[int, bytes]:
        kept.append(body)
        return echo(kept.pop(0))

    with answering(previous) as port:
        assert with_driver(ten_requests, port, 2, 0.5).wrong > 0


def row(target: str, number: int, answers_s: float) -> RoundRow:
    return RoundRow(
        round=number, target=target, workers=1, connections=64, answers_s=answers_s, pictures_s=answers_s, p50_ms=1.0, p99_ms=2.0,
        cpu_us=100.0, memory_mb=500.0, start_s=3.0, accuracy=0.995,
    )  # fmt: skip


def test_ratios_are_taken_within_a_round() -> None:
    rows = [row("digits_onnx", 1, 1000.0), row("stock-1thread", 1, 100.0), row("digits_onnx", 2, 300.0), row("stock-1thread", 2, 20.0)]
    cells = [list(column.cells) for column in ratios(rows).columns]
    assert (cells[0][0], cells[2][0], cells[3][0]) == ("digits_onnx over stock-1thread, requests/s at 64", "12.5", "10 to 15")
    assert cells[5][0] == "met"


def test_report_holds_every_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show([row("digits_onnx", 1, 1000.0), row("ping", 1, 4000.0)], tmp_path, "by hand")
    assert len((tmp_path / "servers.csv").read_text().splitlines()) == 3
    assert (tmp_path / "servers.png").read_bytes().startswith(b"\x89PNG")
    assert "4,000" in (tmp_path / "servers.txt").read_text()
    assert "by hand" in capsys.readouterr().out


@pytest.mark.slow
def test_target_that_fails_is_named_and_costs_no_other_its_figures(
    tmp_path: Path, mnist_root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    labels: dict[bytes, str] = {}

    @contextmanager
    def reads_by_heart(port: int, picture: LabelledPicture) -> Iterator[Running]:
        pictures = load_pictures(mnist_root, PICTURES)
        labels.update({each.png: str(each.label) for each in pictures})
        with answering(lambda body: echo(labels[body].encode())) as own_port:
            yield Running(own_port, os.getpid(), 0.1)

    @contextmanager
    def does_not_start(port: int, picture: LabelledPicture) -> Iterator[Running]:
        raise TargetError("no Java")
        yield

    found = [Service("digits", 1, "/", does_not_start), Service("digits_onnx", 1, "/", reads_by_heart)]
    monkeypatch.setattr("bench.servers.services", lambda workers: found)
    arguments = ["--targets", "digits,digits_onnx", "--seconds", "1", "--rounds", "1", "--connections", "2"]
    assert main([*arguments, "--data-root", str(mnist_root), "--out", str(tmp_path)]) == FAILED
    assert "bench: digits: no Java" in capsys.readouterr().err
    assert "digits_onnx" in (tmp_path / "servers.csv").read_text()


@pytest.mark.parametrize("name", PEERS)
def test_every_peer_has_a_service_and_exact_versions(name: str) -> None:
    assert (ROOT / f"bench/peers/{name}.py").is_file()
    pins = (ROOT / f"bench/peers/{name}.txt").read_text().split()
    assert name in {pin.partition("==")[0] for pin in pins}
    assert all("==" in pin for pin in pins)


def test_peer_without_its_environment_is_named_with_the_command_that_builds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.contenders.peer.ENVIRONMENTS", tmp_path)
    with pytest.raises(TargetError, match="make bench PEERS=mosec"), peer("mosec", tmp_path, 1).start(1, LabelledPicture(b"", 7)):
        pass


def test_forms_are_measured_only_where_they_are_asked_for() -> None:
    plain, asked = parse_flags([]), parse_flags(["--targets", "digits_onnx", "--forms", "int8,bfloat16"])
    assert not {"digits_onnx_int8", "digits_bfloat16"} & set(plain.targets)
    assert asked.targets == ("digits_onnx", "digits_onnx_int8", "digits_bfloat16")
    offered = {service.name for service in targets.services([1])}
    assert set(asked.targets) <= offered


def test_unknown_targets_are_refused_with_the_names_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--targets", "digits,nothing"])
    assert "no target nothing; there are bare,digits_onnx," in capsys.readouterr().err


def test_several_numbers_of_workers_are_measured_in_turn() -> None:
    assert parse_flags(["--workers", "1,2"]).workers == (1, 2)


@pytest.mark.server
def test_peers_model_reads_what_ours_reads(store: Path, mnist_test: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITS_GRAPH", str(store / "digits.onnx"))
    pictures = mnist_test.pictures[:100]
    read = [json.loads(reply.body) for reply in GraphModel()([decode(encode_png(picture)) for picture in pictures])]
    ours = classify([[picture] for picture in pictures], ort.load(store / "digits.onnx", device="cpu").run, 0.5)
    assert [answer["digit"] for answer in read] == [prediction.digit for prediction in ours]
    assert [answer["confidence"] for answer in read] == [pytest.approx(p.confidence, abs=6e-5) for p in ours]


@pytest.mark.server
def test_a_peer_with_our_work_answers_and_refuses_as_our_server_does(store: Path, ten_pngs: list[bytes], tmp_path: Path) -> None:
    with zipfile.ZipFile(store / "digits_onnx.mar") as packed:
        packed.extractall(tmp_path / "model")
    told = {UNPACKED: str(tmp_path / "model"), "PYTHONPATH": str(tmp_path / "model"), "LOG_LOCATION": str(tmp_path)}
    bodies = [*ten_pngs, b"no picture"]
    command, asked = [sys.executable, "-c", AS_A_PEER], "\n".join(body.hex() for body in bodies)
    done = subprocess.run(command, cwd=ROOT, env=os.environ | told, input=asked, capture_output=True, text=True, check=True, timeout=300)
    statuses, replies = zip(*json.loads(done.stdout.splitlines()[-1]), strict=True)
    assert statuses == (200,) * 10 + (400,)
    assert [json.loads(reply) for reply in replies] == answers(store / "digits_onnx.mar", bodies)


def test_each_peer_is_measured_with_the_bare_work_and_with_ours() -> None:
    asked = parse_flags(["--targets", "digits_onnx", "--peers", "mosec"]).targets
    assert asked == ("digits_onnx", "mosec", "mosec-digitkit")
    assert set(asked) <= {service.name for service in targets.services([1])}


@pytest.mark.server
def test_our_server_and_the_stock_handler_are_measured(
    store: Path, weights: Path, mnist_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(weights, tmp_path / "stock.mar")
    monkeypatch.setattr(targets, "STORE", store)
    monkeypatch.setattr(targets, "STOCK_ARCHIVE", tmp_path / "stock.mar")
    monkeypatch.setattr("bench.rounds.WARM_S", 1.0)  # which makes figures comparable; here they only have to be there
    measured = ("digits_onnx", "digits_onnx-alone", "digits_onnx-64", "ping", "stock-1thread")
    arguments = ["--targets", ",".join(measured), "--seconds", "1", "--rounds", "1", "--connections", "4"]
    code = main([*arguments, "--port", str(free_port()), "--data-root", str(mnist_root), "--out", str(tmp_path)])
    assert code == 0
    table = (tmp_path / "servers.csv").read_text()
    assert all(f"{name}," in table for name in measured)
