"""What spoils a canvas after its strokes are found: noise, blur, faded ink, something in front of it, lines, hollow strokes."""

import torch
from torch import Generator, Tensor
from torch.nn import functional

from digitkit.contract import SIDE_PX

NOISE = 45.0  # grey levels, the largest standard deviation
FADE = (0.4, 110.0)  # the least gain, and the brightest paper in grey levels
COVER_PX = (2.0, 7.0)  # half the sides of what covers a part
LINE_PX = (0.4, 1.2)  # half a line's width


def disturb(canvases: Tensor, share: float, generator: Generator) -> Tensor:
    """Canvases uint8 (N, 28, 28), the first of them disturbed in one of WAYS each, as many as make up `share`, 0 to 1."""
    count = round(share * len(canvases) / len(WAYS))
    if count == 0:
        return canvases
    spoilt = canvases.clone()
    for i, way in enumerate(WAYS):
        chosen = slice(i * count, (i + 1) * count)
        amount = torch.rand((6, count, 1, 1), generator=generator).to(canvases.device)
        spoilt[chosen] = way(canvases[chosen].float(), amount, generator).clamp_(0, 255).round_().to(torch.uint8)
    return spoilt


def _noise(x: Tensor, amount: Tensor, generator: Generator) -> Tensor:
    return x + torch.randn(x.shape, generator=generator).to(x.device) * NOISE * amount[0]


def _blur(x: Tensor, amount: Tensor, _: Generator) -> Tensor:
    once = functional.avg_pool2d(x, 3, 1, 1)
    return torch.lerp(once, functional.avg_pool2d(once, 3, 1, 1), amount[0])


def _fade(x: Tensor, amount: Tensor, _: Generator) -> Tensor:
    gain, paper = FADE[0] + (1 - FADE[0]) * amount[0], FADE[1] * amount[1]
    return paper + x * gain


def _cover(x: Tensor, amount: Tensor, _: Generator) -> Tensor:
    """A rectangle of one grey level, anywhere."""
    rows, columns = _grid(x)
    height, width = (COVER_PX[0] + (COVER_PX[1] - COVER_PX[0]) * a for a in amount[:2])
    is_covered = ((rows - SIDE_PX * amount[2]).abs() < height) & ((columns - SIDE_PX * amount[3]).abs() < width)
    return torch.where(is_covered, 255 * (amount[4] * 2 - 0.5), x)


def _line(x: Tensor, amount: Tensor, _: Generator) -> Tensor:
    """A straight line across, in any direction."""
    rows, columns = _grid(x)
    angle = torch.pi * amount[0]
    off = (rows - SIDE_PX * amount[1]) * angle.cos() + (columns - SIDE_PX * amount[2]) * angle.sin()
    width = LINE_PX[0] + (LINE_PX[1] - LINE_PX[0]) * amount[3]
    return torch.maximum(x, 255 * (1 - (off.abs() - width).clamp(0, 1)) * (0.3 + 0.7 * amount[4]))


def _hollow(x: Tensor, amount: Tensor, _: Generator) -> Tensor:
    """The strokes' outlines, as of outlined print or a marker that dried at its edges."""
    return (x + functional.max_pool2d(-x, 3, 1, 1) * (0.6 + 0.4 * amount[0])) * 1.2


def _grid(x: Tensor) -> tuple[Tensor, Tensor]:
    steps = torch.arange(SIDE_PX, device=x.device, dtype=torch.float32)
    return steps.view(1, -1, 1), steps.view(1, 1, -1)


WAYS = (_noise, _blur, _fade, _cover, _line, _hollow)
