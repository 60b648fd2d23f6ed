"""The bench on a GPU, held to the same answers on the CPU, where all of it but CUDA itself runs too."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from graphs import WEIGHTS, canvases
from nets import drawn, written
from numpy.typing import NDArray

from bench import gpu
from digitkit.backends.sessions import CPU, CUDA, build_session
from digitkit.readers.digits import ort
from digitkit.readers.digits.fold import Folded
from training.data import mnist


@pytest.mark.parametrize("batch", [1, 8])
def test_pytorch_from_memory_made_beforehand_gives_the_same_logits(batch: int) -> None:
    model = Folded(drawn("lean").members(), relu_last=True)
    way = gpu.by_torch(model, "cpu", batch)
    for seed in (batch, batch + 1):  # a second call must not see the first one's canvases
        given = canvases(100 + seed)[:batch]
        with torch.inference_mode():
            np.testing.assert_allclose(way.run(given), model(torch.from_numpy(given)).numpy(), atol=1e-5)
    assert way.compute is not None
    way.compute()


@pytest.mark.slow
def test_compiled_pytorch_gives_the_same_logits_at_every_batch_size() -> None:
    if shutil.which("g++") is None:
        pytest.skip("no compiler here")
    model = Folded(drawn("lean-4-8-16").members(), relu_last=True)
    for batch in (1, 8):
        given = canvases(100)[:batch]
        got = gpu.compiled(model, "cpu", batch).run(given)
        with torch.inference_mode():
            np.testing.assert_allclose(got, model(torch.from_numpy(given)).numpy(), atol=1e-5)


@pytest.mark.parametrize("batch", [1, 8])
def test_onnx_runtime_with_bound_arrays_gives_the_same_logits(batch: int, graph: Path) -> None:
    way = gpu.by_onnx(partial(build_session, graph, CPU, ort.ARRAYS), CPU, "cpu", batch)
    before = way.run(canvases(100)[:batch])
    given = canvases(101)[:batch]
    np.testing.assert_allclose(way.run(given), given.reshape(batch, 784) @ WEIGHTS, rtol=1e-4, atol=1e-4)
    expected = canvases(100)[:batch].reshape(batch, 784) @ WEIGHTS
    np.testing.assert_allclose(before, expected, rtol=1e-4, atol=1e-4)  # an answer stays when the next one is computed


def test_a_provider_that_was_not_given_is_no_way(graph: Path) -> None:
    with pytest.raises(RuntimeError, match="CUDAExecutionProvider does not load, ONNX Runtime gave CPUExecutionProvider"):
        gpu.by_onnx(partial(build_session, graph, CPU, ort.ARRAYS), CUDA, "cpu", 1)


def test_a_way_that_fails_is_told_in_a_sentence_and_the_others_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = written(drawn("lean-4-8-16"), tmp_path / "digits.pt")
    test = mnist.Split(canvases(40), np.zeros(40, dtype=np.int64))

    def broken(batch: int) -> gpu.Way:
        raise RuntimeError("no kernel image is available\nfor this device")

    def backwards(batch: int) -> gpu.Way:
        right: Callable[[NDArray[np.uint8]], NDArray[np.float32]] = gpu.by_torch(drawn("lean-4-8-16"), "cpu", batch).run
        return gpu.Way(lambda given: -right(given), None)

    ours = partial(gpu.by_torch, drawn("lean-4-8-16"), "cpu")
    monkeypatch.setattr(gpu, "BATCHES", (1, 8))
    monkeypatch.setattr(gpu, "makers", lambda *given: {"broken": broken, "ours": ours, "backwards": backwards})
    rows, missing = gpu.measure(weights, {}, test, device="cpu")
    assert missing == ["broken: RuntimeError: no kernel image is available"]
    assert [(row["model"], row["batch"], row["other_answers"]) for row in rows] == [
        ("ours", 1, 0), ("ours", 8, 0), ("backwards", 1, 40), ("backwards", 8, 40),
    ]  # fmt: skip
    assert all(row["compute_us"] > 0 for row in rows[:2])
    assert [row["compute_us"] for row in rows[2:]] == ["", ""]


def test_every_way_is_named_and_none_is_built_before_its_turn(tmp_path: Path) -> None:
    names = set(gpu.makers(written(drawn("lean"), tmp_path / "digits.pt"), {"ONNX float32": tmp_path / "missing.onnx"}, "cuda"))
    assert {"PyTorch compiled bfloat16", "ONNX float32 on TensorRT", "ONNX float32 on CUDA with graphs"} <= names


def test_without_a_gpu_the_bench_says_so(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    rows, missing = gpu.measure(tmp_path, {}, mnist.Split(canvases(1), np.zeros(1)))
    assert (rows, missing) == ([], ["nothing was measured on a GPU: PyTorch sees no CUDA device"])
