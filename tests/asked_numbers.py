"""A worker with the reader of numbers, without TorchServe: the fixture `ask`."""

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from lines import Spelling

from digitkit.readers.numbers.number import LineBackend
from digitkit.readers.numbers.reader import READER, LineReader
from digitkit.readers.numbers.transcribe import Terms
from digitkit.serving import metrics
from digitkit.serving.guard import Guard
from digitkit.serving.request import to_request
from digitkit.serving.writing import Answer, Model
from digitkit.settings import Settings

Ask = Callable[..., Answer]
REST = {"url_path": "/predictions/numbers"}


@pytest.fixture
def ask(handler_module: ModuleType, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """What a worker with the reader of numbers answers to a body; of a dict as TorchServe parses JSON over gRPC, or to parts."""
    monkeypatch.setattr(metrics, "FLUSH_S", 3600)
    handler = handler_module.DigitHandler()
    handler.settings, handler.model, handler.headers, handler.guard = settings, Model("numbers", "1.0"), {}, Guard()
    handler.reader, handler.loaded = READER, LineReader(LineBackend(Spelling(), "cpu"), Terms(0.8))
    handler.metrics = metrics.Metrics(handler.model, place="cpu", fell_back=False, statistics=READER.statistics({}))

    def asked(body: Any, headers: dict[str, str] | None = None, types: dict[str, str] | None = None) -> Answer:
        row = body if types else {"body": body if isinstance(body, bytes) else json.dumps(body).encode()}
        (answer,) = handler.answer([to_request(row, REST if headers is None else headers, types or {"body": ""})])
        found: Answer = answer
        return found

    return asked
