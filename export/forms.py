"""The forms of the model: the number type of each, and how far its answers may be from those of the weights."""

from dataclasses import dataclass

import torch

from export.gates import Gate


@dataclass(frozen=True, slots=True)
class Form:
    """One form of the graph.

    Attributes:
        dtype: of the exported layers.
        quantised: whether those layers are then quantised to int8.
        gate: how far its answers may be from those of the weights if it is to be published.
    """

    dtype: torch.dtype
    quantised: bool
    gate: Gate


# The gates on logits: with the quick recipe 8e-7, 1e-3 and 0.4 of the largest logit were measured. int8's gate is wide, since
# canvases of random black and white leave the ranges that it was calibrated on; how it reads digits is guarded by lost_points.
ONNX = {
    "float32": Form(torch.float32, quantised=False, gate=Gate(lost_points=0.0, logits=1e-4)),
    "float16": Form(torch.float16, quantised=False, gate=Gate(lost_points=0.05, logits=1e-2)),
    "int8": Form(torch.float32, quantised=True, gate=Gate(lost_points=0.05, logits=0.6)),
}
# The gates of PyTorch's forms, named as in net.DTYPES; with the released weights 8e-7 and 1e-2 were measured.
PYTORCH = {
    "float32": Gate(lost_points=0.0, logits=1e-4),
    "bfloat16": Gate(lost_points=0.05, logits=3e-2),
}
