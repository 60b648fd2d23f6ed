"""Export the finder of numbers as an ONNX graph: `python -m export.finder_to_onnx`. It is only published if it sees as its weights do."""

import tempfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from digitkit.artifacts.card import check_card
from digitkit.backends import blocks, finder_net, finder_ort
from digitkit.backends.finder_net import FinderNet
from digitkit.backends.finder_ort import MAPS, PAGES
from digitkit.pictures.text_map import SIDES_PX, PageRun
from export.errors import ExportError
from export.graph_command import graph_command
from export.opset import write_graph
from export.publishing import publish
from training.data import mnist

WEIGHTS = Path("training/released/finder.pt")
GRAPH = Path("model_store/finder.onnx")
SHEETS = ((2, 3), (6, 4), (9, 14))  # rows and columns of digits on the pages that both are shown
PAPER = 230  # grey level of the pages
LARGEST = 2e-3  # most that a map's cell may differ, as a share of the largest: sums are rounded in another order


def finder_to_onnx(weights: Path, graph: Path, *, data_root: Path) -> None:
    """Write the graph of a finder and its card.

    The graph takes pages uint8 (N, H, W) and gives maps float32 (N, 7, H / 4, W / 4), N free, H and W any multiples of 32.

    Raises:
        CardError: the weights do not match their card.
        ExportError: the graph sees differently; then nothing is published.
    """
    card, net = check_card(weights), blocks.read(FinderNet(), weights)
    with tempfile.TemporaryDirectory() as scratch:
        staged = Path(scratch) / graph.name
        example = torch.zeros((2, 3 * SIDES_PX, 4 * SIDES_PX), dtype=torch.uint8)
        rows, columns = (SIDES_PX * torch.export.Dim(name, min=1, max=128) for name in ("rows", "columns"))
        sides = {0: torch.export.Dim("N"), 1: rows, 2: columns}
        write_graph(blocks.folded(net), example, staged, card, takes=PAGES, gives=[MAPS], free=sides)
        served = finder_net.as_page_run(net, torch.device("cpu"))
        check_alike(finder_ort.load(staged, device="cpu"), served, mnist.load_test(data_root).pictures)
        publish(staged, graph)


def check_alike(ours: PageRun, reference: PageRun, digits: NDArray[np.uint8]) -> None:
    """Raise ExportError where two nets see pages of digits or random greys differently."""
    random = np.random.default_rng(0)
    for rows, columns in SHEETS:
        written = sheet(digits[random.integers(0, len(digits), (rows, columns))])
        for name, page in (("digits", written), ("random greys", random.integers(0, 256, written.shape, dtype=np.uint8))):
            found, expected = ours(page[None]), reference(page[None])
            gap = float(np.abs(found - expected).max() / np.abs(expected).max())
            height, width = page.shape
            print(f"the finder's graph on {name}, {width} x {height} px: differs by at most {gap:.1e} of the largest")
            if not gap <= LARGEST:
                raise ExportError(f"the finder's graph differs from its weights by {gap:.1e} of the largest on {name}, not {LARGEST}")


def sheet(digits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A page with rows of digits, dark on light.

    Args:
        digits: of MNIST's, (rows, columns, 28, 28), bright on dark.
    """
    ink = np.vstack([np.hstack(list(row)) for row in digits])
    page = np.full([-(-side // SIDES_PX) * SIDES_PX for side in ink.shape], PAPER, dtype=np.uint8)
    page[: ink.shape[0], : ink.shape[1]] -= np.asarray(ink * (PAPER / 255), dtype=np.uint8)
    return page


if __name__ == "__main__":
    graph_command("export.finder_to_onnx", __doc__, finder_to_onnx, weights=WEIGHTS, graph=GRAPH)
