"""The worker's start-up hook: torch is loaded by whoever uses it first, and by nobody else."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import HANDLERS

from bench.worker import Worker, WorkerError, started
from digitkit.pictures.codec import encode_png
from training.data import mnist

USE = "import torch; print('imported'); print(torch.answer)"


def python(*arguments: str, path: list[Path]) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, path)), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_torch_loads_at_its_first_use(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("print('loaded')\nanswer = 42\n")
    assert python("-c", USE, path=[HANDLERS, tmp_path]).stdout.split() == ["imported", "loaded", "42"]
    assert python("-c", USE, path=[tmp_path]).stdout.split() == ["loaded", "imported", "42"]  # without the hook


def test_without_torch_only_its_use_fails() -> None:
    without_packages = f"import sitecustomize; {USE}"
    done = python("-S", "-c", without_packages, path=[HANDLERS])
    assert done.stdout.split() == ["imported"]
    assert done.stderr.splitlines()[-1] == "ModuleNotFoundError: No module named 'torch'"


def test_the_environments_own_hook_runs_too(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('hidden')")
    assert python("-c", "", path=[HANDLERS, tmp_path]).stdout.split() == ["hidden"]


@pytest.mark.server
@pytest.mark.parametrize(("model", "uses_torch"), [("digits", True), ("digits_onnx", False)])
def test_a_worker_loads_torch_only_if_its_model_needs_it(model: str, uses_torch: bool, store: Path, mnist_test: mnist.Split) -> None:
    with started(store / f"{model}.mar") as worker:
        bodies = worker.ask([encode_png(picture) for picture in mnist_test.pictures[:64]])
        assert len(bodies) == 64
        assert all(body.startswith(b'{"digit": ') for body in bodies)
        assert worker.has_loaded("libtorch") is uses_torch
        assert worker.has_loaded("onnxruntime_pybind") is not uses_torch
        if not uses_torch:
            assert worker.resident_mib() < 250


@pytest.mark.server
def test_a_worker_that_does_not_load_is_told_with_its_log(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "broken.mar", "w") as archive:
        archive.writestr("digit_handler.py", "raise RuntimeError('this handler is broken')")
    with pytest.raises(WorkerError, match="this handler is broken"), started(tmp_path / "broken.mar") as worker:
        assert isinstance(worker, Worker)
