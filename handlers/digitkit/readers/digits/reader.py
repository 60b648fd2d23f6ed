"""READER: single digits, as digitkit.reader says what a reader is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Picture
from digitkit.counting.drift import Reference
from digitkit.errors import BadRequest, DigitError
from digitkit.pictures.attributions import overlay
from digitkit.pictures.codec import decode_picture
from digitkit.pictures.eye import Eye
from digitkit.pictures.look import LOOK_PX
from digitkit.reader import Hints, Observation, Reader, Tell, timed
from digitkit.readers.digits import answer
from digitkit.readers.digits.canvas import are_canvases
from digitkit.readers.digits.digit import LABELS, SIDE_PX, Backend, Prediction
from digitkit.readers.digits.explain import Explanation
from digitkit.readers.digits.recognise import Given, prepare, recognise
from digitkit.readers.digits.tally import Tally
from digitkit.settings import Settings

# Imported when needed: each costs seconds and memory.
BACKENDS: Final = {
    ".pt": ("digitkit.readers.digits.net", "digitkit.backends.eye_net"),
    ".onnx": ("digitkit.readers.digits.ort", "digitkit.backends.eye_ort"),
}
EYE: Final = "eye"  # the stem of its file, which lies beside the weights
EMPTY: Final = np.zeros((1, SIDE_PX, SIDE_PX), dtype=np.uint8)
NOTHING: Final = np.zeros((1, LOOK_PX, LOOK_PX), dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Net:
    """A loaded net and its eye; predictions are accepted from `min_score` on."""

    backend: Backend
    eye: Eye
    min_score: float

    @property
    def place(self) -> str:
        return self.backend.place

    @property
    def method(self) -> str:
        return self.backend.method

    def read(self, inputs: Sequence[Given], deadline: float) -> list[Prediction | DigitError]:
        return recognise(inputs, self.backend.run, self.eye, self.min_score, deadline)

    def watched(self, tell: Tell) -> "Net":
        return replace(self, backend=replace(self.backend, run=timed("net", self.backend.run, tell)), eye=timed("eye", self.eye, tell))

    def try_out(self) -> None:
        self.backend.run(EMPTY)
        self.eye(NOTHING)

    def explain(self, given: Given, result: Prediction, target: int | None) -> Explanation:
        """Which pixels of the canvas that was read speak for `target`, or for the predicted digit where that is None."""
        digit = result.digit if target is None else target
        return Explanation(result.digit, digit, self.backend.method, result.canvas, self.backend.explain(result.canvas, digit))


class DigitsReader:
    """The reader of single digits."""

    open_file = staticmethod(decode_picture)
    to_json = staticmethod(answer.to_json)
    media: Final = {"text/plain": answer.to_text}
    to_tensors = staticmethod(answer.to_tensors)
    explanation_object = staticmethod(answer.explanation_object)

    def load(self, weights: Path, settings: Settings, gpu: int | None) -> Net:
        ways = {"device": settings.device, "gpu_id": gpu, "threads": settings.threads}
        backend, eye = (import_module(module).load for module in BACKENDS[weights.suffix])
        return Net(backend(weights, **ways), eye(weights.with_name(EYE + weights.suffix), **ways), settings.threshold("digits"))

    def parse_hints(self, hints: Hints) -> None:
        """Nothing: there is one form of a digit."""

    def prepare(self, file: Picture, known: None) -> Given:
        return prepare(file)

    def prepare_at_once(self, pictures: NDArray[np.uint8]) -> list[Given | None]:
        known = are_canvases(pictures).tolist()
        return [Given([picture]) if is_canvas else None for picture, is_canvas in zip(pictures, known, strict=True)]

    def parse_target(self, text: str) -> int | None:
        """The digit to explain, None for the predicted one."""
        if not text:
            return None
        if text not in map(str, LABELS):
            raise BadRequest(f"the target has {len(text)} characters that are no digit; it must be one from 0 to 9")
        return int(text)

    def explanation_png(self, explanation: Explanation) -> bytes:
        return overlay(explanation.canvas, explanation.attributions)

    def statistics(self, reference: Reference) -> Tally:
        return Tally(reference)

    def observe(self, given: Given, result: Prediction) -> Observation:
        picture = given.canvases[0] if given.picture is None else given.picture
        return Observation(picture, str(result.digit), result.confidence, result.accepted, result.reason, result.logits)


READER: Final[Reader] = DigitsReader()
