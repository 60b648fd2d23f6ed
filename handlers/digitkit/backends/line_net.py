"""The net that reads lines, in PyTorch: a strip of a picture becomes the characters of its frames, and where the line is in it."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from digitkit.backends import blocks
from digitkit.backends.blocks import conv, evened
from digitkit.backends.torch_place import choose_place
from digitkit.pictures.line import ALPHABET, FRAME_PX, LineRun

WIDTHS = (24, 48, 96, 128, 160)
COLUMN_PX = 4  # of a strip, for each column of the last layers
REACH = 5  # columns that a step along the line takes together
HEADS = 5  # ways in which a column asks the others of its line
WIDER = 4  # times as many numbers as a column has, between the two layers that think over what it heard
FOUND = len(ALPHABET) + 1 + 2  # numbers that are given for a frame


class LineNet(nn.Module):
    """Strips to the characters and the extents of their frames.

    Convolutions halve the height until one row is left, and the width twice; steps along the row follow, after which a column has seen 131
    pixels of the strip. Then each column hears all others of its line, of the same hand or print, and gives two frames, so that between
    two equal digits, however narrow, there is room for a blank. 1,570,354 parameters, 163 million multiply-adds for a strip of 200 px.

    Source: the shape is that of Shi et al., An end-to-end trainable neural network for image-based sequence recognition (2015), with
    convolutions and attention along the line in place of the recurrent layers.
    """

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d, e = WIDTHS
        self.rows = nn.Sequential(
            conv(2, a, stride=2),  # (N, a, 16, W / 2)
            conv(a, b, stride=(2, 1)), Residual(conv(b, b)), Residual(conv(b, b)),  # (N, b, 8, W / 2)
            conv(b, c, stride=2), Residual(conv(c, c)), Residual(conv(c, c)),  # (N, c, 4, W / 4)
            conv(c, d, stride=(2, 1)), Residual(conv(d, d)),  # (N, d, 2, W / 4)
        )  # fmt: skip
        self.row = nn.Sequential(nn.Conv2d(d, e, (2, 1), bias=False), nn.BatchNorm2d(e), nn.ReLU(inplace=True))  # (N, e, 1, W / 4)
        self.along = nn.Sequential(Residual(step(e, 1)), Residual(step(e, 3)), Residual(step(e, 1)))
        self.context = nn.Sequential(Context(e), Context(e))
        self.dropout = nn.Dropout(0.1)
        self.reading = nn.Conv2d(e, COLUMN_PX // FRAME_PX * FOUND, 1)

    def forward(self, strips: Tensor) -> tuple[Tensor, Tensor]:
        """What is read in strips (N, 32, W) uint8, of either polarity and any contrast, W a multiple of 4.

        Returns:
            logits float32 (N, W / 2, 18) and extents float32 (N, W / 2, 2), as digitkit.pictures.line.LineRun has them.
        """
        row = self.along(self.row(self.rows(evened(strips))))
        row = self.context(row.squeeze(2).transpose(1, 2)).transpose(1, 2).unsqueeze(2)
        columns = self.reading(self.dropout(row)).squeeze(2).transpose(1, 2).float()
        found = columns.unflatten(2, (-1, FOUND)).flatten(1, 2)
        return found[..., :-2], found[..., -2:] + 0.5


class Residual(nn.Module):
    """What a block makes of its input, added to it."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.block(x)
        return y


class Context(nn.Module):
    """What each column makes of all columns of its line, added to it; at first it makes nothing of them.

    Each of the heads counts a column the less the further it is, by as much as it learns.
    Source: Vaswani et al., Attention is all you need (2017); the distance is weighed as by Press et al., Train short, test long (2022).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.asking, self.thinking = nn.LayerNorm(width), nn.LayerNorm(width)
        self.asked, self.heard = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, WIDER * width), nn.Linear(WIDER * width, width)
        self.farness = nn.Parameter(0.5 * torch.linspace(0, 1, HEADS) ** 2)
        for last in (self.heard, self.narrow):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, row: Tensor) -> Tensor:
        """Columns (N, T, width) to as many."""
        asks, keys, values = (
            self.asked(self.asking(row)).unflatten(2, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        )  # (N, HEADS, T, width / HEADS)
        at = torch.arange(row.shape[1], device=row.device)
        far = self.farness[:, None, None] * (at.unsqueeze(1) - at).abs()
        shares = (asks @ keys.transpose(2, 3) * keys.shape[3] ** -0.5 - far).softmax(dim=3)
        row = row + self.heard((shares @ values).transpose(1, 2).flatten(2))
        y: Tensor = row + self.narrow(functional.gelu(self.wide(self.thinking(row))))
        return y


def step(width: int, apart: int) -> nn.Sequential:
    """A convolution along the row over REACH frames that stand `apart` frames from each other."""
    pad = (0, apart * (REACH // 2))
    return nn.Sequential(
        nn.Conv2d(width, width, (1, REACH), padding=pad, dilation=(1, apart), bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
    )


def load(path: Path, *, device: str = "auto", gpu_id: int | None = None, threads: int = 1) -> LineRun:
    """The weights at `path` as a LineRun; the arguments and errors are those of a reader's load."""
    return as_line_run(blocks.read(LineNet(), path), choose_place(device, gpu_id, threads))


def as_line_run(net: LineNet, device: torch.device) -> LineRun:
    """A LineRun that calls `net` on `device`."""
    served = blocks.folded(net).to(device).to(memory_format=torch.channels_last)

    def run(strips: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        with torch.inference_mode():
            logits, extents = served(torch.from_numpy(strips).to(device))
        return logits.cpu().numpy(), extents.cpu().numpy()

    return run
