"""What a handler loads and what it is asked, in place of a real archive and of TorchServe's messages."""

from types import ModuleType
from typing import Any

import numpy as np
from conftest import FakeContext
from eyes import trusting
from numpy.typing import NDArray

from digitkit.contract import Run
from digitkit.pictures.eye import Eye
from digitkit.readers.digits.digit import Backend


class FakeBackend(ModuleType):
    """A backend whose model is `run`; it keeps what load() was called with."""

    def __init__(self, run: Run) -> None:
        super().__init__("fake_backend")
        self.run = run
        self.asked: tuple[Any, ...] = ()

    def load(self, path: Any, *, device: str, gpu_id: int | None, threads: int) -> Backend:
        self.asked = (path.name, device, gpu_id, threads)
        return Backend(self.run, lambda canvas, target: self.explain(canvas, target), "by heart", "nowhere")

    def explain(self, _: NDArray[np.uint8], target: int) -> NDArray[np.float32]:
        return np.full((28, 28), target / 9, dtype=np.float32)


class FakeSight(ModuleType):
    """A module of an eye that leaves all to the rules; it keeps what load() was called with."""

    def __init__(self) -> None:
        super().__init__("fake_sight")
        self.asked: tuple[Any, ...] = ()

    def load(self, path: Any, *, device: str, gpu_id: int | None, threads: int) -> Eye:
        self.asked = (path.name, device, gpu_id, threads)
        return trusting


def raw(*bodies: bytes) -> tuple[list[dict[str, Any]], FakeContext]:
    """A batch of requests with raw bodies, and its context."""
    return [{"body": bytearray(body)} for body in bodies], FakeContext(
        [{"Host": "127.0.0.1:8080", "url_path": "", "body": {"content-type": "image/png"}} for _ in bodies]
    )


def statuses(context: FakeContext) -> list[int]:
    return [context.statuses[i] for i in sorted(context.statuses)]
