"""A worker with the reader of numbers, without TorchServe, and what it answers: the fixture `ask`."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from digitkit.serving.request import to_request
from digitkit.serving.writing import Answer

Ask = Callable[..., Answer]
REST = {"url_path": "/predictions/numbers"}


@pytest.fixture
def ask(numbers_handler: Any) -> Ask:
    """What the worker answers to a body; of a dict as TorchServe parses JSON over gRPC, or to parts."""

    def asked(body: Any, headers: dict[str, str] | None = None, types: dict[str, str] | None = None) -> Answer:
        row = body if types else {"body": body if isinstance(body, bytes) else json.dumps(body).encode()}
        (answer,) = numbers_handler.answer([to_request(row, REST if headers is None else headers, types or {"body": ""})])
        found: Answer = answer
        return found

    return asked
