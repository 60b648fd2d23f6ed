"""Export the weights as an ONNX graph: `python -m export.to_onnx`. It is only published if it answers as they do."""

import argparse
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import onnx
import torch
from torch import Tensor

from digitkit.artifacts.card import CardError, card_path, check_card, facts, write_card
from digitkit.contract import CONTRACT_VERSION
from digitkit.readers.digits import net, ort
from digitkit.readers.digits.digit import LABELS, SIDE_PX
from digitkit.readers.digits.fold import Folded
from digitkit.readers.digits.ort import INPUT, LOGITS
from export.errors import ExportError
from export.forms import ONNX, PYTORCH
from export.gates import check
from export.opset import IR_VERSION, trace
from export.publishing import publish
from export.quantise import quantise
from training.data import mnist

MODEL_STORE = Path("model_store")
WEIGHTS = Path("runs/quick/digits.pt")
GRAPH = "digits.onnx"
OUTPUTS = [LOGITS, "probabilities", "score"]
CALIBRATION = 1_000  # pictures of the validation split that int8 is calibrated on


class Served(Folded):
    """The folded net, with probabilities and digit scores as outputs beside the logits."""

    def forward(self, canvases: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # type: ignore[override]
        """For canvases (N, 28, 28) uint8: logits (N, 10), probabilities (N, 10), and the probability that each is a digit, (N,).

        The last two are digitkit.readers.digits.classify.softmax and digit_score of the logits.
        """
        logits = super().forward(canvases)
        return logits, logits.softmax(dim=1), logits.logsumexp(dim=1).sigmoid()


def to_onnx(weights: Path, graph: Path, *, data_root: Path, form: str = "float32", calibration: int = CALIBRATION) -> None:
    """Write an ONNX graph and its card.

    The graph takes canvases uint8 (N, 28, 28), N free, and gives logits and probabilities (N, 10) and the score (N,), float32.

    Args:
        weights: digits.pt with its card beside it.
        graph: where it is published.
        form: a name in ONNX.
        calibration: pictures of the validation split to calibrate int8 on.
    Raises:
        CardError: the weights do not match their card.
        ExportError: the form is unknown, the graph is not valid, or its answers are too far from those of the weights; then nothing is
            published.
    """
    if form not in ONNX:
        others = " and ".join(name for name in PYTORCH if name not in ONNX)
        raise ExportError(f"unknown form {form!r}; there are {', '.join(ONNX)}, and {others} for the PyTorch target")
    chosen = ONNX[form]
    card = check_card(weights)
    model = net.read(weights)
    with tempfile.TemporaryDirectory() as scratch:
        exported, staged = Path(scratch) / "exported.onnx", Path(scratch) / graph.name
        _export(Served(model.members(), chosen.dtype).eval(), exported)
        if chosen.quantised:
            quantise(exported, staged, mnist.load_train(data_root)[1].pictures[: max(0, calibration)])
        else:
            exported.replace(staged)
        _describe(staged, card_path(weights).read_text(), form)
        made_by = {name: version(name) for name in ("onnx", "onnxscript", "onnxruntime-gpu")}
        write_card(staged, **facts(card) | {"packages": card.packages | made_by})
        reference = net.as_run(model, torch.device("cpu"))
        check(f"{form} ONNX", ort.load(staged, device="cpu").run, reference, test=mnist.load_test(data_root), gate=chosen.gate)
        publish(staged, graph)


def _export(model: Served, path: Path) -> None:
    example = torch.zeros((2, SIDE_PX, SIDE_PX), dtype=torch.uint8)
    trace(model, example, path, takes=INPUT, gives=OUTPUTS, free={0: torch.export.Dim("N")})


def _describe(path: Path, card: str, form: str) -> None:
    """Put labels, contract, form and the weights' card into the graph's metadata, and check the graph."""
    graph = onnx.load(path)
    graph.ir_version = IR_VERSION
    labels = ",".join(map(str, LABELS))
    onnx.helper.set_model_props(graph, {"labels": labels, "contract": str(CONTRACT_VERSION), "form": form, "card": card})
    graph.graph.doc_string = "Ten digits from canvases: uint8 (N, 28, 28), ink 255 on paper 0, as MNIST's."
    try:
        onnx.checker.check_model(graph, full_check=True)
    except onnx.checker.ValidationError as err:
        raise ExportError(f"the graph is not valid: {err}") from err
    onnx.save(graph, path)


def main() -> None:
    parser = argparse.ArgumentParser(prog="export.to_onnx", description=__doc__)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--graph", type=Path, default=MODEL_STORE / GRAPH)
    parser.add_argument("--data-root", type=Path, default=mnist.DATA_ROOT)
    parser.add_argument("--form", default="float32", help=f"one of {', '.join(ONNX)}")
    parser.add_argument("--calibration", type=int, default=CALIBRATION, help="pictures to calibrate int8 on")
    flags = parser.parse_args()
    try:
        to_onnx(flags.weights, flags.graph, data_root=flags.data_root, form=flags.form, calibration=flags.calibration)
    except (CardError, ExportError, OSError, ValueError, mnist.DataError) as err:
        sys.exit(f"{parser.prog}: {err}")


if __name__ == "__main__":
    main()
