"""A recipe's optimiser and its schedule of learning rates."""

from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Optimizer, lr_scheduler

from digitkit.readers.digits.net import DigitNet
from training.learn.transfer import parameter_groups
from training.recipe import Recipe


def make_optimizer(recipe: Recipe, net: DigitNet) -> Optimizer:
    """The recipe's optimiser of the net's parameters, by the groups that training.learn.transfer makes of them."""
    options: dict[str, Any] = {"lr": recipe.learning_rate, "weight_decay": recipe.weight_decay}
    makers: dict[str, Callable[..., Optimizer]] = {
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
        "adagrad": torch.optim.Adagrad,
        "sgd": lambda parameters, **kw: torch.optim.SGD(parameters, momentum=recipe.momentum, nesterov=True, **kw),
    }
    return makers[recipe.optimizer](parameter_groups(recipe, net), **options)


def make_schedule(recipe: Recipe, optimizer: Optimizer, steps_per_epoch: int) -> Any:
    """The schedule: one-cycle and cosine move every step, the others every epoch."""
    steps = recipe.epochs * steps_per_epoch
    peaks = [group["lr"] for group in optimizer.param_groups]
    match recipe.schedule:
        case "one-cycle":
            return lr_scheduler.OneCycleLR(optimizer, max_lr=peaks, total_steps=steps, pct_start=0.2)
        case "cosine":
            return lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
        case "plateau":
            return lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.3, patience=2)
        case "step":
            return lr_scheduler.StepLR(optimizer, step_size=max(1, recipe.epochs // 3), gamma=0.1)
        case "constant":
            return lr_scheduler.ConstantLR(optimizer, factor=1.0)
