"""What the tests of the load test share: a stand-in for the server, ten pictures, and a short run."""

import itertools
import json
import os
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import yaml

from digitkit.readers.digits.digit import LABELS
from loadtest import measure, run
from loadtest.results.figures import Figures, Kind, Result, Window
from loadtest.results.overview import Summary
from testbed.pictures import LabelledPicture

LIMITS = {
    "p50_ms_max": 50.0,
    "p95_ms_max": 100.0,
    "p99_ms_max": 250.0,
    "fail_ratio_max": 0.0,
    "rps_min": 300.0,
    "accuracy_min": 0.98,
}
GENEROUS = {"p50_ms_max": 1e4, "p95_ms_max": 1e4, "p99_ms_max": 1e4, "fail_ratio_max": 0, "rps_min": 0, "accuracy_min": 1}
TOKEN = "a-token-that-stays-secret"
STALLS_AT = 60  # the request


def answer_of(digit: int, confidence: float = 0.91) -> dict[str, Any]:
    """What a server answers for a picture of `digit`."""
    rest = (1 - confidence) / 9
    probabilities = [confidence if label == digit else rest for label in LABELS]
    return {"digit": digit, "confidence": confidence, "accepted": True, "probabilities": probabilities}


def body_of(answer: Any) -> bytes:
    return json.dumps(answer).encode()


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
def serve(pictures: list[LabelledPicture], *, shift: int = 0, stall_s: float = 0.0, certificate: Path | None = None) -> Iterator[str]:
    """A server that knows these pictures; asked for a single one, it gives the answer of the digit `shift` above it.

    After the first few requests it stalls once: it answers nobody for `stall_s`. With a certificate, a PEM file that holds its key as
    well, it speaks TLS.
    """
    asked, stalled = itertools.count(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with stalled:
                time.sleep(stall_s if next(asked) == STALLS_AT else 0)
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
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def run_loadtest(
    host: str, data_root: Path, *, token: str = TOKEN, flags: Sequence[str] = ("--users=2", "--seconds=1"), profile: str = "steady",
    **limits: float,
) -> int:  # fmt: skip
    """The exit code of a short load test of one target; its reports lie in `reports` beside the data."""
    budgets = data_root.with_name("budgets")
    (budgets / profile).mkdir(parents=True, exist_ok=True)
    (budgets / profile / "digits.yaml").write_text(yaml.safe_dump(GENEROUS | limits))
    given = {"profile": profile, "host": host, "budgets": budgets, "data-root": data_root, "reports": data_root.with_name("reports")}
    with patch.dict(os.environ, DIGITS_TOKEN=token):
        return run.main([*flags, *(f"--{name}={value}" for name, value in given.items())])


def figures_with(**changed: float) -> Figures:
    within = {"p50_ms": 20.0, "p95_ms": 40.0, "p99_ms": 90.0, "fail_ratio": 0.0, "rps": 900.0, "accuracy": 0.99}
    return Figures(**within | changed)


def window_with(**changed: Any) -> Window:
    within: dict[str, Any] = {"name": "steady", "load": 2.0, "start_s": 0.0, "seconds": 1.0, "requests": 900, "failures": 0}
    return Window(**within | {"p50_ms": 20.0, "p95_ms": 40.0, "p99_ms": 90.0, "late_p99_ms": 0.0} | changed)


def summary_with(failures: dict[str, int] | None = None, /, **changed: float) -> Summary:
    """Two targets; `failures` and the changed figures are those of the first."""
    percentiles_ms = {"0.5": 20.0, "0.95": 40.0, "0.99": 90.0, "1.0": 99.0}
    stages = [window_with()]
    kinds = [Kind(door="rest", kind="single", requests=900, failures=0, p50_ms=20.0, p95_ms=40.0, p99_ms=90.0)]
    shared: dict[str, Any] = {"requests": 900, "percentiles_ms": percentiles_ms, "stages": stages, "kinds": kinds, "seconds": stages}
    targets = [
        Result(target="digits", figures=figures_with(**changed), failures=failures or {}, **shared),
        Result(target="digits_onnx", figures=figures_with(), failures={}, **shared),
    ]
    budget = {key.rpartition("_")[0]: limit for key, limit in LIMITS.items()}
    return Summary(
        profile="steady", question="How?", workload="closed", load="closed workload: 2 users for 1 s", host="http://127.0.0.1:8080",
        pictures=10, ended="2025-01-01T00:00:00", targets=targets, budgets={result.target: budget for result in targets},
    )  # fmt: skip


@contextmanager
def answering(status: int, answer: Any) -> Iterator[str]:
    """The address of a server that gives everybody the same answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            thread.join()
