"""Sessions of ONNX Runtime: the provider that was asked for, or a sentence; the same logits for any number of canvases."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import onnx
import onnxruntime
import pytest
from graphs import FACTS, WEIGHTS, canvases
from onnx import TensorProto, helper, numpy_helper

from digitkit.artifacts.card import CardError, write_card
from digitkit.contract import DeviceError
from digitkit.readers.digits import ort


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 200])
def test_any_number_of_canvases_gets_the_logits_of_each(count: int, graph: Path) -> None:
    logits = ort.load(graph, device="cpu").run(canvases(count))
    assert logits.shape == (count, 10)
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, canvases(count).reshape(count, 784) @ WEIGHTS, rtol=1e-4, atol=1e-4)


def test_auto_runs_on_the_cpu_where_torchserve_assigns_no_gpu(graph: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ort.load(graph, device="auto", gpu_id=None).place == "CPUExecutionProvider"
    assert capsys.readouterr().out == ""


class Recorder:
    """A stand-in for InferenceSession on a machine whose GPUs work, or for one that raises as without a driver."""

    asked: ClassVar[list[Any]] = []
    works = True

    def __init__(self, path: Path, options: Any, *, providers: list[Any], **rest: Any) -> None:
        self.asked.append(providers)
        self.given = [provider if isinstance(provider, str) else provider[0] for provider in providers]
        if self.given != ["CPUExecutionProvider"] and not self.works:
            raise RuntimeError("CUDA failure 35: CUDA driver version is insufficient")

    def get_providers(self) -> list[str]:
        return self.given

    def get_inputs(self) -> list[Any]:
        return [SimpleNamespace(name="canvases", type="tensor(uint8)", shape=["N", 28, 28])]

    def get_outputs(self) -> list[Any]:
        return [SimpleNamespace(name="logits", type="tensor(float)", shape=["N", 10])]


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> type[Recorder]:
    monkeypatch.setattr(Recorder, "asked", [])
    monkeypatch.setattr(onnxruntime, "InferenceSession", Recorder)
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None)
    return Recorder


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_a_worker_runs_on_the_gpu_that_torchserve_assigned_to_it(device: str, graph: Path, recorder: type[Recorder]) -> None:
    assert ort.load(graph, device=device, gpu_id=3).place == "CUDAExecutionProvider"
    (((name, options), fallback),) = recorder.asked
    assert (name, options["device_id"], fallback) == ("CUDAExecutionProvider", 3, "CPUExecutionProvider")


def test_tensorrt_comes_before_cuda_and_knows_every_batch_size(graph: Path, recorder: type[Recorder]) -> None:
    assert ort.load(graph, device="tensorrt", gpu_id=1).place == "TensorrtExecutionProvider"
    (((name, options), cuda, _),) = recorder.asked
    assert (name, options["device_id"], cuda[0]) == ("TensorrtExecutionProvider", 1, "CUDAExecutionProvider")
    assert options["trt_profile_min_shapes"] == "canvases:1x28x28"
    assert options["trt_profile_max_shapes"] == "canvases:1024x28x28"


@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_a_provider_that_does_not_load_fails_with_a_sentence(
    device: str, graph: Path, recorder: type[Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "works", False)
    with pytest.raises(DeviceError, match=f"device is {device}, but .* does not load, .*; repair it, or use auto or cpu"):
        ort.load(graph, device=device, gpu_id=0)


def test_auto_says_that_the_assigned_gpu_is_not_used(
    graph: Path, recorder: type[Recorder], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(recorder, "works", False)
    assert ort.load(graph, device="auto", gpu_id=0).place == "CPUExecutionProvider"
    assert "TorchServe assigned GPU 0, but CUDAExecutionProvider does not load" in capsys.readouterr().out


def test_the_real_runtime_refuses_cuda_where_there_is_none(graph: Path) -> None:
    if Path("/dev/nvidiactl").exists():
        pytest.skip("this machine has a GPU")
    with pytest.raises(DeviceError, match="device is cuda"):
        ort.load(graph, device="cuda")


def test_an_altered_graph_is_refused_and_so_is_one_that_never_was_one(graph: Path) -> None:
    graph.write_bytes(graph.read_bytes()[:-100])
    with pytest.raises(CardError, match="sha256 differs"):
        ort.load(graph)
    write_card(graph, **FACTS)
    with pytest.raises(ValueError, match="holds no graph that can be loaded"):
        ort.load(graph)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("input", r"it takes pixels tensor\(uint8\) \[28, 28\] and gives logits tensor\(float\) \[10\]"),
        ("output", "and gives no logits"),
        ("type", r"it takes canvases tensor\(float\)"),
        ("size", r"gives logits tensor\(float\) \[11\]"),
    ],
)
def test_a_graph_of_another_contract_is_refused_with_what_it_takes_and_gives(change: str, message: str, tmp_path: Path) -> None:
    given, got = ("pixels" if change == "input" else "canvases"), ("answers" if change == "output" else "logits")
    kind, size = (TensorProto.FLOAT if change == "type" else TensorProto.UINT8), (11 if change == "size" else 10)
    nodes = [
        helper.make_node("Cast", [given], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["floats"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], [got]),
    ]
    entry, output = (
        helper.make_tensor_value_info(given, kind, ["N", 28, 28]),
        helper.make_tensor_value_info(got, TensorProto.FLOAT, ["N", size]),
    )
    weights = numpy_helper.from_array(np.zeros((784, size), dtype=np.float32), "weights")
    path = tmp_path / "digits.onnx"
    content = helper.make_graph(nodes, "other", [entry], [output], [weights])
    onnx.save(helper.make_model(content, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)
    write_card(path, **FACTS)
    with pytest.raises(ValueError, match=f"is no graph of this contract: .*{message}.*; it must take canvases"):
        ort.load(path, device="cpu")
