"""The forms of the model on a GPU, each timed from host memory to host memory, for its compute alone, and for the copy alone.

Every way also runs on the CPU with `device="cpu"`, by which the tests check without a GPU that the answers are the same.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from digitkit.backends.sessions import CPU, CUDA, TENSORRT, build_session

# isort: split
# digitkit comes first: it switches off the telemetry that the import of ONNX Runtime starts.
import numpy as np
import torch
from numpy.typing import NDArray
from onnxruntime import InferenceSession, OrtValue, RunOptions

from bench.model_speed import BATCHES, speeds
from digitkit.contract import Run
from digitkit.readers.digits import net, ort
from digitkit.readers.digits.digit import LABELS, SIDE_PX, Backend
from digitkit.readers.digits.fold import Folded
from testbed.pictures import LabelledCanvases

Step = Callable[[], object]
PROVIDERS = {"cuda": {"CUDA": CUDA, "TensorRT": TENSORRT}, "cpu": {"CPU": CPU}}
ROUNDS = 50  # of compute alone and of the copy alone


@dataclass(frozen=True, slots=True)
class Way:
    """One way to run the model for batches of one size; its arrays on the device are made beforehand.

    Attributes:
        run: from canvases in host memory to logits in host memory.
        compute: the same for canvases that are already on the device; it returns when the logits are there. None if
            the compute cannot be timed without the copy.
    """

    run: Run
    compute: Step | None


Make = Callable[[int], Way]  # makes a way for a batch size


def measure(
    weights: Path, graphs: dict[str, Path], test: LabelledCanvases, *, device: str = "cuda"
) -> tuple[list[dict[str, Any]], list[str]]:
    """A row for each way and batch size, and a sentence for each way that does not run on this machine.

    Args:
        weights: digits.pt with its card.
        graphs: ONNX graphs by the name of their form.
    """
    if device == "cuda" and not torch.cuda.is_available():
        return [], ["nothing was measured on a GPU: PyTorch sees no CUDA device"]
    rows, missing = [], []
    expected = net.load(weights, device="cpu").run(test.pictures).argmax(axis=1)
    for name, make in makers(weights, graphs, device).items():
        try:
            rows += [{"model": name, "batch": batch} | _row(make(batch), test, expected, batch, device) for batch in BATCHES]
        except Exception as err:  # GPU libraries fail with errors of any class, and the other ways can still be measured
            missing.append(f"{name}: {type(err).__name__}: {str(err).strip().partition(chr(10))[0]}")
    return rows, missing


def makers(weights: Path, graphs: dict[str, Path], device: str) -> dict[str, Make]:
    """By name, the function that makes each way for a batch size."""
    trained = net.read(weights)
    eager = Folded(trained.members(), relu_last=True)
    last = Folded(trained.members(), relu_last=True).to(memory_format=torch.channels_last)
    half = Folded(trained.members(), torch.bfloat16, relu_last=True).to(memory_format=torch.channels_last)
    made: dict[str, Make] = {
        "PyTorch as served": partial(as_served, partial(net.load, weights, device=device)),
        "PyTorch eager": partial(by_torch, eager, device),
        "PyTorch channels_last": partial(by_torch, last, device),
        "PyTorch channels_last bfloat16": partial(by_torch, half, device),
        "PyTorch compiled": partial(compiled, last, device),
        "PyTorch compiled bfloat16": partial(compiled, half, device),
    }
    for form, path in graphs.items():
        made[f"{form} as served"] = partial(as_served, partial(ort.load, path, device=device))
        for name, provider in PROVIDERS[device].items():
            made[f"{form} on {name}"] = partial(by_onnx, cache(partial(build_session, path, provider, ort.ARRAYS)), provider, device)
        if device == "cuda":
            recording = cache(partial(build_session, path, CUDA, ort.ARRAYS, cuda_graph=True))
            made[f"{form} on CUDA with graphs"] = partial(by_onnx, recording, CUDA, device)
    return made


def as_served(load: Callable[[], Backend], batch: int) -> Way:
    return Way(load().run, None)


def compiled(model: Any, device: str, batch: int) -> Way:
    """PyTorch compiled for this batch size; on a GPU its calls are recorded and replayed."""
    torch.compiler.reset()  # after a few sizes and models it would silently run a function eagerly
    return by_torch(torch.compile(model, mode="reduce-overhead", dynamic=False), device, batch)


def by_torch(model: Any, device: str, batch: int) -> Way:
    """PyTorch, from page-locked memory."""
    model.to(device)
    locked = torch.empty((batch, SIDE_PX, SIDE_PX), dtype=torch.uint8, pin_memory=device == "cuda")
    given = torch.empty_like(locked, device=device)

    def run(canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            locked.copy_(torch.from_numpy(canvases))
            given.copy_(locked, non_blocking=True)
            logits: NDArray[np.float32] = model(given).cpu().numpy()
        return logits

    def compute() -> None:
        with torch.inference_mode():
            model(given)
        wait(device)

    return Way(run, compute)


def by_onnx(build: Callable[[], InferenceSession], wanted: str, device: str, batch: int) -> Way:
    """ONNX Runtime with its input and output bound to memory on the device, at addresses that CUDA graphs can record."""
    session = build()
    if (got := session.get_providers()[0]) != wanted:
        raise RuntimeError(f"{wanted} does not load, ONNX Runtime gave {got}")
    given = OrtValue.ortvalue_from_shape_and_type((batch, SIDE_PX, SIDE_PX), np.uint8, device, 0)
    logits = OrtValue.ortvalue_from_shape_and_type((batch, len(LABELS)), np.float32, device, 0)
    binding = session.io_binding()
    binding.bind_ortvalue_input(ort.INPUT, given)
    binding.bind_ortvalue_output(ort.LOGITS, logits)
    options = RunOptions()
    options.add_run_config_entry("gpu_graph_id", str(batch))  # a session keeps a CUDA graph for each name

    def run(canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
        given.update_inplace(canvases)
        session.run_with_iobinding(binding, options)  # returns when the logits are there
        return np.array(logits.numpy())

    return Way(run, lambda: session.run_with_iobinding(binding, options))


def wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def copy(batch: int, device: str) -> Step:
    """A function that copies a batch of canvases to the device and its logits back, using page-locked memory."""
    locked = torch.empty((batch, SIDE_PX, SIDE_PX), dtype=torch.uint8, pin_memory=device == "cuda")
    given = torch.empty_like(locked, device=device)
    logits = torch.empty((batch, len(LABELS)), device=device)

    def step() -> None:
        given.copy_(locked, non_blocking=True)
        logits.cpu()

    return step


def _row(way: Way, test: LabelledCanvases, expected: NDArray[np.int64], batch: int, device: str) -> dict[str, Any]:
    (speed,) = speeds({"": way.run}, test.pictures, batch).values()
    whole = [test.pictures[start : start + batch] for start in range(0, len(test) - batch + 1, batch)]
    read = np.concatenate([way.run(canvases).argmax(axis=1) for canvases in whole])
    row: dict[str, Any] = {"pictures_s": round(speed.pictures_s), "median_us": round(speed.median_us, 1), "p99_us": round(speed.p99_us, 1)}
    row |= {"compute_us": _median_us(way.compute) if way.compute else "", "copy_us": _median_us(copy(batch, device))}
    return row | {"other_answers": int(np.count_nonzero(read != expected[: len(read)]))}


def _median_us(step: Step) -> float:
    times = []
    for _ in range(ROUNDS):
        before = time.perf_counter()
        step()
        times.append(time.perf_counter() - before)
    return round(1e6 * float(np.median(times)), 1)
