"""The net in the form that TorchServe's base handler loads: it calls the only class of this file without arguments."""

from pathlib import Path

from torch import Tensor

from digitkit.readers.digits.net import DigitNet


class StockNet(DigitNet):
    """The layers of the served net; the handler scales the pictures."""

    def __init__(self) -> None:
        super().__init__(Path(__file__).with_name("architecture.txt").read_text())

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, 10) of scaled pictures (N, 1, 28, 28)."""
        logits: Tensor = self.layers(x)
        return logits
