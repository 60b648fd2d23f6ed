"""The net as it is exported: fewer layers that compute the same, and final answers beside the logits."""

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from digitkit.net import MNIST_MEAN, MNIST_STD, DigitNet


class Served(nn.Module):
    """A net in evaluation mode that answers with logits, probabilities and score, its layers folded.

    Args:
        net: it stays as it is.
        dtype: of the layers; what goes in is uint8, what comes out is float32.
    """

    def __init__(self, net: DigitNet, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.members = nn.ModuleList(folded(layers) for layers in net.members()).to(dtype)
        self.dtype = dtype

    def forward(self, canvases: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of canvases (N, 28, 28) uint8: logits (N, 10), probabilities (N, 10), and how likely each is a digit, (N,).

        The last two are digitkit.classify.softmax and digit_score of the logits.
        """
        x = canvases.unsqueeze(1).to(self.dtype)  # (N, 1, 28, 28)
        answers = [member(x).float() for member in self.members]
        logits = answers[0] if len(answers) == 1 else torch.stack(answers).mean(dim=0)
        return logits, logits.softmax(dim=1), logits.logsumexp(dim=1).sigmoid()


def folded(layers: nn.Sequential) -> nn.Sequential:
    """Layers that take pixels from 0 to 255 and compute what `layers` compute of normalised ones.

    Normalising and batch norm go into the convolution beside them, batch norm through a pooling between them where none of its
    scales is negative: a maximum commutes with what never falls. So does ReLU, and before pooling a runtime makes it a part of
    the convolution.
    """
    chain = [copy.deepcopy(layer).eval() for layer in layers if not isinstance(layer, nn.Dropout)]
    i = 1
    while i < len(chain):
        before, layer = chain[i - 1], chain[i]
        if isinstance(before, nn.MaxPool2d) and never_falls(layer):
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
