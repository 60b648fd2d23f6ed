"""READER: how dark a picture is. Its graph takes 8 x 8 pixels and gives their darkness."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Picture, Run
from digitkit.counting.drift import Reference
from digitkit.counting.histogram import Histogram
from digitkit.errors import BadRequest, BlankPicture
from digitkit.pictures.codec import decode_picture, encode_png
from digitkit.reader import Hints, Observation, Reader, Series, Tell, timed
from digitkit.settings import Settings

SIDE_PX: Final = 8
REFUSED: Final = -1.0
WHITE: Final = 255


@dataclass(frozen=True, slots=True)
class Shade:
    """The pixels that were looked at, and how dark they are."""

    pixels: Picture
    darkness: float


@dataclass(frozen=True, slots=True)
class Graph:
    """The loaded graph."""

    run: Run
    place: str
    method: str = "the pixels themselves"

    def read(self, inputs: Sequence[Picture], deadline: float) -> list[float]:
        return self.run(np.stack(inputs)).tolist() if inputs else []

    def watched(self, tell: Tell) -> "Graph":
        return replace(self, run=timed("net", self.run, tell))

    def try_out(self) -> None:
        self.run(np.zeros((1, SIDE_PX, SIDE_PX), dtype=np.uint8))

    def explain(self, given: Picture, result: float, target: None) -> Shade:
        return Shade(given, result)


class Counts:
    """A histogram of darkness."""

    has_reference = False

    def __init__(self) -> None:
        self._histogram = Histogram((0.25, 0.5, 0.75))

    def add(self, read: Sequence[tuple[Picture, float]]) -> None:
        for _, darkness in read:
            self._histogram.observe(darkness)

    def drain(self) -> list[Series]:
        counted = list(self._histogram.series("darkness"))
        self._histogram.empty()
        return counted

    def gauges(self) -> Iterator[Series]:
        return iter(())

    def has_drifted(self, darkness: float) -> bool:
        return False


class Darkness:
    """The reader of darkness; a picture that is all white is refused as blank."""

    open_file = staticmethod(decode_picture)

    def load(self, weights: Path, settings: Settings, gpu: int | None) -> Graph:
        from digitkit.backends.sessions import Arrays, Output, as_run, open_session  # imports ONNX Runtime, which costs half a second

        arrays = Arrays("pixels", (SIDE_PX, SIDE_PX), (Output("darkness", ()),))
        session = open_session(weights, arrays, device=settings.device, gpu_id=gpu, threads=settings.threads)
        return Graph(as_run(session, arrays), session.get_providers()[0])

    def parse_hints(self, hints: Hints) -> None:
        """Nothing: darkness has one form."""

    def prepare(self, file: Picture, known: None) -> Picture:
        if file.min() == WHITE:
            raise BlankPicture("the picture is all white")
        return np.asarray(cv2.resize(file, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA), dtype=np.uint8)

    def prepare_at_once(self, pictures: NDArray[np.uint8]) -> list[Picture | None]:
        return [None] * len(pictures)

    def parse_target(self, text: str) -> None:
        if text:
            raise BadRequest("darkness has no target to explain")

    def to_json(self, darkness: float) -> str:
        return f'{{"darkness": {round(darkness, 4)}}}'

    def to_text(self, darkness: float) -> bytes:
        return str(round(darkness, 4)).encode()

    @property
    def media(self) -> dict[str, Callable[[float], bytes]]:
        return {"text/plain": self.to_text}

    def to_tensors(self, results: Sequence[float | None]) -> list[dict[str, Any]]:
        shades = [REFUSED if darkness is None else round(darkness, 4) for darkness in results]
        return [{"name": "darkness", "datatype": "FP32", "shape": [len(shades)], "data": shades}]

    def explanation_object(self, shade: Shade) -> dict[str, Any]:
        return {"darkness": round(shade.darkness, 4), "pixels": shade.pixels.tolist()}

    def explanation_png(self, shade: Shade) -> bytes:
        return encode_png(shade.pixels)

    def statistics(self, reference: Reference) -> Counts:
        return Counts()

    def observe(self, given: Picture, darkness: float) -> Observation:
        return Observation(given, self.to_json(darkness), 1.0, True, "")


READER: Final[Reader] = Darkness()
