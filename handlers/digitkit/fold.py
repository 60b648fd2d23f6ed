"""The net as it is served: fewer layers that compute the same logits."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from digitkit.contract import MNIST_MEAN, MNIST_STD


class Folded(nn.Module):
    """A net in evaluation mode, its layers folded.

    Args:
        members: the layers whose logits the answer is the mean of; they stay as they are.
        dtype: of the folded layers; what goes in is uint8, what comes out is float32.
        relu_last: whether ReLU comes behind a pooling beside it, see folded().
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
    """Layers that take pixels from 0 to 255 and compute what `layers` compute of normalised ones.

    Normalising and batch norm go into the convolution beside them, batch norm through a pooling between them where none of its
    scales is negative: a maximum commutes with what never falls. So does ReLU. Before pooling a runtime makes it a part of the
    convolution; PyTorch, which runs layer by layer, spends a quarter on it behind pooling (`relu_last`).
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
    """Whether a layer works on each value alone, and a larger one never comes out smaller."""
    return isinstance(layer, nn.ReLU) or (isinstance(layer, nn.BatchNorm2d) and bool((layer.weight >= 0).all()))


def absorb_normalising(chain: list[nn.Module]) -> list[nn.Module]:
    """The chain for raw pixels: its first convolution normalises them, or where it pads, a layer before it."""
    first = chain[0]
    if not isinstance(first, nn.Conv2d) or any(first.padding):  # padding is 0 after normalising: grey, not paper
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
