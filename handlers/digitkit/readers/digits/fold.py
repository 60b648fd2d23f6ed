"""The net as it is served: fewer layers that compute the same logits."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from digitkit.readers.digits.digit import MNIST_MEAN, MNIST_STD


class Folded(nn.Module):
    """A net in evaluation mode, its layers folded.

    Args:
        members: the layers of each member net, whose mean logits are the answer; they are copied, not changed.
        dtype: of the folded layers; the input is uint8 and the output float32 whatever it is.
        relu_last: whether a ReLU next to a pooling comes after it, see folded().
    """

    def __init__(self, members: Sequence[nn.Sequential], dtype: torch.dtype = torch.float32, *, relu_last: bool = False) -> None:
        super().__init__()
        self.members = nn.ModuleList(folded(layers, relu_last=relu_last) for layers in members).to(dtype)
        self.dtype = dtype

    def forward(self, canvases: Tensor) -> Tensor:
        """Logits (N, 10) float32 of canvases (N, 28, 28) uint8."""
        x = canvases.unsqueeze(1).to(self.dtype)  # (N, 1, 28, 28)
        logits = [member(x).float() for member in self.members]
        return logits[0] if len(logits) == 1 else torch.stack(logits).mean(dim=0)


def folded(layers: nn.Sequential, *, relu_last: bool) -> nn.Sequential:
    """Layers that compute from pixels of 0 to 255 what `layers` compute from normalised ones.

    Normalising and batch norm are merged into the convolution next to them. A batch norm or a ReLU behind a max pooling is first
    moved before it: the maximum of a non-decreasing function's values is its value at the maximum, so no logit changes; a batch
    norm is non-decreasing where none of its scales is negative. A runtime can then fuse ReLU with the convolution. PyTorch runs
    layer by layer, so for it a ReLU after the pooling takes a quarter of the time, with a quarter of the pixels (`relu_last`).
    """
    chain = [copy.deepcopy(layer).eval() for layer in layers if not isinstance(layer, nn.Dropout)]
    i = 1
    while i < len(chain):
        before, layer = chain[i - 1], chain[i]
        if isinstance(before, nn.MaxPool2d) and never_falls(layer) and not (relu_last and isinstance(layer, nn.ReLU)):
            chain[i - 1 : i + 1] = [layer, before]
            i = max(1, i - 1)
        elif isinstance(before, nn.Conv2d) and isinstance(layer, nn.BatchNorm2d):
            chain[i - 1 : i + 1] = [fuse_conv_bn_eval(before, layer)]
        else:
            i += 1
    return nn.Sequential(*absorb_normalising(chain))


def never_falls(layer: nn.Module) -> bool:
    """Whether a layer applies a non-decreasing function to each value on its own."""
    return isinstance(layer, nn.ReLU) or (isinstance(layer, nn.BatchNorm2d) and bool((layer.weight >= 0).all()))


def absorb_normalising(chain: list[nn.Module]) -> list[nn.Module]:
    """The chain for raw pixels: normalising is merged into its first convolution, or is a layer before it where that one pads."""
    first = chain[0]
    if not isinstance(first, nn.Conv2d) or any(first.padding):  # it pads with 0, grey among normalised pixels, paper among raw ones
        return [Normalise(), *chain]
    with torch.no_grad():
        bias = torch.zeros(first.out_channels) if first.bias is None else first.bias
        shift = first.weight.sum(dim=(1, 2, 3)) * (MNIST_MEAN / MNIST_STD)
        first.bias = nn.Parameter(bias - shift)
        first.weight.div_(255 * MNIST_STD)
    return chain


class Normalise(nn.Module):
    """Pixels from 0 to 255 with MNIST's mean 0 and standard deviation 1."""

    def forward(self, x: Tensor) -> Tensor:
        return x * (1 / (255 * MNIST_STD)) - MNIST_MEAN / MNIST_STD
