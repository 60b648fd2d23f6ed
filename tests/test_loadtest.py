"""The load test itself: what it takes for a wrong answer, when a budget is broken, and how it ends."""

import csv
import io
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from digitkit.contract import LABELS
from loadtest import measure, run
from loadtest.answers import WrongAnswer, check_answer, read_answer
from loadtest.budget import BudgetError, compare, read_budgets
from loadtest.figures import MEASURES, Figures, Result
from loadtest.page import write_page
from loadtest.pictures import LabelledPicture, PicturesError, load_pictures
from loadtest.report import Summary, read_summary, write_summary

LIMITS = {
    "p50_ms_max": 50.0,
    "p95_ms_max": 100.0,
    "p99_ms_max": 250.0,
    "failure_ratio_max": 0.0,
    "answers_per_s_min": 300.0,
    "accuracy_min": 0.98,
}
GENEROUS = {"p50_ms_max": 1e4, "p95_ms_max": 1e4, "p99_ms_max": 1e4, "failure_ratio_max": 0, "answers_per_s_min": 0, "accuracy_min": 1}
TOKEN = "a-token-that-stays-secret"


def answer_of(digit: int, confidence: float = 0.91) -> dict[str, Any]:
    """What a server answers for a picture of `digit`."""
    rest = (1 - confidence) / 9
    probabilities = [confidence if label == digit else rest for label in LABELS]
    return {"digit": digit, "confidence": confidence, "accepted": True, "probabilities": probabilities}


def body_of(answer: Any) -> bytes:
    return json.dumps(answer).encode()


def figures_with(**changed: float) -> Figures:
    within = {"p50_ms": 20.0, "p95_ms": 40.0, "p99_ms": 90.0, "failure_ratio": 0.0, "answers_per_s": 900.0, "accuracy": 0.99}
    return Figures(**within | changed)


def summary_with(failures: dict[str, int] | None = None, /, **changed: float) -> Summary:
    """Two targets; `failures` and the changed figures are those of the first."""
    percentiles_ms = {"0.5": 20.0, "0.95": 40.0, "0.99": 90.0, "1.0": 99.0}
    targets = [
        Result(target="digits", figures=figures_with(**changed), requests=900, percentiles_ms=percentiles_ms, failures=failures or {}),
        Result(target="digits_onnx", figures=figures_with(), requests=900, percentiles_ms=percentiles_ms, failures={}),
    ]
    budget = {key.rpartition("_")[0]: limit for key, limit in LIMITS.items()}
    return Summary(
        host="http://127.0.0.1:8080", users=2, seconds=1, pictures=10, ended="2025-01-01T00:00:00",
        targets=targets, budgets={result.target: budget for result in targets},
    )  # fmt: skip


@pytest.fixture
def data_root(tmp_path: Path) -> Path:
    """A folder with ten test pictures, one of each digit, in MNIST's own form."""
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (10, 28, 28), dtype=np.uint8)
    (raw / "t10k-images-idx3-ubyte").write_bytes(np.array([0x803, 10, 28, 28], dtype=">u4").tobytes() + pixels.tobytes())
    (raw / "t10k-labels-idx1-ubyte").write_bytes(np.array([0x801, 10], dtype=">u4").tobytes() + bytes(LABELS))
    return tmp_path / "data"


@pytest.fixture
def without_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "WARM_UP_S", 0)


