"""The eye in PyTorch: a small net that sees a look, finds the digit's ink in it, and says what else there is."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from digitkit.backends import blocks
from digitkit.backends.blocks import conv, evened
from digitkit.backends.torch_place import choose_place
from digitkit.pictures.eye import Eye
from digitkit.pictures.look import LOOK_PX

WIDTHS = (16, 32, 64, 128)  # channels at a half, a quarter, an eighth and a sixteenth of a look's sides
KINDS = 3  # no digit, one, several
DIGITS = 10


class EyeNet(nn.Module):
    """Looks to ink and to what is read in context.

    An encoder halves the look four times; the reading comes from its end, the ink from a decoder that goes back up and takes
    what the encoder saw at each size. 563,000 parameters, 22 million multiply-adds a look.

    Source: the shape is that of Ronneberger et al., U-Net (2015), its last step that of Shi et al., sub-pixel convolution (2016).
    """

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d = WIDTHS
        self.halved = conv(2, a, stride=2)  # (N, a, 32, 32)
        self.quartered = nn.Sequential(conv(a, b, stride=2), conv(b, b))  # (N, b, 16, 16)
        self.at_eighth = nn.Sequential(conv(b, c, stride=2), conv(c, c), conv(c, c))  # (N, c, 8, 8)
        self.at_sixteenth = nn.Sequential(conv(c, d, stride=2), conv(d, d), conv(d, d))  # (N, d, 4, 4)
        self.narrow = nn.ModuleList([conv(d, c, side=1), conv(c, b, side=1), conv(b, a, side=1)])
        self.mix = nn.ModuleList([conv(c, c), conv(b, b), conv(a, a)])
        self.ink = nn.Conv2d(a, 4, 3, padding=1)
        self.reading = nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(d * (LOOK_PX // 16) ** 2, DIGITS + KINDS))

    def forward(self, looks: Tensor) -> tuple[Tensor, Tensor]:
        """What is seen in looks (N, 64, 64) uint8, of either polarity and any contrast.

        Returns:
            logits of the ink, float32 (N, 64, 64), and of the reading, float32 (N, 13): of ten digits, then of no digit, one, several.
        """
        half = self.halved(evened(looks))
        quarter = self.quartered(half)
        eighth = self.at_eighth(quarter)
        x = deepest = self.at_sixteenth(eighth)
        for narrow, mix, seen in zip(self.narrow, self.mix, (eighth, quarter, half), strict=True):
            x = mix(functional.interpolate(narrow(x), scale_factor=2.0, mode="nearest") + seen)
        return functional.pixel_shuffle(self.ink(x), 2).squeeze(1).float(), self.reading(deepest).float()


class Seeing(nn.Module):
    """An eye as it is served, each batch norm folded into its convolution.

    Looks become inks uint8 (N, 64, 64) and the probabilities of no digit, one and several, float32 (N, 3).
    """

    def __init__(self, net: EyeNet) -> None:
        super().__init__()
        self.net = blocks.folded(net)

    def forward(self, looks: Tensor) -> tuple[Tensor, Tensor]:
        ink, reading = self.net(looks)
        return (255 * ink.sigmoid()).round().to(torch.uint8), reading[:, DIGITS:].softmax(dim=1)


def load(path: Path, *, device: str = "auto", gpu_id: int | None = None, threads: int = 1) -> Eye:
    """The weights at `path` as an Eye; the arguments and errors are those of a reader's load."""
    return as_eye(blocks.read(EyeNet(), path), choose_place(device, gpu_id, threads))


def as_eye(net: EyeNet, device: torch.device) -> Eye:
    """An Eye that calls `net`, in evaluation mode, on `device`."""
    seeing = Seeing(net).eval().to(device).to(memory_format=torch.channels_last)

    def eye(looks: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        with torch.inference_mode():
            ink, kinds = seeing(torch.from_numpy(looks).to(device))
        return ink.cpu().numpy(), kinds.cpu().numpy()

    return eye
