"""Consistency: a net learns from pictures without labels what it reads in them itself, where it is sure.

Each is shown twice. Hardly deformed it is read by the averaged net, and where that is sure, its answer is the label under which the
same picture, strongly deformed and disturbed, goes into the batch. What it is not sure of is left out, so what is easy is learned first.
Source: Sohn et al., FixMatch (2020), section 2.1; the averaged net as the one that reads: Tarvainen and Valpola, Mean teachers (2017).
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn
from torch.nn import functional

from training.augment.deform import augment
from training.augment.disturb import disturb
from training.learn.distill import with_no_digit
from training.recipe import Recipe, TrainingError

WEAK = 0.25  # share of the recipe's deformations in the picture that is read


class Unlabelled:
    """Pictures without labels, on the device of the training.

    Args:
        canvases: uint8 (N, 28, 28).
    Raises:
        TrainingError: there are none, or the recipe averages no weights.
    """

    def __init__(self, recipe: Recipe, canvases: NDArray[np.uint8], device: torch.device) -> None:
        if not len(canvases):
            raise TrainingError("there are no pictures without a label to learn from; set --unlabelled 0")
        if not recipe.ema:
            raise TrainingError("pictures without labels are read by the averaged net; give --ema, as 0.99")
        self.recipe, self.canvases = recipe, torch.from_numpy(canvases).to(device)

    def labelled_by(self, net: nn.Module, draw: Generator) -> tuple[Tensor, Tensor]:
        """Canvases of a batch, strongly deformed and disturbed, and the labels that `net` is sure of; the unsure are left out.

        The eleventh class, no digit, is never among the labels: what looks like nothing is what the net has yet to learn.
        """
        count = round(self.recipe.unlabelled * self.recipe.batch_size)
        chosen = self.canvases[torch.randint(len(self.canvases), (count,), generator=draw)]
        with torch.no_grad():
            logits = net.eval()(augment(chosen, WEAK * self.recipe.augmentation, draw))
            confidence, labels = functional.softmax(with_no_digit(logits), dim=1)[:, :-1].max(dim=1)
        sure = confidence >= self.recipe.sure
        strong = disturb(augment(chosen[sure], self.recipe.augmentation, draw), self.recipe.disturbance, draw)
        return strong, labels[sure]
