"""A line for each request, by which it is found again: in a file of the worker's own, beside TorchServe's logs.

TorchServe's access log knows no ids, and a line that a worker prints is parsed and logged by Java. Lines are JSON and hold no
picture, no prediction and no token. docs/faults.md says where they are and what they cost.
"""

import json
import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Final

from digitkit.serving.request import Request, trace_id
from digitkit.serving.writing import Answer, Model

FILE_BYTES: Final = 50_000_000  # some 300,000 lines; the file before is kept, so a worker has twice as much at most
SLOW_MS: Final = 250.0  # as the alert DigitsSlow

log = logging.getLogger(__name__)


class RequestLog:
    """The log of one worker.

    Args:
        path: of the file; its folder must exist.
        model: that answers.
        which: "all" requests, or the "notable" ones: refused, slow, or with an id of the client's own.
    """

    def __init__(self, path: Path, model: Model, which: str) -> None:
        self._path = path
        self._model = f'"model": {json.dumps(model.name)}, "version": {json.dumps(model.version)}'
        self._all = which == "all"
        self._is_failing = False

    def write(self, requests: Sequence[Request], answers: Sequence[Answer], milliseconds: float) -> None:
        """A line for each request of a batch that is to be logged, in one write. A disk that is full costs the lines, and no answer.

        Args:
            milliseconds: that the batch took in the worker.
        """
        everything = self._all or milliseconds >= SLOW_MS
        chosen = [pair for pair in zip(requests, answers, strict=True) if everything or pair[1].error or pair[0].client_id]
        if not chosen:
            return
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        head = f'{{"time": "{now}", {self._model}, "ms": {milliseconds:.1f}, "id": "'
        lines = [
            f'{head}{request.id}"{_client(request)}, '
            f'"status": {answer.status}, "error": "{answer.error}", "pictures": {answer.pictures}}}\n'
            for request, answer in chosen
        ]
        try:
            self._append("".join(lines).encode())
            self._is_failing = False
        except OSError as err:
            if not self._is_failing:
                log.warning("requests are not logged for now: %s", err)
            self._is_failing = True

    def _append(self, content: bytes) -> None:
        """Write to the file, opened anew each time: so it may be moved away or deleted under a running worker."""
        with FileIO(self._path, "a") as file:
            file.write(content)
            is_full = file.tell() >= FILE_BYTES
        if is_full:
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))


def _client(request: Request) -> str:
    """What the client calls it: its own id, and the trace that it is a part of."""
    own = f', "client_id": {json.dumps(request.client_id)}' if request.client_id else ""
    trace = trace_id(request)
    return f'{own}, "trace_id": "{trace}"' if trace else own


def log_folder() -> Path:
    """Where TorchServe logs: LOG_LOCATION, or `logs`, seen from the folder that its frontend, this process's parent, runs in."""
    folder = Path(f"/proc/{os.getppid()}/cwd").resolve() / os.environ.get("LOG_LOCATION", "logs")
    with suppress(OSError):  # as a full disk does, it costs the lines and no answer
        folder.mkdir(parents=True, exist_ok=True)  # TorchServe makes it only where it logs to files itself
    return folder
