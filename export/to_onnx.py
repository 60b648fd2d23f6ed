"""Export the weights as an ONNX graph: `python -m export.to_onnx`. It is published only if it agrees with PyTorch."""

import argparse
import sys
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
import torch

from digitkit import net, ort
from digitkit.card import CardError, card_path, check_card, facts, write_card
from digitkit.contract import CONTRACT_VERSION, LABELS, SIDE_PX, Run
from export.place import ExportError, publish
from training import data

MODEL_STORE = Path("model_store")
WEIGHTS = Path("runs/quick/digits.pt")
GRAPH = "digits.onnx"
OPSET = 18  # read by ONNX Runtime from 1.14 on
LOGIT_TOLERANCE = 1e-4


def to_onnx(weights: Path, graph: Path, *, data_root: Path) -> None:
    """Write `graph` and its card: canvases uint8 (N, 28, 28) in, logits float32 (N, 10) out, N free.

    Raises:
        CardError: the weights do not match their card.
        ExportError: the graph is not valid, or its answers are not those of PyTorch; nothing is published then.
    """
    card = check_card(weights)
    model = net.read(weights)
    with tempfile.TemporaryDirectory() as scratch:
        staged = Path(scratch) / graph.name
        _export(model, staged)
        _describe(staged, card_path(weights).read_text())
        made_by = {name: version(name) for name in ("onnx", "onnxscript", "onnxruntime-gpu")}
        write_card(staged, **facts(card) | {"packages": card.packages | made_by})
        _check_agreement(ort.load(staged, device="cpu").run, net.as_run(model, torch.device("cpu")), data.load_test(data_root))
        publish(staged, graph)


def _export(model: net.DigitNet, path: Path) -> None:
    example = torch.zeros((2, SIDE_PX, SIDE_PX), dtype=torch.uint8)
    with warnings.catch_warnings(action="ignore"):  # of torch's own exporter, about itself
        torch.onnx.export(
            model,
            (example,),
            path,
            input_names=["canvases"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("N")},),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )


def _describe(path: Path, card: str) -> None:
    """Put labels, contract and the weights' card into the graph's metadata, and check the graph."""
    graph = onnx.load(path)
    labels = ",".join(map(str, LABELS))
    onnx.helper.set_model_props(graph, {"labels": labels, "contract": str(CONTRACT_VERSION), "card": card})
    graph.graph.doc_string = "Ten digits from canvases: uint8 (N, 28, 28), ink 255 on paper 0, as MNIST's."
    try:
        onnx.checker.check_model(graph, full_check=True)
    except onnx.checker.ValidationError as err:
        raise ExportError(f"the graph is not valid: {err}") from err
    onnx.save(graph, path)


def _check_agreement(ours: Run, reference: Run, test: data.Split) -> None:
    """Every argmax the same on the 10,000 test digits, every logit within LOGIT_TOLERANCE."""
    batches = np.array_split(test.pictures, 10)
    got, expected = (np.concatenate([run(batch) for batch in batches]) for run in (ours, reference))
    differing = int(np.count_nonzero(got.argmax(axis=1) != expected.argmax(axis=1)))
    gap = float(np.abs(got - expected).max())
    print(f"ONNX against PyTorch on {len(got):,} test digits: {differing} answers differ, logits by at most {gap:.1e}")
    if differing or gap > LOGIT_TOLERANCE:
        raise ExportError(
            f"the graph differs from PyTorch in {differing} answers and by {gap:.1e} in the logits; {LOGIT_TOLERANCE:.0e} is allowed"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="export.to_onnx", description=__doc__)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--graph", type=Path, default=MODEL_STORE / GRAPH)
    parser.add_argument("--data-root", type=Path, default=data.DATA_ROOT)
    flags = parser.parse_args()
    try:
        to_onnx(flags.weights, flags.graph, data_root=flags.data_root)
    except (CardError, ExportError, OSError, ValueError, data.DataError) as err:
        sys.exit(f"{parser.prog}: {err}")


if __name__ == "__main__":
    main()
