"""The graph of a linear classifier of canvases, whose logits NumPy computes as well."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from digitkit.artifacts.card import write_card

WEIGHTS = np.random.default_rng(0).normal(size=(784, 10)).astype(np.float32) / 255
FACTS: dict[str, Any] = {
    "version": "1.0", "recipe": {}, "data_sha256": "", "commit": "", "accuracy": {}, "temperature": 1.0, "parameters": 7840, "packages": {},
}  # fmt: skip


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """The graph of a linear classifier, with its card."""
    nodes = [
        helper.make_node("Cast", ["canvases"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["floats"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
    ]
    canvases = helper.make_tensor_value_info("canvases", TensorProto.UINT8, ["N", 28, 28])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 10])
    content = helper.make_graph(nodes, "linear", [canvases], [logits], [numpy_helper.from_array(WEIGHTS, "weights")])
    path = tmp_path / "digits.onnx"
    onnx.save(helper.make_model(content, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)
    write_card(path, **FACTS)
    return path


def canvases(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(count).integers(0, 256, (count, 28, 28), dtype=np.uint8)
