"""READER: single digits, as digitkit.reader says what a reader is."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Picture
from digitkit.counting.drift import Reference
from digitkit.errors import BadRequest
from digitkit.reader import Reader
from digitkit.readers.digits import answer
from digitkit.readers.digits.canvas import are_canvases, to_canvases
from digitkit.readers.digits.classify import classify
from digitkit.readers.digits.digit import LABELS, SIDE_PX, Backend, Canvas, Prediction
from digitkit.readers.digits.explain import Explanation, overlay
from digitkit.readers.digits.tally import Tally
from digitkit.settings import Settings

# Imported when needed: each costs seconds and memory.
BACKENDS: Final = {".pt": "digitkit.readers.digits.net", ".onnx": "digitkit.readers.digits.ort"}
EMPTY: Final = np.zeros((1, SIDE_PX, SIDE_PX), dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Net:
    """A loaded net; its predictions are accepted from `min_score` on."""

    backend: Backend
    min_score: float

    @property
    def place(self) -> str:
        return self.backend.place

    @property
    def method(self) -> str:
        return self.backend.method

    def read(self, inputs: Sequence[list[Canvas]]) -> list[Prediction]:
        return classify(inputs, self.backend.run, self.min_score)

    def try_out(self) -> None:
        self.backend.run(EMPTY)

    def explain(self, given: list[Canvas], result: Prediction, target: int | None) -> Explanation:
        """Which pixels of the canvas that was read speak for `target`, or for the predicted digit where that is None."""
        canvas, digit = given[result.reading], result.digit if target is None else target
        return Explanation(result.digit, digit, self.backend.method, canvas, self.backend.explain(canvas, digit))


class DigitsReader:
    """The reader of single digits."""

    to_json = staticmethod(answer.to_json)
    to_text = staticmethod(answer.to_text)
    to_tensors = staticmethod(answer.to_tensors)
    explanation_object = staticmethod(answer.explanation_object)

    def load(self, weights: Path, settings: Settings, gpu: int | None) -> Net:
        load = import_module(BACKENDS[weights.suffix]).load
        return Net(load(weights, device=settings.device, gpu_id=gpu, threads=settings.threads), settings.min_score)

    def prepare(self, picture: Picture) -> list[Canvas]:
        return to_canvases(picture)

    def prepare_at_once(self, pictures: NDArray[np.uint8]) -> list[list[Canvas] | None]:
        known = are_canvases(pictures).tolist()
        return [[picture] if is_canvas else None for picture, is_canvas in zip(pictures, known, strict=True)]

    def parse_target(self, text: str) -> int | None:
        """The digit to explain, None for the predicted one."""
        if not text:
            return None
        if text not in map(str, LABELS):
            raise BadRequest(f"X-Target has {len(text)} characters that are no digit; it must be one from 0 to 9")
        return int(text)

    def explanation_png(self, explanation: Explanation) -> bytes:
        return overlay(explanation.canvas, explanation.attributions)

    def statistics(self, reference: Reference) -> Tally:
        return Tally(reference)


READER: Final[Reader] = DigitsReader()
