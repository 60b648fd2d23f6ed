"""What make is told of imports: all that Python really imports, and what make then builds anew when a file changes."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from deploy.imports import find, needs

TRAINING, REPORT, LOAD = "training.train", "training.evaluate.report", "loadtest.run"
GRAPH, EYE_GRAPH, ARCHIVE = "export.to_onnx", "export.eye_to_onnx", "export.to_mar"
MODULES = (
    "training.train",
    "training.evaluate.report",
    "export.to_onnx",
    "export.to_torch",
    "export.to_mar",
    "export.eye_to_onnx",
    "export.line_to_onnx",
    "export.finder_to_onnx",
    "loadtest.run",
)
# What others made is imported once, since it takes seconds; ours anew for each module, in a process of its own. That one leaves without
# what is done at exit: ONNX Runtime would there wait for a thread that the fork has not copied, for ever.
IMPORTED = """
import importlib, os, sys
import onnx, onnxruntime, torch, torchmetrics, torchvision
for module in sys.argv[1:]:
    if os.fork() == 0:
        importlib.import_module(module)
        for each in list(sys.modules.values()):
            print(module, getattr(each, "__file__", None), sep=":")
        sys.stdout.flush()
        os._exit(0)
    assert os.wait()[1] == 0, module
"""
OUTPUTS = (
    "runs/quick/digits.pt", "model_store/.from-runs-quick-digits.pt", "model_store/digits.onnx", "model_store/eye.onnx",
    "model_store/numbers.onnx", "model_store/finder.onnx",
    "model_store/digits.mar", "model_store/digits_onnx.mar", "model_store/numbers.mar", "model_store/numbers_onnx.mar",
    "reports/quick/report.html", "reports/loadtest/kept",
)  # fmt: skip


@pytest.fixture(scope="module")
def imported() -> list[tuple[str, Path]]:
    """The files of ours that Python imports for each of MODULES."""
    done = subprocess.run([sys.executable, "-c", IMPORTED, *MODULES], cwd=ROOT, capture_output=True, text=True, check=True, timeout=600)
    pairs = [(module, Path(file)) for module, _, file in (line.partition(":") for line in done.stdout.splitlines())]
    return [(module, file) for module, file in pairs if file.is_relative_to(ROOT) and ".venv" not in file.parts]


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_the_list_holds_every_file_that_python_imports(module: str, imported: list[tuple[str, Path]]) -> None:
    ours = {file for of, file in imported if of == module}
    assert len(ours) > 10
    assert ours <= set(needs(module))


def test_a_module_comes_first_and_each_file_once_in_a_stable_order() -> None:
    files = needs("training.train")
    assert files[0] == ROOT / "training" / "train.py"
    assert len(set(files)) == len(files)
    assert files[1:] == [file for file in needs("training.train") if file != files[0]]


def test_no_training_waits_for_torchvision_which_takes_longer_to_import_than_torch() -> None:
    for file in needs("training.train"):
        at_once = ast.parse(file.read_text()).body if file.suffix == ".py" else []
        named = {node.module or "" for node in at_once if isinstance(node, ast.ImportFrom)}
        named |= {alias.name for node in at_once if isinstance(node, ast.Import) for alias in node.names}
        assert "torchvision" not in {name.partition(".")[0] for name in named}, file


def test_another_name_is_no_module_of_ours() -> None:
    assert find("numpy") is None
    with pytest.raises(ModuleNotFoundError, match="letters is not a module of this project"):
        needs("letters")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources with empty outputs that are newer, as after make run: make looks at nothing but times."""
    copy = tmp_path_factory.mktemp("checkout")
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    tracked = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, tracked):
        if (ROOT / name).is_file() and not name.startswith(("docs/", "tests/")):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
            os.utime(copy / name, (1, 1))
    for time, name in enumerate((".venv/installed", *OUTPUTS), start=2):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).touch()
        os.utime(copy / name, (time, time))
    return copy


def built(checkout: Path, *touched: str, latency: str = "") -> set[str]:
    """The commands that build something in `make run` after files were touched, with LATENCY as it is told."""
    flags = [f"--what-if={name}" for name in touched]
    # The file of the load test is named as well, since make run asks for it in a make of its own.
    command = ["make", "--dry-run", *flags, "run", "reports/loadtest/kept", "WEIGHTS=runs/quick/digits.pt", f"LATENCY={latency}"]
    plan = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True, timeout=120).stdout
    return {name for name in (TRAINING, GRAPH, EYE_GRAPH, ARCHIVE, REPORT, LOAD) if f"-m {name} " in plan}


def test_a_second_run_builds_nothing_and_neither_do_pages_and_tests(checkout: Path) -> None:
    assert built(checkout) == set()
    assert built(checkout, "README.md", "docs/api.md", "tests/conftest.py", "requirements-serve.txt") == set()


@pytest.mark.parametrize("file", ["deploy/smoke.py", "deploy/monitoring/probe.py", "bench/servers.py", "chaos/run.py", "models.toml"])
def test_what_starts_watches_and_measures_servers_changes_no_weights_and_no_archive(file: str, checkout: Path) -> None:
    assert built(checkout, file) == set()


@pytest.mark.parametrize(
    "file",
    [
        "handlers/digitkit/serving/metrics.py",
        "handlers/digitkit/serving/frames.py",
        "handlers/digit_handler.py",
        "handlers/model-config.yaml",
    ],
)
def test_what_only_serves_is_packed_anew_and_trains_nothing(file: str, checkout: Path) -> None:
    assert built(checkout, file) == {ARCHIVE, LOAD}


@pytest.mark.parametrize("file", ["training/learn/loop.py", "handlers/digitkit/readers/digits/canvas.py", "training/recipe.py"])
def test_what_makes_pictures_or_weights_trains_anew_and_all_that_follows(file: str, checkout: Path) -> None:
    assert built(checkout, file) == {TRAINING, GRAPH, ARCHIVE, REPORT, LOAD}


@pytest.mark.parametrize("file", ["handlers/digitkit/backends/eye_net.py", "handlers/digitkit/pictures/eye.py"])
def test_what_the_eye_is_made_of_makes_its_graph_and_the_archives_anew(file: str, checkout: Path) -> None:
    assert built(checkout, file) >= {EYE_GRAPH, ARCHIVE, LOAD}


def test_another_eye_is_exported_packed_and_measured_and_trains_nothing(checkout: Path) -> None:
    assert built(checkout, "training/released/eye.pt") == {EYE_GRAPH, ARCHIVE, REPORT, LOAD}


def test_a_report_and_a_budget_are_made_and_measured_alone(checkout: Path) -> None:
    assert built(checkout, "training/evaluate/report.html.jinja") == {REPORT}
    assert built(checkout, "loadtest/budgets/steady/digits.yaml") == {LOAD}
    assert built(checkout, "export/quantise.py") == {GRAPH, ARCHIVE, LOAD}


def test_archives_are_packed_anew_whenever_latency_is_switched_on_or_off(checkout: Path) -> None:
    assert built(checkout, latency="on") == {ARCHIVE, LOAD}
    packed = checkout / "model_store" / ".latency-on"
    packed.touch()
    try:
        os.utime(packed, (3, 3))
        assert built(checkout, latency="on") == set()
        assert built(checkout) == {ARCHIVE, LOAD}
    finally:
        packed.unlink()
