"""A worker's start-up hook: TorchServe's `import torch` waits until something uses torch.

TorchServe puts the archive's root on PYTHONPATH, so Python imports this file before the worker's first line. TorchServe
imports torch only to recognise answers that are tensors (ts/protocol/otf_message_handler.py); ours are bytes. So a worker of
ONNX Runtime never needs it: without torch it is ready in 0.6 s and 110 MiB, with it in 3 s and 670 MiB, and torch need not be
installed at all. Nothing is patched and nothing feigned: whoever uses torch, in any version of TorchServe, loads it then.

It imports digitkit as well, which switches ONNX Runtime's telemetry off, before the environment's own hook or anything else in
the worker can import ONNX Runtime.
"""

import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

import digitkit as digitkit  # for what its import does


class Absent(Loader):
    """The loader of a module that is not installed."""

    def exec_module(self, module: ModuleType) -> None:
        raise ModuleNotFoundError(f"No module named {module.__name__!r}", name=module.__name__)


class FirstUse(MetaPathFinder):
    """Finds torch, once, as a module that loads when one of its attributes is first asked for."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname != "torch":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname) or ModuleSpec(fullname, Absent())
        if spec.loader is not None:
            spec.loader = importlib.util.LazyLoader(spec.loader)
        return spec


def run_hidden() -> None:
    """Run the environment's own sitecustomize, which this one hides."""
    here = Path(__file__).resolve().parent
    hidden = PathFinder.find_spec(__name__, [folder for folder in sys.path if Path(folder).resolve() != here])
    if hidden is not None and hidden.loader is not None:
        hidden.loader.exec_module(importlib.util.module_from_spec(hidden))


sys.meta_path.insert(0, FirstUse())
run_hidden()
