"""load(): an ONNX graph becomes a Backend on ONNX Runtime."""

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from digitkit.card import check_card
from digitkit.contract import Backend
from digitkit.explain import occlusion

CUDA = "CUDAExecutionProvider"


class ProviderError(Exception):
    """The provider that was asked for did not load."""


def load(path: Path, *, device: str = "auto", gpu_id: int | None = None) -> Backend:
    """The graph at `path` as a Backend, on the provider that it got.

    Args:
        path: digits.onnx with its card beside it.
        device: "auto" takes CUDA where TorchServe assigned a GPU; "cpu"; "cuda", which fails where CUDA does not load.
        gpu_id: the GPU that TorchServe assigned to this worker, None for none.
    Raises:
        CardError: the file does not match its card.
        ProviderError: CUDA was asked for and did not load.
    """
    check_card(path)
    wants_cuda = device == "cuda" or (device == "auto" and gpu_id is not None)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # one compute thread a worker: more of them fight over the same cores
    options.inter_op_num_threads = 1
    if wants_cuda:
        onnxruntime.preload_dlls()  # finds the CUDA libraries that torch's packages brought
    chosen = [(CUDA, {"device_id": gpu_id or 0})] if wants_cuda else []
    session = onnxruntime.InferenceSession(path, options, providers=[*chosen, "CPUExecutionProvider"])
    provider = session.get_providers()[0]
    if wants_cuda and provider != CUDA and device == "cuda":
        raise ProviderError(f"device is cuda, but the session runs on {provider}; use auto or cpu, or mend CUDA")

    def run(canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
        (logits,) = session.run(None, {"canvases": canvases})
        return np.asarray(logits, dtype=np.float32)

    return Backend(run, occlusion(run), "occlusion", provider)
