"""The forms of the model: what each is made of, and how far it may be from the weights."""

from dataclasses import dataclass

import torch

from export.gates import Gate


@dataclass(frozen=True, slots=True)
class Form:
    """One form of the graph.

    Attributes:
        dtype: of the exported layers.
        quantised: whether they become int8 then.
        gate: what it must hold to be published.
    """

    dtype: torch.dtype
    quantised: bool
    gate: Gate


# The gates on logits: measured were 8e-7, 1e-3 and 0.4 of the largest logit with the quick recipe. int8's is wide since canvases
# of random black and white leave the ranges that it was calibrated on; what it reads of digits is held by the points.
ONNX = {
    "float32": Form(torch.float32, quantised=False, gate=Gate(lost_points=0.0, logits=1e-4)),
    "float16": Form(torch.float16, quantised=False, gate=Gate(lost_points=0.05, logits=1e-2)),
    "int8": Form(torch.float32, quantised=True, gate=Gate(lost_points=0.05, logits=0.6)),
}
# PyTorch's, by net.DTYPES; measured were 8e-7 and 1e-2 with the released weights.
PYTORCH = {
    "float32": Gate(lost_points=0.0, logits=1e-4),
    "bfloat16": Gate(lost_points=0.05, logits=3e-2),
}
