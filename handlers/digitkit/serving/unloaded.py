"""What a worker is that could not load its model: it lives, and refuses every request at once.

A worker that dies is started anew for minutes, each time in vain, while the requests that came for it wait. What is checked here
no restart heals: an archive that is not what its card says, a device that is not there, a knob with a wrong value.
"""

import json
import logging
import time
from collections.abc import Sequence

from digitkit.artifacts.card import CardError
from digitkit.contract import DeviceError
from digitkit.errors import NotLoaded
from digitkit.reader import Reader
from digitkit.serving.describe import is_describe
from digitkit.serving.metrics import Clock, Metrics
from digitkit.serving.request import JSON, Request
from digitkit.serving.writing import Answer, Model, write_refusal
from digitkit.settings import SettingsError

# The last two: a file that holds no weights and no graph of ours, and an environment without torch or onnxruntime.
CAUSES = (CardError, DeviceError, SettingsError, ValueError, ImportError)

log = logging.getLogger(__name__)


class Unloaded:
    """The answers of a model that could not be loaded. The cause is told once, in the log: it may name folders.

    Args:
        model: that should be here.
        cause: why it is not.
        reader: of its task, in whose words a request is refused.
    """

    def __init__(self, model: Model, cause: Exception, reader: Reader) -> None:
        self._model, self._reader = model, reader
        self.metrics = Metrics(model, place="", fell_back=False, statistics=reader.statistics({}))
        told = f"{model.name} {model.version} IS NOT SERVED, each of its requests is answered 503: {type(cause).__name__}: {cause}"
        log.error(told, exc_info=cause)
        self.cause = cause.with_traceback(None)  # its frames hold the weights

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """A refusal for each request, and for TorchServe the description of what there is not."""
        started = time.perf_counter()
        error = NotLoaded(f"the model {self._model.name} is not served: it could not be loaded, the operator finds why in the server's log")
        answers = [self._describe() if is_describe(request) else self._refuse(error, request) for request in requests]
        clock = Clock(started, started, started, time.perf_counter(), 0.0)
        self.metrics.record([error for answer in answers if answer.error], [], [], clock)
        return answers

    def _refuse(self, error: NotLoaded, request: Request) -> Answer:
        return write_refusal(error, request, self._model, self._reader)

    def _describe(self) -> Answer:
        content = {"loaded": False, "cause": type(self.cause).__name__}
        return Answer(200, JSON, json.dumps(content).encode())
