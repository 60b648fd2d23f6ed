"""The command that exports a net as an ONNX graph: from which weights, to which file, and a sentence where it cannot."""

import argparse
import sys
from pathlib import Path
from typing import Protocol

from digitkit.artifacts.card import CardError
from export.errors import ExportError
from training.data import mnist


class Export(Protocol):
    """Writes the graph of some weights and its card; `data_root` is where MNIST is, whose pictures both are compared on."""

    def __call__(self, weights: Path, graph: Path, /, *, data_root: Path) -> None: ...


def graph_command(prog: str, doc: str | None, export: Export, *, weights: Path, graph: Path) -> None:
    """Export as the command line says, from `weights` to `graph` where it says nothing."""
    parser = argparse.ArgumentParser(prog=prog, description=doc)
    parser.add_argument("--weights", type=Path, default=weights)
    parser.add_argument("--graph", type=Path, default=graph)
    parser.add_argument("--data-root", type=Path, default=mnist.DATA_ROOT)
    flags = parser.parse_args()
    try:
        export(flags.weights, flags.graph, data_root=flags.data_root)
    except (CardError, ExportError, OSError, ValueError, mnist.DataError) as err:
        sys.exit(f"{parser.prog}: {err}")
