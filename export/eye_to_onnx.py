"""Export the eye as an ONNX graph: `python -m export.eye_to_onnx`. It is only published if it sees as its weights do."""

import tempfile
from pathlib import Path

import numpy as np
import torch

from digitkit.artifacts.card import check_card
from digitkit.backends import blocks, eye_net, eye_ort
from digitkit.backends.eye_net import EyeNet
from digitkit.backends.eye_ort import LOOKS
from digitkit.pictures.eye import INK, KINDS, Eye
from digitkit.pictures.look import LOOK_PX, look_at
from export.errors import ExportError
from export.graph_command import graph_command
from export.opset import write_graph
from export.publishing import publish
from training.data import mnist

WEIGHTS = Path("training/released/eye.pt")
GRAPH = Path("model_store/eye.onnx")
COMPARED = 512  # test pictures that both are shown, and as many looks of random greys
GREYS, SHARES = 2, 1e-3  # most that an ink and a probability may differ: 16 million sums are rounded in another order


def eye_to_onnx(weights: Path, graph: Path, *, data_root: Path) -> None:
    """Write the graph of an eye and its card: looks uint8 (N, 64, 64) to inks uint8 (N, 64, 64) and kinds float32 (N, 3), N free.

    Raises:
        CardError: the weights do not match their card.
        ExportError: the graph sees differently; then nothing is published.
    """
    card, net = check_card(weights), blocks.read(EyeNet(), weights)
    with tempfile.TemporaryDirectory() as scratch:
        staged = Path(scratch) / graph.name
        example = torch.zeros((2, LOOK_PX, LOOK_PX), dtype=torch.uint8)
        write_graph(eye_net.Seeing(net), example, staged, card, takes=LOOKS, gives=[INK, KINDS], free={0: torch.export.Dim("N")})
        check_alike(eye_ort.load(staged, device="cpu"), eye_net.as_eye(net, torch.device("cpu")), mnist.load_test(data_root))
        publish(staged, graph)


def check_alike(ours: Eye, reference: Eye, test: mnist.Split) -> None:
    """Raise ExportError where two eyes see test pictures or random greys differently."""
    random = np.random.default_rng(0).integers(0, 256, (COMPARED, LOOK_PX, LOOK_PX), dtype=np.uint8)
    for name, looks in (("test pictures", np.stack([look_at(picture) for picture in test.pictures[:COMPARED]])), ("random greys", random)):
        (ink, kinds), (expected_ink, expected_kinds) = ours(looks), reference(looks)
        greys, shares = int(np.abs(ink.astype(int) - expected_ink).max()), float(np.abs(kinds - expected_kinds).max())
        print(f"the eye's graph on {len(looks)} {name}: inks differ by at most {greys} of 255, probabilities by {shares:.1e}")
        if greys > GREYS or not shares <= SHARES:
            raise ExportError(
                f"the eye's graph differs from its weights by {greys} of 255 or {shares:.1e}; {GREYS} and {SHARES} are allowed"
            )


if __name__ == "__main__":
    graph_command("export.eye_to_onnx", __doc__, eye_to_onnx, weights=WEIGHTS, graph=GRAPH)
