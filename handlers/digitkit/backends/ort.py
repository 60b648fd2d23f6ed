"""load(): an ONNX graph becomes a Backend on ONNX Runtime. Every session of the product is built here."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as state

from digitkit.artifacts.card import check_card
from digitkit.contract import LABELS, SIDE_PX, Backend, DeviceError, Run
from digitkit.readers.digits.classify import CHUNK, in_chunks
from digitkit.readers.digits.explain import occlusion

CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"
WANTED = {"cpu": CPU, "cuda": CUDA, "tensorrt": TENSORRT}
INPUT, LOGITS = "canvases", "logits"
# Canvases in one call on a CPU, few enough that their activations stay in its second-level cache. Over batches of 1 to 64 the
# quick net takes 40 us a canvas and its int8 form 21; with calls of 64 they take 44 and 25.
CPU_CHUNK = 16
GPU_BATCH = 64  # the batch size that TensorRT optimises its engine for


def load(path: Path, *, device: str = "auto", gpu_id: int | None = None, threads: int = 1) -> Backend:
    """The graph at `path` as a Backend, on the execution provider that was chosen.

    Args:
        path: digits.onnx with its card beside it.
        device: "auto" takes CUDA where TorchServe assigned a GPU and CUDA loads, else the CPU, and says so; "cpu"; "cuda" and
            "tensorrt", which fail where they do not load.
        gpu_id: the GPU that TorchServe assigned to this worker, None for none.
        threads: threads of one call on the CPU. One is right for a worker: TorchServe spreads batches over workers, and with two
            threads in each, fully used cores answered 125 requests/s instead of 606. More workers use more cores.
    Raises:
        CardError: the file does not match its card.
        DeviceError: the provider that was asked for did not load.
        ValueError: the file is no graph, or takes or gives something else than canvases and logits.
    """
    check_card(path)
    wanted = WANTED.get(device) or (CPU if gpu_id is None else CUDA)
    session = build_session(path, wanted, gpu=gpu_id or 0, threads=threads)
    _check_arrays(session, path)
    provider = session.get_providers()[0]
    if provider != wanted:
        failure = f"{wanted} does not load, ONNX Runtime's lines above say why"
        if device != "auto":
            raise DeviceError(f"device is {device}, but {failure}; repair it, or use auto or cpu")
        print(f"TorchServe assigned GPU {gpu_id}, but {failure}: running on {provider}", flush=True)
    run = in_chunks(as_run(session), CPU_CHUNK if provider == CPU else CHUNK)
    return Backend(run, occlusion(run), "occlusion", provider)


def as_run(session: onnxruntime.InferenceSession) -> Run:
    """A Run that calls `session`."""

    def run(canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
        (logits,) = session.run([LOGITS], {INPUT: canvases})
        return np.asarray(logits, dtype=np.float32)

    return run


def build_session(path: Path, wanted: str, *, gpu: int = 0, threads: int = 1, cuda_graph: bool = False) -> onnxruntime.InferenceSession:
    """A session on the provider `wanted`, or on the CPU where that does not load.

    No other setting of a session gained 5 % on a CPU with batches of 1 to 64; docs/experiments.md has the figures.

    Args:
        cuda_graph: whether calls are captured as a CUDA graph and replayed; they must then use bound arrays of one size.
    Raises:
        ValueError: the file is no graph.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1  # the graph has no branches
    if wanted != CPU:
        onnxruntime.preload_dlls()  # finds the CUDA libraries that torch's packages brought
        # Without its libraries a provider is skipped; without a driver it raises.
        with suppress(RuntimeError, state.EPFail, state.Fail, state.RuntimeException):
            providers = _providers(wanted, gpu, cuda_graph)
            return onnxruntime.InferenceSession(path, options, providers=providers, enable_fallback=0)
    try:
        return onnxruntime.InferenceSession(path, options, providers=[CPU])
    except (state.Fail, state.InvalidGraph, state.InvalidProtobuf) as err:
        raise ValueError(f"{path} holds no graph that can be loaded: {err}") from err


def _check_arrays(session: onnxruntime.InferenceSession, path: Path) -> None:
    """Raise ValueError unless a graph takes canvases uint8 (N, 28, 28), N free, and gives logits float32 (N, 10)."""
    takes = [f"{entry.name} {entry.type} {entry.shape[1:]}" for entry in session.get_inputs()]
    gives = [f"{output.name} {output.type} {output.shape[1:]}" for output in session.get_outputs() if output.name == LOGITS]
    wanted = [f"{INPUT} tensor(uint8) {[SIDE_PX, SIDE_PX]}"], [f"{LOGITS} tensor(float) {[len(LABELS)]}"]
    if (takes, gives) != wanted:
        found = f"it takes {', '.join(takes)} and gives {', '.join(gives) or f'no {LOGITS}'}"
        raise ValueError(f"{path} is no graph of this contract: {found}, without N; it must take {wanted[0][0]} and give {wanted[1][0]}")


def _providers(wanted: str, gpu: int, cuda_graph: bool) -> Sequence[str | tuple[str, dict[str, Any]]]:
    """The provider `wanted` on its GPU, followed by those that run the nodes for which it has no kernel."""
    # The default search tries every algorithm again for each new batch size, and a worker sees all from 1 to 64.
    cuda = (CUDA, {"device_id": gpu, "cudnn_conv_algo_search": "HEURISTIC", "arena_extend_strategy": "kSameAsRequested"})
    shapes = {key: f"{INPUT}:{size}x{SIDE_PX}x{SIDE_PX}" for key, size in (("min", 1), ("opt", GPU_BATCH), ("max", CHUNK))}
    tensorrt = (TENSORRT, {"device_id": gpu} | {f"trt_profile_{key}_shapes": shape for key, shape in shapes.items()})
    if cuda_graph:
        cuda[1]["enable_cuda_graph"] = tensorrt[1]["trt_cuda_graph_enable"] = True
    return [cuda, CPU] if wanted == CUDA else [tensorrt, cuda, CPU]
