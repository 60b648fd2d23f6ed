"""load(): an ONNX graph of the line's net becomes a LineBackend on ONNX Runtime."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from digitkit.artifacts.card import check_card
from digitkit.backends.sessions import Arrays, Free, Output, open_session
from digitkit.pictures.line import BLANK, BUCKET_PX, FRAME_PX, STRIP_PX
from digitkit.readers.numbers.looks import SLICE_PX
from digitkit.readers.numbers.number import LineBackend
from digitkit.readers.numbers.strips import LONGEST

STRIPS, LOGITS, EXTENTS = "strips", "logits", "extents"
USUAL_PX: Final = 256  # width of a strip with eight digits
WIDTH = Free(BUCKET_PX, USUAL_PX, LONGEST * STRIP_PX)
FRAMES = Free(*(width // FRAME_PX for width in WIDTH))
ARRAYS = Arrays(
    STRIPS,
    (STRIP_PX, WIDTH),
    (Output(LOGITS, (FRAMES, BLANK + 1)), Output(EXTENTS, (FRAMES, 2))),
    usual=8,
    most=SLICE_PX // BUCKET_PX,
)


def load(path: Path, *, device: str = "auto", gpu_id: int | None = None, threads: int = 1) -> LineBackend:
    """The graph at `path` as a LineBackend, on the execution provider that was chosen.

    Args:
        path: numbers.onnx with its card beside it.
        device, gpu_id, threads: as digitkit.readers.digits.ort.load takes them.
    Raises:
        CardError: the file does not match its card.
        DeviceError: the provider that was asked for did not load.
        ValueError: the file is no graph, or takes or gives something else than strips, logits and extents.
    """
    check_card(path)
    session = open_session(path, ARRAYS, device=device, gpu_id=gpu_id, threads=threads)

    def run(strips: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        logits, extents = session.run([LOGITS, EXTENTS], {STRIPS: strips})
        return np.asarray(logits, dtype=np.float32), np.asarray(extents, dtype=np.float32)

    return LineBackend(run, session.get_providers()[0])
