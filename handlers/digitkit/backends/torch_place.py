"""Where PyTorch computes: on the GPU that TorchServe assigned, or on the CPU."""

import torch

from digitkit.contract import DeviceError


def choose_place(device: str, gpu_id: int | None, threads: int) -> torch.device:
    """The device that the settings ask for; on the CPU this process then computes with `threads` threads.

    Args:
        device: "auto" takes CUDA where TorchServe assigned a GPU; "cpu"; "cuda", which fails where there is none.
        gpu_id: the GPU that TorchServe assigned to this worker, None for none.
    Raises:
        DeviceError: the device that was asked for is not there.
    """
    if device == "tensorrt" or (device == "cuda" and not torch.cuda.is_available()):
        raise DeviceError(f"device is {device}, which PyTorch does not have here; use auto or cpu, or repair CUDA")
    if device == "cuda" or (device == "auto" and gpu_id is not None and torch.cuda.is_available()):
        return torch.device("cuda", gpu_id or 0)
    torch.set_num_threads(threads)
    return torch.device("cpu")
