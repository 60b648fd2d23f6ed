"""LoRA: a low-rank change is learned beside each frozen weight, and added to it when the weights are kept.

Source: Hu et al., LoRA: low-rank adaptation of large language models (2021), section 4.1; a convolution's weight counts as
the matrix of its output channels against everything that one of them sees.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from digitkit.readers.digits.net import DigitNet


class LowRank(nn.Module):
    """A weight and a change of it of at most rank `rank`, which is zero at first."""

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        outputs, inputs = weight.shape[0], weight[0].numel()
        rank = min(rank, outputs, inputs)
        self.down = nn.Parameter(torch.randn(rank, inputs) / inputs**0.5)
        self.up = nn.Parameter(torch.zeros(outputs, rank))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + (self.up @ self.down).view(weight.shape)


def add_lora(net: DigitNet, rank: int) -> None:
    """Freeze all of `net`, and give every convolution and linear layer a change of rank `rank` to learn."""
    net.requires_grad_(False)
    for layer in list(net.modules()):
        if isinstance(layer, nn.Conv2d | nn.Linear):
            parametrize.register_parametrization(layer, "weight", LowRank(layer.weight, rank))


def plain_state(net: nn.Module) -> dict[str, Tensor]:
    """The state dict of a DigitNet, copied to the CPU, every learned change added to its weight."""
    state = {name: value for name, value in net.state_dict().items() if ".parametrizations." not in name}
    for name, layer in net.named_modules():
        if parametrize.is_parametrized(layer, "weight"):
            state[f"{name}.weight"] = layer.weight
    return {name: value.detach().cpu().clone() for name, value in state.items()}
