"""A server that the console can ask without a network, a console before it, and a browser that opens it."""

import hashlib
import re
import shutil
import socket
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import uvicorn

from console.app import Console, create_app
from console.reports import Reports
from console.upstream import Apis, Upstream
from deploy.errors import ServerError
from deploy.model_list import read_models

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parent.parent
ORIGIN = "http://127.0.0.1:8085"
TOKENS = {"inference": "secret-inference", "management": "secret-management"}
BODY_BYTES = 10_485_760
AXE, AXE_SHA256 = "axe-core@4.14.1", "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"
SEVEN = {"digit": 7, "confidence": 0.9731, "accepted": True, "probabilities": [0.0, 0.02, 0.0, 0.0, 0.0, 0.0, 0.0, 0.9731, 0.0, 0.0069]}
NO_DIGIT = SEVEN | {"accepted": False, "reason": "no_digit"}
UNREADABLE = {"code": 400, "type": "UnreadablePicture", "message": "6 bytes that are no picture that can be read; PNG is accepted"}
NUMBERS = {
    "numbers": [
        {"text": "12.50", "confidence": 0.98, "accepted": True, "page": 1, "quad": [[10, 20], [110, 20], [110, 60], [10, 60]]},
        {"text": "47", "confidence": 0.4, "accepted": False, "reason": "unsure", "quad": [[5, 80], [60, 80], [60, 99], [5, 99]]},
    ],
    "pages": [{"width": 200, "height": 100}],
}
REFUSED = re.compile("status of 4(00|22) ")  # a refused picture is an answer, and Chromium notes the status of each
PNG = (ROOT / "deploy" / "monitoring" / "seven.png").read_bytes()
METRICS = """\
# TYPE digits_batch_requests_sum counter
digits_batch_requests_sum{model_name="digits",model_version="1.0",Hostname="a",} 40.0
# TYPE digits_handler_seconds_bucket counter
digits_handler_seconds_bucket{model_name="digits",model_version="1.0",le="0.001",Hostname="a",} 10.0
digits_handler_seconds_bucket{model_name="digits",model_version="1.0",le="0.002",Hostname="a",} 40.0
digits_handler_seconds_bucket{model_name="digits",model_version="1.0",le="+Inf",Hostname="a",} 40.0
# TYPE digits_confidence_bucket counter
digits_confidence_bucket{model_name="digits",model_version="1.0",le="0.5",Hostname="a",} 4.0
digits_confidence_bucket{model_name="digits",model_version="1.0",le="1.0",Hostname="a",} 37.0
digits_confidence_bucket{model_name="digits",model_version="1.0",le="+Inf",Hostname="a",} 37.0
# TYPE digits_errors_total counter
digits_errors_total{model_name="digits",model_version="1.0",type="BlankPicture",code="422",Hostname="a",} 3.0
# TYPE digits_not_accepted_total counter
digits_not_accepted_total{model_name="digits",model_version="1.0",reason="no_digit",Hostname="a",} 2.0
# TYPE digits_predictions_total counter
digits_predictions_total{model_name="digits",model_version="1.0",digit="7",Hostname="a",} 37.0
# TYPE digits_drift_psi gauge
digits_drift_psi{model_name="digits",model_version="1.0",worker="9000",statistic="ink",Hostname="a",} 0.12
digits_drift_psi{model_name="digits",model_version="1.0",worker="9001",statistic="ink",Hostname="a",} 0.31
# TYPE digits_worker_resident_bytes gauge
digits_worker_resident_bytes{model_name="digits",model_version="1.0",worker="9000",Hostname="a",} 104857600.0
# TYPE Requests2XX counter
Requests2XX{Level="Host",Hostname="a",} 1.0
"""


