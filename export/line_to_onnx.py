"""Export the net that reads lines as an ONNX graph: `python -m export.line_to_onnx`. It is only published if it reads as its weights do."""

import tempfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from digitkit.artifacts.card import check_card
from digitkit.backends import blocks, line_net
from digitkit.backends.line_net import LineNet
from digitkit.pictures.line import BUCKET_PX, STRIP_PX, LineRun
from digitkit.readers.numbers import ort
from digitkit.readers.numbers.ort import EXTENTS, LOGITS, STRIPS
from digitkit.readers.numbers.strips import first_view
from export.errors import ExportError
from export.graph_command import graph_command
from export.opset import write_graph
from export.publishing import publish
from training.data import mnist

ROWS = (1, 4, 9, 16)  # digits in a row that both are shown: widths of one bucket to sixteen
SHOWN = 32  # rows of each length, and as many strips of random greys
WEIGHTS = Path("training/released/numbers.pt")
GRAPH = Path("model_store/numbers.onnx")
LARGEST = 1e-3  # most that a logit and an extent may differ, as shares of the largest: sums are rounded in another order


def line_to_onnx(weights: Path, graph: Path, *, data_root: Path) -> None:
    """Write the graph of a line's net and its card.

    The graph takes strips uint8 (N, 32, W) and gives logits float32 (N, W / 2, 18) and extents float32 (N, W / 2, 2), N free, and W any
    multiple of 32.

    Raises:
        CardError: the weights do not match their card.
        ExportError: the graph reads differently; then nothing is published.
    """
    card, net = check_card(weights), blocks.read(LineNet(), weights)
    with tempfile.TemporaryDirectory() as scratch:
        staged = Path(scratch) / graph.name
        example = torch.zeros((2, STRIP_PX, 4 * BUCKET_PX), dtype=torch.uint8)
        sides = {0: torch.export.Dim("N"), 2: BUCKET_PX * torch.export.Dim("buckets", min=1, max=64)}
        write_graph(blocks.folded(net), example, staged, card, takes=STRIPS, gives=[LOGITS, EXTENTS], free=sides)
        served = line_net.as_line_run(net, torch.device("cpu"))
        check_alike(ort.load(staged, device="cpu").run, served, mnist.load_test(data_root).pictures)
        publish(staged, graph)


def check_alike(ours: LineRun, reference: LineRun, digits: NDArray[np.uint8]) -> None:
    """Raise ExportError where two nets read rows of digits or random greys differently."""
    random = np.random.default_rng(0)
    for count in ROWS:
        picked = random.integers(0, len(digits), (SHOWN, count))
        rows = np.stack([first_view(np.hstack(list(digits[row]))).strip for row in picked])
        greys = random.integers(0, 256, rows.shape, dtype=np.uint8)
        for name, strips in (("rows of digits", rows), ("random greys", greys)):
            pairs = zip(ours(strips), reference(strips), strict=True)
            gap = max(float(np.abs(found - expected).max() / np.abs(expected).max()) for found, expected in pairs)
            print(f"the line's graph on {SHOWN} {name}, {strips.shape[2]} px wide: differs by at most {gap:.1e} of the largest")
            if not gap <= LARGEST:
                raise ExportError(f"the line's graph differs from its weights by {gap:.1e} of the largest on {name}; {LARGEST} is allowed")


if __name__ == "__main__":
    graph_command("export.line_to_onnx", __doc__, line_to_onnx, weights=WEIGHTS, graph=GRAPH)
