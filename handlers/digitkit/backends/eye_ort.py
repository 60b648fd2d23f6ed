"""The eye as an ONNX graph, on ONNX Runtime."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitkit.artifacts.card import check_card
from digitkit.backends.sessions import Arrays, Output, open_session
from digitkit.pictures.eye import CHUNK, INK, KINDS, Eye
from digitkit.pictures.look import LOOK_PX

LOOKS = "looks"
ARRAYS = Arrays(LOOKS, (LOOK_PX, LOOK_PX), (Output(INK, (LOOK_PX, LOOK_PX), "uint8"), Output(KINDS, (3,))), usual=8, most=CHUNK)


def load(path: Path, *, device: str = "auto", gpu_id: int | None = None, threads: int = 1) -> Eye:
    """The graph at `path` as an Eye; the arguments and errors are those of a reader's load."""
    check_card(path)
    session = open_session(path, ARRAYS, device=device, gpu_id=gpu_id, threads=threads)

    def eye(looks: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        ink, kinds = session.run([INK, KINDS], {LOOKS: looks})
        return np.asarray(ink, dtype=np.uint8), np.asarray(kinds, dtype=np.float32)

    return eye
