"""What several tests share: MNIST's test pictures, the shipped settings, and stand-ins for TorchServe and for a model."""

import os

# The tests run in two processes side by side. With two threads each, those of torch that have nothing to do wait for the others in busy
# loops: a training of a second took 14 s of processor time. What reads this variable reads it when it is imported, below.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from consoles import axe, browser
from eyes import trusting
from graphs import graph
from lines import numbers_handler
from numpy.typing import NDArray
from served import client, server, store, weights
from shared import ByServer, held, longest_first

from digitkit.pictures.codec import encode_png
from digitkit.readers.digits.digit import LABELS, Backend
from digitkit.readers.digits.reader import READER, Net
from digitkit.serving import metrics
from digitkit.serving.guard import Guard
from digitkit.serving.writing import Model
from digitkit.settings import Limits, Settings

if TYPE_CHECKING:
    from training.data.mnist import Split

# Fixtures of other files that tests ask for by name.
__all__ = ["axe", "browser", "client", "graph", "numbers_handler", "server", "store", "weights"]

ROOT = Path(__file__).resolve().parent.parent
HANDLERS = ROOT / "handlers"
REAL_DATA = Path(os.environ.get("DIGITS_REAL_DATA", ROOT.parent / "shared" / "data"))  # sets of real pictures that no package ships


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByServer:
    """Who runs what where the tests run in several processes."""
    return ByServer(config, log)


@pytest.hookimpl(trylast=True)  # of those that are chosen
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is run first."""
    longest_first(items, config.rootpath)


@pytest.fixture(scope="session")
def settings() -> Settings:
    """The settings that are shipped."""
    return Settings.read(HANDLERS / "model-config.yaml")


@pytest.fixture(scope="session")
def limits(settings: Settings) -> Limits:
    return settings.limits


@pytest.fixture(scope="session")
def mnist_root() -> Path:
    """The folder that holds MNIST/raw, downloaded where it is not there yet."""
    from training.data.mnist import ensure_mnist

    (ROOT / "data").mkdir(exist_ok=True)
    with held(ROOT / "data" / ".lock"):
        ensure_mnist(ROOT / "data")
    return ROOT / "data"


@pytest.fixture(scope="session")
def mnist_test(mnist_root: Path) -> "Split":
    """MNIST's 10,000 test pictures."""
    from training.data.mnist import load_test  # imports torch, which costs seconds: paid by the tests that need the pictures

    return load_test(mnist_root)


@pytest.fixture(scope="session")
def ten_digits(mnist_test: "Split") -> NDArray[np.uint8]:
    """(10, 28, 28): the first test picture of each digit, in the order of LABELS."""
    return mnist_test.pictures[[int(np.argmax(mnist_test.labels == label)) for label in LABELS]]


@pytest.fixture(scope="session")
def ten_pngs(ten_digits: NDArray[np.uint8]) -> list[bytes]:
    """`ten_digits` as PNG files."""
    return [encode_png(canvas) for canvas in ten_digits]


class FakeRun:
    """A Run that knows `ten_digits` by heart, doubts whatever else it sees, and keeps the size of each batch."""

    def __init__(self, known: NDArray[np.uint8]) -> None:
        self.labels = {canvas.tobytes(): label for label, canvas in enumerate(known)}
        self.batches: list[int] = []

    def __call__(self, canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
        assert canvases.dtype == np.uint8
        assert canvases.shape[1:] == (28, 28)
        self.batches.append(len(canvases))
        logits = np.full((len(canvases), len(LABELS)), -9, dtype=np.float32)
        for row, canvas in zip(logits, canvases, strict=True):
            if canvas.tobytes() in self.labels:
                row[self.labels[canvas.tobytes()]] = 9
        return logits


@pytest.fixture
def fake_run(ten_digits: NDArray[np.uint8]) -> FakeRun:
    return FakeRun(ten_digits)


class FakeContext:
    """The part of TorchServe's Context that a handler uses.

    Attributes:
        model_name: under which the archive is registered.
        statuses: the status set for each row.
        response_headers: the headers set for each row.
    """

    def __init__(self, request_headers: list[dict[str, Any]], **attributes: Any) -> None:
        self.request_headers = request_headers
        self.model_name = "digits"
        self.statuses: dict[int, int] = {}
        self.response_headers: dict[int, dict[str, str]] = {i: {} for i in range(len(request_headers))}
        self.__dict__.update(attributes)

    def get_all_request_header(self, idx: int) -> dict[str, Any]:
        return self.request_headers[idx]

    def get_request_id(self, idx: int) -> str:
        return f"request-{idx}"

    def get_request_header(self, idx: int, key: str) -> Any:
        return self.request_headers[idx].get(key)

    def set_response_status(self, code: int = 200, phrase: str = "", idx: int = 0) -> None:
        self.statuses[idx] = code

    def set_response_content_type(self, idx: int, value: str) -> None:
        self.set_response_header(idx, "content-type", value)

    def set_response_header(self, idx: int, key: str, value: str) -> None:
        self.response_headers[idx][key] = value


@pytest.fixture(scope="session")
def handler_module() -> ModuleType:
    """handlers/digit_handler.py, loaded from its file: no package holds it."""
    spec = importlib.util.spec_from_file_location("digit_handler", HANDLERS / "digit_handler.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def handler(handler_module: ModuleType, settings: Settings, fake_run: FakeRun, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A handler that is ready, with a model that knows `ten_digits`; it hands no counts on."""
    monkeypatch.setattr(metrics, "FLUSH_S", 3600)
    handler = handler_module.DigitHandler()
    handler.settings, handler.model, handler.headers, handler.guard = settings, Model("digits", "1.0"), {}, Guard()
    backend = Backend(fake_run, lambda canvas, target: canvas / np.float32(255), "by heart", "cpu")
    handler.reader, handler.loaded = READER, Net(backend, trusting, settings.threshold("digits"))
    handler.metrics = metrics.Metrics(handler.model, place="cpu", fell_back=False, statistics=READER.statistics({}))
    return handler
