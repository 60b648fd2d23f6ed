"""The versions of ONNX that our graphs are written in, and how a net is written in them."""

import warnings
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from digitkit.artifacts.card import Card, facts, write_card

# ONNX Runtime reads them from 1.14 on, of February 2023, as does any runtime that knows opset 18; the exporter writes no older one.
OPSET, IR_VERSION = 18, 8


def trace(net: nn.Module, example: Tensor, path: Path, *, takes: str, gives: Sequence[str], free: Mapping[int, Any]) -> None:
    """Write a net as a graph.

    Args:
        example: an input of the net.
        takes, gives: the names of its input and of its outputs.
        free: the sides of the input that have any size, each with its torch.export.Dim.
    """
    with warnings.catch_warnings(action="ignore"):  # torch's exporter warns about its own code
        torch.onnx.export(
            net, (example,), path, input_names=[takes], output_names=list(gives),
            dynamic_shapes=(dict(free),), opset_version=OPSET, dynamo=True, external_data=False, verbose=False,
        )  # fmt: skip


def write_graph(
    net: nn.Module, example: Tensor, path: Path, card: Card, *, takes: str, gives: Sequence[str], free: Mapping[int, Any]
) -> None:
    """Write a net as a graph, as `trace` does, and beside it the card of its weights with the packages that wrote it."""
    trace(net, example, path, takes=takes, gives=gives, free=free)
    made = onnx.load(path)
    made.ir_version = IR_VERSION
    onnx.save(made, path)
    made_by = {name: version(name) for name in ("onnx", "onnxscript", "onnxruntime-gpu")}
    write_card(path, **facts(card) | {"packages": card.packages | made_by})
