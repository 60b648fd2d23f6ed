"""The device that a training computes on, and whether it multiplies in bfloat16."""

import torch

from training.recipe import Recipe, TrainingError


def choose_device(name: str) -> torch.device:
    """The device of that name; `auto` takes CUDA where there is one, else the CPU.

    Raises:
        TrainingError: the device is not available.
    """
    chosen = ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name
    try:
        device = torch.device(chosen)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as err:
        raise TrainingError(f"device {name!r} is not available here; use auto or cpu") from err
    return device


def choose_autocast(recipe: Recipe, device: torch.device) -> bool:
    """Whether to train in bfloat16: where it is asked for, or on `auto` where the hardware multiplies in it."""
    return multiplies_in_bfloat16(device) if recipe.precision == "auto" else recipe.precision == "bfloat16"


def multiplies_in_bfloat16(device: torch.device) -> bool:
    """Whether the hardware does."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
