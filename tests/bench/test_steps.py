"""What the steps of a request cost: each without the steps inside it, and all of them named."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from bench.steps import Steps


def test_a_step_costs_what_the_steps_inside_it_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0, 3_000, 5_000, 9_000])
    monkeypatch.setattr("time.thread_time_ns", lambda: next(clock))
    steps = Steps()
    inner = steps.timed("inner", lambda: "read")
    assert steps.timed("outer", inner)() == "read"
    assert steps.spent == {"outer": 3.0 + 4.0, "inner": 2.0}


@pytest.mark.server
def test_the_steps_of_an_archive_are_measured_in_batches_and_in_lists(store: Path, mnist_root: Path) -> None:
    command = [sys.executable, "-m", "bench.steps", "--archive", str(store / "digits_onnx.mar"), "--batches", "1"]
    done = subprocess.run([*command, "--data-root", str(mnist_root)], cwd=ROOT, capture_output=True, text=True, check=True, timeout=300)
    for named in ("the model", "answers are written", "batch of 64", "list of 1024"):
        assert named in done.stdout
