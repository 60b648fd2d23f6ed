"""Disturbances of canvases while training: noise, dust, blur, faded ink, lines, hollow strokes, a tilt, a bright edge."""

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional

from digitkit.readers.digits.digit import SIDE_PX

AMOUNTS = 7  # random numbers from 0 to 1 that each way of disturbing is given for a picture
NOISE = 45.0  # grey levels, the largest standard deviation
DUST = 0.25  # the largest share of pixels of any grey level
FADE = (0.4, 110.0)  # the least gain, and the brightest paper in grey levels
COVER_PX = (2.0, 7.0)  # half the sides of a rectangle that covers a part, from and to
LINE_PX = (0.4, 1.2)  # half a line's width, from and to
CORNERS = 24  # corners of a line
LINE_STEP_PX = (2.0, 6.0)  # distance between two of its corners along the line, from and to
LINE_SWING_PX = 3.0  # the largest standard deviation of a corner's distance from the straight line
TILT_DEG = 30.0
EDGE_PX = (5.0, 14.0)  # the least and the largest distance of a bright part's edge from the middle


def disturb(canvases: Tensor, share: float, generator: Generator) -> Tensor:
    """Canvases uint8 (N, 28, 28), of which the first `share`, 0 to 1, are disturbed: equally many in each of WAYS."""
    count = round(share * len(canvases) / len(WAYS))
    if count == 0:
        return canvases
    spoilt = canvases.clone()
    for i, way in enumerate(WAYS):
        chosen = slice(i * count, (i + 1) * count)
        amount = torch.rand((AMOUNTS, count, 1, 1), generator=generator).to(canvases.device)
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


def _line(x: Tensor, amount: Tensor, generator: Generator) -> Tensor:
    """A line across in any direction, straight or with corners, as pens strike out and paper folds."""
    rows, columns = _grid(x)
    angle, count = torch.pi * amount[0], len(x)
    down, right = rows - SIDE_PX * amount[1], columns - SIDE_PX * amount[2]
    across, along = down * angle.cos() + right * angle.sin(), right * angle.cos() - down * angle.sin()
    step_px = LINE_STEP_PX[0] + (LINE_STEP_PX[1] - LINE_STEP_PX[0]) * amount[5]
    swings = torch.randn((count, CORNERS), generator=generator).to(x.device) * (LINE_SWING_PX * amount[6]).view(-1, 1)
    at = (along / step_px + CORNERS / 2).clamp(0, CORNERS - 1.001)
    before = at.long()
    start, end = (swings.gather(1, (before + i).flatten(1)).view_as(across) for i in (0, 1))
    off = (across - torch.lerp(start, end, at - before)).abs() / (1 + ((end - start) / step_px) ** 2).sqrt()
    width = LINE_PX[0] + (LINE_PX[1] - LINE_PX[0]) * amount[3]
    return torch.maximum(x, 255 * (1 - (off - width).clamp(0, 1)) * (0.3 + 0.7 * amount[4]))


def _hollow(x: Tensor, amount: Tensor, _: Generator) -> Tensor:
    """The strokes' outlines, inside or around them, as of outlined print or a marker that dried at its edges."""
    inner = (x + functional.max_pool2d(-x, 3, 1, 1) * (0.6 + 0.4 * amount[0])) * 1.2
    outer = (functional.max_pool2d(x, 3, 1, 1) - x) * (1 + 2 * amount[0])
    return torch.where(amount[1] < 0.4, inner, outer)


def _dust(x: Tensor, amount: Tensor, generator: Generator) -> Tensor:
    """Pixels of any grey level."""
    level, place = torch.rand((2, *x.shape), generator=generator).to(x.device)
    return torch.where(place < DUST * amount[0], 255 * level, x)


def _grain(x: Tensor, amount: Tensor, generator: Generator) -> Tensor:
    """Ink that takes unevenly, as on rough paper."""
    return x * torch.lerp(torch.ones_like(x), 2 * torch.rand(x.shape, generator=generator).to(x.device), amount[0])


def _tilt(x: Tensor, amount: Tensor, _: Generator) -> Tensor:
    angle = (2 * amount[0] - 1).view(-1) * math.radians(TILT_DEG)
    zero = torch.zeros_like(angle)
    maps = torch.stack([angle.cos(), -angle.sin(), zero, angle.sin(), angle.cos(), zero], dim=1).view(-1, 2, 3)
    grid = functional.affine_grid(maps, [len(x), 1, SIDE_PX, SIDE_PX], align_corners=False)
    return functional.grid_sample(x.unsqueeze(1), grid, align_corners=False).squeeze(1)


def _edge(x: Tensor, amount: Tensor, _: Generator) -> Tensor:
    """Inverted beyond a straight edge in any direction, as at a table's shaded row or the end of the page."""
    rows, columns = _grid(x)
    angle = 2 * torch.pi * amount[0]
    off = (rows - SIDE_PX / 2) * angle.sin() + (columns - SIDE_PX / 2) * angle.cos()
    return torch.where(off > EDGE_PX[0] + (EDGE_PX[1] - EDGE_PX[0]) * amount[1], 255 - x, x)


def _grid(x: Tensor) -> tuple[Tensor, Tensor]:
    steps = torch.arange(SIDE_PX, device=x.device, dtype=torch.float32)
    return steps.view(1, -1, 1), steps.view(1, 1, -1)


WAYS = (_noise, _blur, _fade, _cover, _line, _hollow, _dust, _grain, _tilt, _edge)
