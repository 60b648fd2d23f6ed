"""The archive of the reader of darkness, built as digits' are: a graph, its card, and the handlers with the reader's folder among them."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import yaml
from numpy.typing import NDArray
from onnx import TensorProto, helper

from digitkit.artifacts.card import write_card
from digitkit.artifacts.place import place
from digitkit.pictures.codec import encode_png
from export.packing import HANDLERS, pack

HERE = Path(__file__).parent
NAME = "darkness"
METRICS = Path("metrics.yaml")
BUDGETS = HERE / "budgets"
PAPER = 255  # a page of this shade is blank


def page(shade: int, side: int = 40) -> NDArray[np.uint8]:
    """A picture of one shade."""
    return np.full((side, side), shade, dtype=np.uint8)


def darkness(shade: int) -> float:
    """What the answer to such a picture says."""
    return round(1 - shade / PAPER, 4)


def write_graph(path: Path) -> None:
    """Write a graph that gives 1 minus the mean of pixels from 0 to 255, and its card."""
    nodes = [
        helper.make_node("Cast", ["pixels"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["numbers"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("Div", ["mean", "white"], ["lightness"]),
        helper.make_node("Sub", ["one", "lightness"], ["darkness"]),
    ]
    constants = [helper.make_tensor(name, TensorProto.FLOAT, [], [value]) for name, value in (("white", 255.0), ("one", 1.0))]
    takes = helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["N", 8, 8])
    gives = helper.make_tensor_value_info("darkness", TensorProto.FLOAT, ["N"])
    graph = helper.make_graph(nodes, NAME, [takes], [gives], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    write_card(
        path, version="1.0", recipe={}, data_sha256="", commit="", accuracy={}, temperature=1.0, parameters=0, packages={}, task=NAME
    )  # fmt: skip


def build(store: Path, scratch: Path) -> Path:
    """The archive in a model store; `scratch` is an empty folder."""
    handlers, work = scratch / "handlers", scratch / "work"
    shutil.copytree(HANDLERS, handlers)
    shutil.copytree(HERE / NAME, handlers / "digitkit" / "readers" / NAME)
    work.mkdir()
    write_graph(scratch / "darkness.onnx")
    place(pack(scratch / "darkness.onnx", NAME, work, handlers=handlers), store / f"{NAME}.mar")
    return store / f"{NAME}.mar"


def write_list(folder: Path) -> Path:
    """The list of models, beside the files that it names: its configuration, and a picture of every shade with its darkness."""
    shutil.copy(HANDLERS / "model-config.yaml", folder)
    for shade in range(PAPER):
        (folder / f"{shade}.png").write_bytes(encode_png(page(shade)))
    (folder / "shades.yaml").write_text(yaml.safe_dump({f"{shade}.png": {NAME: darkness(shade)} for shade in range(PAPER)}))
    return Path(shutil.copy(HERE / "models.toml", folder))


def write_metrics(path: Path) -> None:
    """Write what stands at /metrics where darkness is served: metrics.yaml, and what this reader counts beside it."""
    declared = yaml.safe_load(METRICS.read_text())
    for kind, metrics in yaml.safe_load((HERE / "metrics.yaml").read_text()).items():
        declared["model_metrics"][kind] += metrics
    path.write_text(yaml.safe_dump(declared))
