"""Calibration: fit the temperature that makes the confidences on validation true, and put it into the last layer's weights."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from digitkit.readers.digits.net import DigitNet


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature that minimises the negative log-likelihood of logits (N, 10) and labels (N,).

    Source: Guo et al., On calibration of modern neural networks (2017), section 4.2.
    """
    log_temperature = nn.Parameter(torch.zeros(()))
    optimizer = torch.optim.LBFGS([log_temperature], max_iter=50, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = functional.cross_entropy(logits / log_temperature.exp(), labels)
        loss.backward()
        return loss

    optimizer.step(closure)
    return float(log_temperature.exp().item())


def divide_logits(net: DigitNet, temperature: float) -> None:
    """Make the net's logits smaller by `temperature`, by scaling its last layer, or each member's, in place."""
    for layers in net.members():
        last = layers[-1]
        assert isinstance(last, nn.Linear)
        with torch.no_grad():
            last.weight.div_(temperature)
            last.bias.div_(temperature)
