"""The net that finds numbers as an ONNX graph, on ONNX Runtime."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitkit.artifacts.card import check_card
from digitkit.backends.sessions import Arrays, Free, Output, open_session
from digitkit.pictures.text_map import CELL_PX, CHANNELS, SIDES_PX, PageRun

PAGES, MAPS = "pages", "maps"
SIDE = Free(SIDES_PX, 1024, 4096)
CELLS = Free(*(side // CELL_PX for side in SIDE))
ARRAYS = Arrays(PAGES, (SIDE, SIDE), (Output(MAPS, (CHANNELS, CELLS, CELLS)),), usual=1, most=1)


def load(path: Path, *, device: str = "auto", gpu_id: int | None = None, threads: int = 1) -> PageRun:
    """The graph at `path` as a PageRun; the arguments and errors are those of a reader's load."""
    check_card(path)
    session = open_session(path, ARRAYS, device=device, gpu_id=gpu_id, threads=threads)

    def run(pages: NDArray[np.uint8]) -> NDArray[np.float32]:
        (maps,) = session.run([MAPS], {PAGES: pages})
        return np.asarray(maps, dtype=np.float32)

    return run
