"""The net that finds numbers, in PyTorch: a page becomes a text map."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from digitkit.backends import blocks
from digitkit.backends.blocks import conv
from digitkit.backends.torch_place import choose_place
from digitkit.pictures.text_map import CHANNELS, PageRun

WIDTHS = (12, 20, 48, 80, 112)  # channels at a half, a quarter, an eighth, a sixteenth and a thirty-second of a page's sides
SQUARE_PX, SQUARES = 8, 5  # light and contrast are evened over so many squares of this side, along and across
QUIET = 4e-4  # added to the variance there, so that paper without ink stays quiet


class FinderNet(nn.Module):
    """Pages to text maps.

    An encoder halves the page five times; a decoder goes back up to a quarter and takes what the encoder saw at each size.

    Source: the shape is that of Lin et al., Feature pyramid networks (2017); that each cell tells the geometry of its text is the idea
    of Zhou et al., EAST: an efficient and accurate scene text detector (2017).
    """

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d, e = WIDTHS
        self.quartered = nn.Sequential(conv(2, a, stride=2), conv(a, b, stride=2))
        self.at_eighth = nn.Sequential(conv(b, c, stride=2), conv(c, c))
        self.at_sixteenth = nn.Sequential(conv(c, d, stride=2), conv(d, d))
        self.at_thirty_second = nn.Sequential(conv(d, e, stride=2), conv(e, e))
        self.narrow = nn.ModuleList([conv(e, d, side=1), conv(d, c, side=1), conv(c, b, side=1)])
        self.mix = nn.ModuleList([conv(d, d), conv(c, c), conv(b, b)])
        self.telling = nn.Conv2d(b, CHANNELS, 1)

    def forward(self, pages: Tensor) -> Tensor:
        """The text maps float32 (N, CHANNELS, H / 4, W / 4) of pages (N, H, W) uint8 of either polarity, H and W multiples of 32."""
        quarter = self.quartered(even(pages))
        eighth = self.at_eighth(quarter)
        sixteenth = self.at_sixteenth(eighth)
        x = self.at_thirty_second(sixteenth)
        for narrow, mix, seen in zip(self.narrow, self.mix, (sixteenth, eighth, quarter), strict=True):
            x = mix(functional.interpolate(narrow(x), scale_factor=2.0, mode="nearest") + seen)
        told: Tensor = self.telling(x)
        return told.float()


def even(pages: Tensor) -> Tensor:
    """Greys uint8 (N, H, W) from -1 to 1, and the same with even light and contrast: (N, 2, H, W)."""
    with torch.autocast(pages.device.type, enabled=False):  # as in blocks.evened
        x = pages.unsqueeze(1).float() / 255
        off = x - around(x)
        shown = torch.cat([2 * x - 1, off / (around(off * off) + QUIET).sqrt()], dim=1)
    return shown.contiguous(memory_format=torch.channels_last)


def around(x: Tensor) -> Tensor:
    """About the mean around each pixel: pages are too large for the exact one, which blocks.evened has of strips."""
    squares = functional.avg_pool2d(functional.avg_pool2d(x, SQUARE_PX), SQUARES, 1, SQUARES // 2, count_include_pad=False)
    return functional.interpolate(squares, scale_factor=float(SQUARE_PX), mode="bilinear", align_corners=False)


def load(path: Path, *, device: str = "auto", gpu_id: int | None = None, threads: int = 1) -> PageRun:
    """The weights at `path` as a PageRun; the arguments and errors are those of a reader's load."""
    return as_page_run(blocks.read(FinderNet(), path), choose_place(device, gpu_id, threads))


def as_page_run(net: FinderNet, device: torch.device) -> PageRun:
    """A PageRun that calls `net` on `device`."""
    served = blocks.folded(net).to(device).to(memory_format=torch.channels_last)

    def run(pages: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            found: NDArray[np.float32] = served(torch.from_numpy(pages).to(device)).cpu().numpy()
        return found

    return run
