"""What a net costs to run."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from digitkit.readers.digits.digit import SIDE_PX
from digitkit.readers.digits.net import DigitNet


def multiply_adds(net: DigitNet) -> int:
    """The multiplications of convolutions and linear layers for one picture; each comes with an addition."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(torch.zeros((1, SIDE_PX, SIDE_PX), dtype=torch.uint8))
    return int(counter.get_total_flops()) // 2