class FakeServer(httpx.MockTransport):
    """TorchServe's three APIs by heart.

    Attributes:
        asked: every request, in order.
        is_away: whether it refuses connections.
        prediction: the answer to every picture but b"broken".
        numbers: the answer of a model that reads numbers.
        metrics: the text of /metrics.
        content_type: of the answers.
    """

    def __init__(self) -> None:
        super().__init__(self.answer)
        self.asked: list[httpx.Request] = []
        self.is_away = False
        self.prediction: dict[str, Any] = SEVEN
        self.numbers: dict[str, Any] = NUMBERS
        self.metrics = METRICS
        self.content_type = "application/json"

    def answer(self, request: httpx.Request) -> httpx.Response:
        if self.is_away:
            raise httpx.ConnectError("refused")
        self.asked.append(request)
        path, headers = request.url.path, {"X-Model-Name": "digits", "X-Model-Version": "1.0", "Content-Type": self.content_type}
        if path == "/metrics":
            return httpx.Response(200, text=self.metrics)
        if path.startswith("/models/"):
            return httpx.Response(200, json=[description("customized" in request.url.params)])
        if request.content == b"broken":
            return httpx.Response(400, json=UNREADABLE, headers=headers)
        if request.headers.get("accept") == "image/png":
            return httpx.Response(200, content=PNG, headers=headers | {"Content-Type": "image/png"})
        return httpx.Response(200, json=self.numbers if path.endswith("/numbers") else self.prediction, headers=headers)

    def pictures(self) -> list[bytes]:
        """The pictures that it was asked to read, in order."""
        return [request.content for request in self.asked if request.url.path.startswith("/predictions/")]


def description(has_card: bool) -> dict[str, Any]:
    """A model as the management API describes it."""
    worker = {"id": "9000", "status": "READY", "startTime": "2026-01-01T00:00:00Z", "gpu": False, "pid": 1}
    card = {"accuracy": {"test": 0.9966}, "parameters": 256_890, "bytes": 1_038_749, "sha256": "ab" * 32, "recipe": {"seed": 1}}
    told: dict[str, Any] = {"modelVersion": "1.0", "minWorkers": 1, "batchSize": 64, "workers": [worker]}
    return told | ({"customizedMetadata": {"loaded": True, "runs_on": "cpu", "explains_by": "occlusion", "card": card}} if has_card else {})


def console_before(fake: FakeServer, folder: Path, *, models: tuple[str, ...] = ("digits", "digits_onnx"), **changed: Any) -> Console:
    """A console for a server that is asked without a network."""
    known = read_models()
    known["numbers"] = replace(known["digits"], name="numbers", task="numbers")

    def authorize(api: str) -> dict[str, str]:
        if api not in TOKENS:
            raise ServerError("no token")
        return {"Authorization": f"Bearer {TOKENS[api]}"}

    apis = Apis("http://127.0.0.1:8080", "http://127.0.0.1:8081", "http://127.0.0.1:8082")
    upstream = Upstream(apis, [known[name] for name in models], authorize, transport=fake)
    command = ".venv/bin/python -m deploy.server token"
    return Console(upstream, (ORIGIN,), BODY_BYTES, command, Reports(folder / "reports"), **changed)


@contextmanager
def listening(console: Console) -> Iterator[str]:
    """Where the console is served while this lasts; its origin is that of a free port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        app = create_app(replace(console, origins=(origin, *console.origins)))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none"))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield origin
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """Debian's Chromium, with a camera that shows a test picture. It ends with its module: asyncio.run fails while it lives."""
    playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("there is no Chromium; on Debian: apt-get install chromium")
    flags = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=path, args=flags)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of axe-core, which finds what keeps people from using a page; fetched once, into build/."""
    folder = ROOT / "build" / "axe"
    archive = folder / f"{AXE.replace('@', '-')}.tgz"
    if not archive.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("axe-core cannot be fetched: there is no npm")
        folder.mkdir(parents=True, exist_ok=True)
        fetched = subprocess.run([npm, "pack", AXE], cwd=folder, capture_output=True, check=False, timeout=120)
        if fetched.returncode:
            pytest.skip("axe-core cannot be fetched: npm finds no registry")
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == AXE_SHA256
    with tarfile.open(archive) as files:
        script = files.extractfile("package/axe.min.js")
        assert script is not None
        return script.read().decode()