@contextmanager
def serve(pictures: list[LabelledPicture], *, shift: int) -> Iterator[str]:
    """A server that knows these pictures; asked for a single one, it gives the answer of the digit `shift` above it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            digits = [label for _, label in sorted((body.find(p.png), p.label) for p in pictures if p.png in body)]
            found = [answer_of(digit) for digit in digits] if len(digits) > 1 else answer_of((digits[0] + shift) % 10)
            reply = body_of(found) if self.headers["Authorization"] == f"Bearer {TOKEN}" else body_of({"type": "InvalidKeyException"})
            self.send_response(200 if self.headers["Authorization"] == f"Bearer {TOKEN}" else 400)
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def handle(self) -> None:
            with suppress(ConnectionError):  # Locust ends without waiting for what is under way
                super().handle()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def run_loadtest(host: str, data_root: Path, *, token: str = TOKEN, **limits: float) -> int:
    """The exit code of a short load test of one target; its reports lie in `reports` beside the data."""
    budgets = data_root.with_name("budgets.yaml")
    budgets.write_text(yaml.safe_dump({"digits": GENEROUS | limits}))
    flags = {"host": host, "token": token, "users": 2, "seconds": 1, "budgets": budgets}
    places = {"data-root": data_root, "reports": data_root.with_name("reports")}
    return run.main([f"--{name}={value}" for name, value in (flags | places).items()])


def test_right_answer_is_accepted() -> None:
    answer = answer_of(7)
    assert read_answer(body_of(answer | {"model": "digits"})).digit == 7
    check_answer(body_of(answer), read_answer(body_of(answer)))


def test_rounding_is_no_wrong_content() -> None:
    check_answer(body_of(answer_of(7, 0.9104)), read_answer(body_of(answer_of(7, 0.91))))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"digit": 10}, "none of 0 to 9"),
        ({"digit": "7"}, "none of 0 to 9"),
        ({"digit": True}, "none of 0 to 9"),
        ({"digit": 3}, "not the probability of the digit"),
        ({"digit": 3, "confidence": 0.01}, "not the most probable"),
        ({"confidence": 0.5}, "not the probability of the digit"),
        ({"accepted": None}, "accepted"),
        ({"probabilities": [0.1] * 9}, "ten numbers"),
        ({"probabilities": [0.91] * 10}, "ten numbers"),
        ({"probabilities": [float("nan")] * 10}, "ten numbers"),
        ({"probabilities": ["0.1"] * 10}, "ten numbers"),
        ({"probabilities": None}, "no object"),
    ],
)
def test_malformed_answer_is_recognised(changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(WrongAnswer, match=reason):
        read_answer(body_of(answer_of(7) | changed))


@pytest.mark.parametrize("body", [b"", b"7", b"null", b"[]", b"{}", b"<html>", b"\xff", body_of([answer_of(7)]), body_of({"code": 503})])
def test_body_that_is_no_answer_is_recognised(body: bytes) -> None:
    with pytest.raises(WrongAnswer, match="malformed"):
        read_answer(body)


@pytest.mark.parametrize("other", [answer_of(3), answer_of(7, 0.9)])
def test_answer_of_another_picture_is_recognised(other: dict[str, Any]) -> None:
    with pytest.raises(WrongAnswer, match="wrong content"):
        check_answer(body_of(other), read_answer(body_of(answer_of(7))))


def test_misreading_that_was_known_before_the_load_is_no_wrong_answer() -> None:
    misread = body_of(answer_of(digit=4))  # whatever the label says
    check_answer(misread, read_answer(misread))


def test_figures_within_their_limits_keep_the_budget() -> None:
    assert summary_with(p99_ms=250.0, accuracy=0.98, answers_per_s=300.0).broken() == []


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"p50_ms": 51.0}, "digits p50_ms 51 > 50"),
        ({"p95_ms": 110.0}, "digits p95_ms 110 > 100"),
        ({"p99_ms": 312.0}, "digits p99_ms 312 > 250"),
        ({"failure_ratio": 0.0001}, "digits failure_ratio 0.0001 > 0"),
        ({"answers_per_s": 299.5}, "digits answers_per_s 299.5 < 300"),
        ({"accuracy": 0.979}, "digits accuracy 0.979 < 0.98"),
    ],
)
def test_each_broken_budget_is_named(changed: dict[str, float], line: str) -> None:
    assert summary_with(**changed).broken() == [line]


def test_budgets_in_the_repository_name_both_targets_and_every_figure() -> None:
    budgets = read_budgets()
    assert list(budgets) == ["digits", "digits_onnx"]
    assert all(len(compare(figures_with(), budget)) == len(MEASURES) for budget in budgets.values())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (yaml.safe_dump({"digits": LIMITS | {"p97_ms_max": 1}}), "unknown p97_ms_max"),
        (yaml.safe_dump({"digits": {key: LIMITS[key] for key in LIMITS if key != "p50_ms_max"}}), "missing p50_ms_max"),
        (yaml.safe_dump({"digits": LIMITS | {"p50_ms_max": "fast"}}), "'fast'"),
        (yaml.safe_dump({"digits": LIMITS | {"p50_ms_max": True}}), "True"),
        (yaml.safe_dump({"digits": LIMITS | {"p50_ms_max": float("nan")}}), "nan"),
        (yaml.safe_dump({"digits": LIMITS | {"p50_ms_max": -1}}), "-1"),
        (yaml.safe_dump({"digits": LIMITS | {"accuracy_min": 98}}), "0 to 1"),
        (yaml.safe_dump({"digits": LIMITS}) * 2, "digits is there twice"),
        (yaml.safe_dump({"digits": None}), "no section"),
        ("digits: [", "cannot be read"),
        ("", "names no target"),
    ],
)
def test_nonsense_among_the_budgets_is_refused(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "budgets.yaml"
    path.write_text(content)
    with pytest.raises(BudgetError, match=reason):
        read_budgets(path)
    assert run.main([f"--budgets={path}"]) == 2


def test_pictures_are_the_same_every_time_and_keep_their_labels(data_root: Path) -> None:
    pictures = load_pictures(data_root, count=4)
    assert pictures == load_pictures(data_root, count=4)
    pixels = np.frombuffer((data_root / "MNIST/raw/t10k-images-idx3-ubyte").read_bytes()[16:], np.uint8).reshape(10, 28, 28)
    for picture in pictures:  # in the fixture, a picture's place is its label
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(picture.png))), pixels[picture.label])


@pytest.mark.parametrize("kept", [slice(0, -1), slice(1, None), slice(0, 8), slice(0, 0)])
def test_damaged_pictures_are_refused(data_root: Path, kept: slice) -> None:
    path = data_root / "MNIST/raw/t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[kept])
    with pytest.raises(PicturesError, match="make train"):
        load_pictures(data_root)


def test_missing_pictures_are_refused_with_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_loadtest("http://127.0.0.1:1", tmp_path / "nothing") == 1
    assert "make train downloads it" in capsys.readouterr().err


def test_unreachable_server_is_refused_with_exit_code_1(data_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    earlier = data_root.with_name("reports") / "report.html"
    earlier.parent.mkdir()
    earlier.write_text("an earlier report")
    assert run_loadtest("http://127.0.0.1:1", data_root) == 1
    assert "http://127.0.0.1:1 cannot be reached" in capsys.readouterr().err
    assert earlier.read_text() == "an earlier report"


def test_wrong_token_is_refused_with_exit_code_1(data_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serve(load_pictures(data_root), shift=0) as host:
        assert run_loadtest(host, data_root, token="wrong") == 1
    assert "refuses the token" in capsys.readouterr().err


@pytest.mark.usefixtures("without_warm_up")
@pytest.mark.slow
def test_impossible_budget_ends_with_exit_code_3_and_is_named(data_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serve(load_pictures(data_root), shift=0) as host:
        assert run_loadtest(host, data_root, answers_per_s_min=1e6) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"budget broken: digits answers_per_s [\d.]+ < 1e\+06", line)
    reports = data_root.with_name("reports")
    assert {path.name for path in reports.iterdir()} == {"summary.json", "summary.csv", "report.html", "digits.html"}
    assert not any(TOKEN in path.read_text() for path in reports.iterdir())


@pytest.mark.usefixtures("without_warm_up")
@pytest.mark.slow
def test_server_that_swaps_answers_under_load_breaks_the_failure_budget(data_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serve(load_pictures(data_root), shift=1) as host:
        assert run_loadtest(host, data_root) == 3
    printed = capsys.readouterr()
    assert printed.err == "budget broken: digits failure_ratio 1 > 0\n"
    assert "wrong content" in printed.out


def test_summary_is_the_same_after_reading_it_again(tmp_path: Path) -> None:
    summary = summary_with(p99_ms=312.0)
    write_summary(summary, tmp_path)
    assert read_summary(tmp_path / "summary.json") == summary
    assert json.loads((tmp_path / "summary.json").read_text())["broken"] == ["digits p99_ms 312 > 250"]
    rows = csv.DictReader((tmp_path / "summary.csv").read_text().splitlines())
    assert [row["figure"] for row in rows if row["kept"] == "False"] == ["p99_ms"]


def test_page_shows_every_target_and_fetches_nothing(tmp_path: Path) -> None:
    write_page(summary_with({"<b>": 3}, failure_ratio=0.01), tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert all(text in page for text in ("digits_onnx", "1 of 12 budgets broken", "&lt;b&gt;"))
    assert not re.search(r"<script|<link|@import|url\(|src=\"(?!data:)", page)
