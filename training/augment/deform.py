"""Random deformations of whole batches of canvases, each picture with its own.

torchvision's transforms draw one deformation for a whole batch; drawing one a picture in a Python loop would take longer
than the training step. So the affine map and the elastic field of every picture go into one grid_sample.
"""

import math
from functools import cache

import torch
from torch import Generator, Tensor
from torch.nn import functional

from digitkit.readers.digits.digit import SIDE_PX

PIXEL = 2 / SIDE_PX  # one pixel in grid_sample's coordinates
ROTATION_DEG = 10.0
SCALE = 0.12  # sides are scaled by 1 - SCALE to 1 + SCALE, each on its own
SHEAR = 0.2
SHIFT_PX = 2.0
STROKE = 0.6  # largest change of a stroke's edge; 1 would take it to the value of the pixel beside it
ELASTIC_PX = 1.2  # standard deviation of the smooth displacement
ELASTIC_NODES = 5  # nodes a side of the coarse grid that the displacement is drawn on


def augment(canvases: Tensor, strength: float, generator: Generator) -> Tensor:
    """Deformed copies of canvases, uint8 (N, 28, 28) in and out; strength 0 returns them as they are.

    Source of the recipe: affine and elastic distortions, Simard et al. 2003, drawn uniformly within the bounds above.
    """
    if strength == 0:
        return canvases
    device, count = canvases.device, len(canvases)
    coefficients = torch.cat([_affine(count, strength, generator), _elastic(count, strength, generator)], dim=1)
    grid = (_basis() @ coefficients).view(count, SIDE_PX, SIDE_PX, 2).to(device)
    deformed = functional.grid_sample(canvases.unsqueeze(1).float(), grid, align_corners=False)
    _restroke(deformed, torch.rand(count, generator=generator).to(device) * strength)
    return deformed.squeeze(1).round_().to(torch.uint8)


@cache
def _basis() -> Tensor:
    """(784, 3 + 25): each pixel's x, y and 1, and its weights in bicubic interpolation between the elastic nodes.

    One product with the coefficients of _affine and _elastic gives every picture's sampling grid.
    """
    steps = (torch.arange(SIDE_PX) + 0.5) * PIXEL - 1
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    nodes = torch.eye(ELASTIC_NODES**2).view(1, -1, ELASTIC_NODES, ELASTIC_NODES)
    weights = functional.interpolate(nodes, size=(SIDE_PX, SIDE_PX), mode="bicubic", align_corners=True)
    return torch.cat([x.reshape(-1, 1), y.reshape(-1, 1), torch.ones(SIDE_PX**2, 1), weights.view(-1, SIDE_PX**2).T], dim=1)


def _affine(count: int, strength: float, generator: Generator) -> Tensor:
    """Random maps (N, 3, 2) from the deformed canvas to the original, in grid_sample's -1..1."""
    turn, shear, scale_x, scale_y, shift_x, shift_y = _uniform((6, count), generator) * strength
    angle, lean = turn * math.radians(ROTATION_DEG), SHEAR * shear
    across, down = 1 + SCALE * scale_x, 1 + SCALE * scale_y
    cos, sin = angle.cos(), angle.sin()
    to_x = torch.stack([cos * across, (lean * cos - sin) * down, SHIFT_PX * PIXEL * shift_x], dim=1)
    to_y = torch.stack([sin * across, (lean * sin + cos) * down, SHIFT_PX * PIXEL * shift_y], dim=1)
    return torch.stack([to_x, to_y], dim=2)


def _elastic(count: int, strength: float, generator: Generator) -> Tensor:
    """Random displacements of the nodes, (N, 25, 2), in grid_sample's -1..1."""
    return torch.randn((count, ELASTIC_NODES**2, 2), generator=generator) * (strength * ELASTIC_PX * PIXEL)


def _restroke(canvases: Tensor, amount: Tensor) -> None:
    """Widen the strokes of one in four canvases, (N, 1, 28, 28), and thin those of another one in four, in place.

    An amount (N,) of 1 takes a stroke's edge STROKE of the way to the next pixel's value.
    """
    by = (amount * STROKE).view(-1, 1, 1, 1)
    wider, thinner = canvases[0::4], canvases[1::4]
    wider += by[0::4] * (functional.max_pool2d(wider, 3, 1, 1) - wider)
    thinner += by[1::4] * (-functional.max_pool2d(-thinner, 3, 1, 1) - thinner)


def _uniform(shape: tuple[int, ...], generator: Generator) -> Tensor:
    return torch.rand(shape, generator=generator) * 2 - 1
