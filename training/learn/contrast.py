"""Pre-training without labels: two deformed views of one canvas are to have alike features, and those of other canvases unlike ones.

Source: Chen et al., A simple framework for contrastive learning of visual representations, SimCLR (2020), sections 2.1 and 2.2. Views are
made by what a training deforms and disturbs its pictures with.
"""

import time
from typing import cast

import torch
from numpy import uint8
from numpy.typing import NDArray
from torch import Generator, Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from digitkit.readers.digits.net import DigitNet
from training.augment.deform import augment
from training.augment.disturb import disturb
from training.learn.device import choose_autocast, choose_device
from training.learn.optimize import make_optimizer, make_schedule
from training.recipe import Recipe, TrainingError

HIDDEN, PROJECTED = 256, 128  # the widths of the projection, which is thrown away after the training
SCHEDULES = ("one-cycle", "cosine")  # which move by steps
TEMPERATURE = 0.2  # of likeness: the lower, the more the few most alike canvases count


def contrast_loss(views: Tensor) -> Tensor:
    """How badly each of 2N unit vectors, the first N of which show what the last N show, is told from all but its other view.

    Returns:
        the mean cross-entropy in nats: 0 at best, log(2N - 1) where all vectors are alike.
    """
    count = len(views) // 2
    likeness = (views @ views.T / TEMPERATURE).masked_fill(torch.eye(2 * count, dtype=torch.bool, device=views.device), -torch.inf)
    other = torch.arange(2 * count, device=views.device).roll(count)
    return functional.cross_entropy(likeness, other)


def pretrain(recipe: Recipe, pictures: NDArray[uint8]) -> tuple[DigitNet, float]:
    """A net whose features tell pictures apart and whose head is as it began, and the last epoch's mean loss.

    Args:
        pictures: canvases, uint8 (N, 28, 28), N at least the recipe's batch size; a rest that fills no batch is left out of an epoch.
    Raises:
        TrainingError: too few pictures, another schedule, an ensemble, or a device that is not there.
        ValueError: an unknown architecture.
    """
    if len(pictures) < recipe.batch_size:
        raise TrainingError(f"there are {len(pictures)} pictures, and a batch has {recipe.batch_size}; make --batch-size smaller")
    if recipe.schedule not in SCHEDULES:
        raise TrainingError(f"schedule is {recipe.schedule}; pre-training takes {' or '.join(SCHEDULES)}")
    torch.manual_seed(recipe.seed)
    draw = Generator().manual_seed(recipe.seed)
    device = choose_device(recipe.device)
    is_bfloat16 = choose_autocast(recipe, device)
    net = DigitNet(recipe.architecture)
    *others, layers = net.members()
    if others:
        raise TrainingError(f"{net.architecture} is an ensemble, whose members have no features in common; pre-train each by itself")
    head, layers[-1] = cast(nn.Linear, layers[-1]), nn.Identity()  # until the end: what it takes are the features
    projection = nn.Sequential(
        nn.Linear(head.in_features, HIDDEN, bias=False), nn.BatchNorm1d(HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, PROJECTED)
    )
    model, canvases = nn.Sequential(net, projection).to(device), torch.from_numpy(pictures).to(device)
    steps = len(canvases) // recipe.batch_size
    optimizer = make_optimizer(recipe, net)
    optimizer.add_param_group({"params": list(projection.parameters())})
    schedule = make_schedule(recipe, optimizer, steps)
    mean = 0.0
    for epoch in range(1, recipe.epochs + 1):
        began, total = time.monotonic(), 0.0
        order = torch.randperm(len(canvases), generator=draw)[: steps * recipe.batch_size].split(recipe.batch_size)
        for chosen in tqdm(order, desc=f"epoch {epoch}", unit=" batches", leave=False, disable=None):
            views = torch.cat([view(canvases[chosen], recipe, draw) for _ in range(2)])
            with torch.autocast(device.type, torch.bfloat16, enabled=is_bfloat16):
                projected = model(views)
            loss = contrast_loss(functional.normalize(projected.float(), dim=1))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        mean = total / steps
        rate = 2 * steps * recipe.batch_size / (time.monotonic() - began)
        print(f"epoch {epoch:3d}/{recipe.epochs}  loss {mean:.4f}  {rate:,.0f} views/s", flush=True)
    layers[-1] = head
    return net.cpu().eval(), mean


def view(canvases: Tensor, recipe: Recipe, draw: Generator) -> Tensor:
    """The canvases, each deformed and disturbed in its own way."""
    return disturb(augment(canvases, recipe.augmentation, draw), recipe.disturbance, draw)
