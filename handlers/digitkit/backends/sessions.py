"""Sessions of ONNX Runtime, for the arrays that a reader's graph takes and gives. Every session of the product is built here."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as state

from digitkit.contract import DeviceError, Run

CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"
WANTED = {"cpu": CPU, "cuda": CUDA, "tensorrt": TENSORRT}


class Free(NamedTuple):
    """A side that differs from call to call, its least, its usual and its greatest length, between which TensorRT builds an engine."""

    least: int
    usual: int
    most: int


Side: TypeAlias = int | Free


class Output(NamedTuple):
    """An output of a graph: its name, its shape for one picture, its type in ONNX Runtime's words."""

    name: str
    shape: tuple[Side, ...]
    type: str = "float"

    def __str__(self) -> str:
        return f"{self.name} tensor({self.type}) {shown(self.shape)}"


@dataclass(frozen=True, slots=True)
class Arrays:
    """What a graph takes and gives, N inputs at a time.

    Attributes:
        takes: the name of its one input, uint8 (N, *shape).
        shape: of what it takes of one picture.
        gives: the outputs that are read, in this order, each (N, *its shape).
        usual: the N that TensorRT optimises its engine for.
        most: the greatest N.
    """

    takes: str
    shape: tuple[Side, ...]
    gives: tuple[Output, ...]
    usual: int = 64
    most: int = 1024


def shown(shape: Sequence[Side | str | None]) -> str:
    """A shape as messages have it, a free side as ?; ONNX Runtime calls those by a name, or by none."""
    return f"[{', '.join(str(side) if isinstance(side, int) else '?' for side in shape)}]"


def open_session(path: Path, arrays: Arrays, *, device: str, gpu_id: int | None, threads: int) -> onnxruntime.InferenceSession:
    """A session of the graph at `path` on the execution provider that was chosen; it says so where it had to choose the CPU.

    Args:
        arrays: that the graph must have.
        device, gpu_id, threads: as a reader's load takes them.
    Raises:
        DeviceError: the provider that was asked for did not load.
        ValueError: the file is no graph, or takes or gives something else.
    """
    wanted = WANTED.get(device) or (CPU if gpu_id is None else CUDA)
    session = build_session(path, wanted, arrays, gpu=gpu_id or 0, threads=threads)
    _check_arrays(session, arrays, path)
    provider = session.get_providers()[0]
    if provider != wanted:
        failure = f"{wanted} does not load, ONNX Runtime's lines above say why"
        if device != "auto":
            raise DeviceError(f"device is {device}, but {failure}; repair it, or use auto or cpu")
        print(f"TorchServe assigned GPU {gpu_id}, but {failure}: running on {provider}", flush=True)
    return session


def as_run(session: onnxruntime.InferenceSession, arrays: Arrays) -> Run:
    """A Run that calls `session`, whose first output it gives."""
    name = arrays.gives[0].name

    def run(inputs: NDArray[np.uint8]) -> NDArray[np.float32]:
        (logits,) = session.run([name], {arrays.takes: inputs})
        return np.asarray(logits, dtype=np.float32)

    return run


def build_session(
    path: Path, wanted: str, arrays: Arrays, *, gpu: int = 0, threads: int = 1, cuda_graph: bool = False
) -> onnxruntime.InferenceSession:
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
            providers = _providers(wanted, gpu, arrays, cuda_graph)
            return onnxruntime.InferenceSession(path, options, providers=providers, enable_fallback=0)
    try:
        return onnxruntime.InferenceSession(path, options, providers=[CPU])
    except (state.Fail, state.InvalidGraph, state.InvalidProtobuf) as err:
        raise ValueError(f"{path} holds no graph that can be loaded: {err}") from err


def _check_arrays(session: onnxruntime.InferenceSession, arrays: Arrays, path: Path) -> None:
    """Raise ValueError unless a graph takes and gives what `arrays` says, N free."""
    takes = [f"{entry.name} {entry.type} {shown(entry.shape[1:])}" for entry in session.get_inputs()]
    gives = {output.name: f"{output.name} {output.type} {shown(output.shape[1:])}" for output in session.get_outputs()}
    found = [gives.get(output.name, f"no {output.name}") for output in arrays.gives]
    wanted = [f"{arrays.takes} tensor(uint8) {shown(arrays.shape)}"], [str(output) for output in arrays.gives]
    if (takes, found) != wanted:
        told = f"it takes {', '.join(takes)} and gives {', '.join(found)}"
        must = f"it must take {wanted[0][0]} and give {', '.join(wanted[1])}"
        raise ValueError(f"{path} is no graph of this contract: {told}, without N; {must}")


def _providers(wanted: str, gpu: int, arrays: Arrays, cuda_graph: bool) -> Sequence[str | tuple[str, dict[str, Any]]]:
    """The provider `wanted` on its GPU, followed by those that run the nodes for which it has no kernel."""
    # The default search tries every algorithm again for each new batch size, and a worker sees all from 1 to 64.
    cuda = (CUDA, {"device_id": gpu, "cudnn_conv_algo_search": "HEURISTIC", "arena_extend_strategy": "kSameAsRequested"})
    sides = [Free(1, arrays.usual, arrays.most), *(side if isinstance(side, Free) else Free(side, side, side) for side in arrays.shape)]
    sizes = zip(("min", "opt", "max"), zip(*sides, strict=True), strict=True)
    shapes = {key: f"{arrays.takes}:{'x'.join(map(str, size))}" for key, size in sizes}
    tensorrt = (TENSORRT, {"device_id": gpu} | {f"trt_profile_{key}_shapes": shape for key, shape in shapes.items()})
    if cuda_graph:
        cuda[1]["enable_cuda_graph"] = tensorrt[1]["trt_cuda_graph_enable"] = True
    return [cuda, CPU] if wanted == CUDA else [tensorrt, cuda, CPU]
