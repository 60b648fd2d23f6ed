"""A worker's start-up hook: it checks the archive's signature, and TorchServe's `import torch` waits until something uses torch.

TorchServe puts the archive's root on PYTHONPATH, so Python imports this file before the worker's first line. Where DIGITS_PUBLIC_KEY names
a key, nothing of the archive is imported but this file and seal.py before all its files are known to be as they were signed; if one is
not, the worker loads no model and answers every request with 503: docs/signing.md.

TorchServe imports torch only to recognise answers that are tensors (ts/protocol/otf_message_handler.py); ours are bytes. So a worker of
ONNX Runtime never needs it: without torch it is ready in 0.6 s and 110 MiB, with it in 3 s and 670 MiB, and torch need not be
installed at all. Nothing is patched and nothing feigned: whoever uses torch, in any version of TorchServe, loads it then.

It imports digitkit as well, which switches ONNX Runtime's telemetry off, before the environment's own hook or anything else in
the worker can import ONNX Runtime.
"""

import os
import sys

# A file of the archive's may have the name of any module of Python's, whose place it would take: until the archive is checked, nothing is
# looked for there. Of os and sys alone Python has loaded its own by now.
ARCHIVE = os.path.realpath(os.path.dirname(__file__))
PATH = [*sys.path]
sys.path[:] = [folder for folder in PATH if os.path.realpath(folder) != ARCHIVE]

import importlib.util
import json
import logging
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any


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


class Unsigned(MetaPathFinder, Loader):
    """Stands in the place of TorchServe's loader of models, and loads one that refuses every request at once.

    A worker that ended would be started anew for minutes, each time in vain. All code that then runs is TorchServe's, and this file's.
    """

    def __init__(self, cause: str) -> None:
        self._cause = cause

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname == "ts.model_loader" else None

    def exec_module(self, module: ModuleType) -> None:
        module.ModelLoaderFactory = self  # type: ignore[attr-defined]

    def get_model_loader(self) -> "Unsigned":
        return self

    def load(self, name: str, folder: str, *others: Any) -> Any:
        """TorchServe's service of a model that is none; the last of `others` are its metrics."""
        logging.error("%s IS NOT SERVED, each of its requests is answered 503: SealError: %s", name, self._cause)
        service = importlib.import_module("ts.service").Service
        return service(name, folder, None, self.refuse, None, 1, True, others[-1])

    def refuse(self, rows: Sequence[Any], context: Any) -> list[bytes]:
        """A refusal for each request, and for TorchServe the description of what there is not."""
        sentence = f"the model {context.model_name} is not served: its archive is not as it was signed, the server's log says more"
        refusal = json.dumps({"code": 503, "type": "NotLoaded", "message": sentence, "error": sentence}).encode()
        answers = []
        for i in range(len(rows)):
            context.set_response_content_type(i, "application/json")
            is_describe = context.get_request_header(i, "describe") == "True"
            context.set_response_status(code=200 if is_describe else 503, idx=i)
            answers.append(json.dumps({"loaded": False, "cause": "SealError"}).encode() if is_describe else refusal)
        return answers


def broken_seal(public_key: str) -> str:
    """Why the archive is not to be served; "" if it is as it was signed by the key in a file."""
    sys.dont_write_bytecode = True  # in the archive it would be files that nobody signed
    spec = importlib.util.spec_from_file_location("seal", Path(ARCHIVE, "digitkit", "artifacts", "seal.py"))
    assert spec is not None and spec.loader is not None
    seal = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(seal)
    try:
        seal.check_folder(Path(ARCHIVE), Path(public_key))
    except seal.SealError as err:
        return str(err)
    return ""


def run_hidden() -> None:
    """Run the environment's own sitecustomize, which this one hides."""
    here = Path(__file__).resolve().parent
    hidden = PathFinder.find_spec(__name__, [folder for folder in sys.path if Path(folder).resolve() != here])
    if hidden is not None and hidden.loader is not None:
        hidden.loader.exec_module(importlib.util.module_from_spec(hidden))


sys.meta_path.insert(0, FirstUse())
if cause := broken_seal(os.environ["DIGITS_PUBLIC_KEY"]) if os.environ.get("DIGITS_PUBLIC_KEY") else "":
    sys.meta_path.insert(0, Unsigned(cause))
else:
    sys.path[:] = PATH
    importlib.import_module("digitkit")
run_hidden()
