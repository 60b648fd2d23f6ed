"""Who imports whom, and the shape of the archive's root."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import HANDLERS, ROOT

OURS = {"digit_handler", "training", "export", "deploy", "loadtest", "bench", "tests"}
HEAVY = {"torch", "torchvision", "onnxruntime", "ts"}
FOREIGN = {"numpy", "PIL", "cv2", "yaml"}  # what digitkit may import, beside one heavy library in three of its files
ALLOWED = {"net.py": FOREIGN | {"torch"}, "fold.py": FOREIGN | {"torch"}, "ort.py": FOREIGN | {"onnxruntime"}}
SHADOWED = {"utils", "metrics", "context", "service", "protocol", "version"}  # TorchServe's modules come first in a worker
MAX_LINES = 300


def imported_after(statement: str) -> set[str]:
    """The top-level modules in memory after a statement, in a new Python that runs in the archive's root."""
    script = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], cwd=HANDLERS, capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


def imports_of(path: Path) -> Iterator[str]:
    """The top-level modules that a file names in its imports, wherever they stand in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." if node.level else (node.module or "").partition(".")[0]


def test_pipeline_needs_neither_torch_nor_onnxruntime_nor_anything_else_of_ours() -> None:
    names = {path.stem for path in (HANDLERS / "digitkit").glob("*.py")} - {"net", "fold", "ort", "__init__"}
    assert {"canvas", "card", "classify", "picture", "wire"} <= names
    modules = imported_after("from digitkit import " + ", ".join(sorted(names)))
    assert modules & (HEAVY | OURS) == set()


def test_onnx_backend_needs_no_torch() -> None:
    modules = imported_after("import digitkit.ort")
    assert "onnxruntime" in modules
    assert modules & ((HEAVY | OURS) - {"onnxruntime"}) == set()


def test_handler_alone_loads_no_backend() -> None:
    modules = imported_after("import digit_handler")
    assert modules & ((HEAVY | OURS) - {"digit_handler"}) == set()


@pytest.mark.parametrize("path", sorted((HANDLERS / "digitkit").glob("*.py")), ids=lambda path: path.name)
def test_file_of_digitkit_imports_only_what_it_may(path: Path) -> None:
    allowed = {"digitkit"} | set(sys.stdlib_module_names) | ALLOWED.get(path.name, FOREIGN)
    assert set(imports_of(path)) - allowed == set()


def test_no_module_of_the_archives_root_is_named_as_one_of_torchserves() -> None:
    names = {path.stem for path in HANDLERS.iterdir()}
    assert {"digit_handler", "digitkit"} <= names
    assert names & SHADOWED == set()


def test_archives_root_is_no_package() -> None:
    assert not (HANDLERS / "__init__.py").exists()
    assert (HANDLERS / "digitkit" / "__init__.py").exists()


def test_handler_file_holds_one_class() -> None:
    classes = [node.name for node in ast.parse((HANDLERS / "digit_handler.py").read_text()).body if isinstance(node, ast.ClassDef)]
    assert classes == ["DigitHandler"]  # TorchServe accepts no second one


@pytest.mark.parametrize("room", ["handlers", "training", "export", "deploy", "loadtest", "bench", "chaos"])
def test_no_file_is_longer_than_can_be_read_in_one_sitting(room: str) -> None:
    files = list((ROOT / room).rglob("*.py"))
    assert files
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in files}
    assert {name: lines for name, lines in lengths.items() if lines > MAX_LINES} == {}
