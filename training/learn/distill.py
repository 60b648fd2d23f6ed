"""Distillation: a student learns from its teachers' answers to the canvases that it sees, as well as from their labels.

Source: Hinton et al., Distilling the knowledge in a neural network (2015), section 2.
"""

import torch
from torch import Tensor
from torch.nn import functional

from digitkit.readers.digits import net
from training.recipe import Recipe


class Teacher:
    """The nets in a recipe's `teachers`, whose logits are averaged, on the student's device."""

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        teachers = net.ensemble([net.read(path) for path in recipe.teacher_files()]).requires_grad_(False)
        self.net = teachers.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.temperature, self.share = recipe.distill_temperature, recipe.distill_share

    def answer(self, canvases: Tensor) -> Tensor:
        """Logits (N, 11) of canvases (N, 28, 28): the ten digits, and 0 for no digit."""
        with torch.no_grad():
            return with_no_digit(self.net(canvases))

    def blend(self, hard: Tensor, student: Tensor, teacher: Tensor) -> Tensor:
        """The student's loss: a weighted mean of `hard`, its loss on the labels, and its distance from the teacher.

        The distance is the Kullback-Leibler divergence of both softened answers, logits (N, 11). It is multiplied by the
        square of the temperature, which makes its gradient as large as that of the hard loss at any temperature.
        """
        ours, theirs = (functional.log_softmax(logits / self.temperature, dim=1) for logits in (student, teacher))
        distance = functional.kl_div(ours, theirs, reduction="batchmean", log_target=True)
        return (1 - self.share) * hard + self.share * self.temperature**2 * distance


def with_no_digit(logits: Tensor) -> Tensor:
    """Logits (N, 10) with those of the eleventh class, no digit, which are fixed at 0: (N, 11)."""
    return functional.pad(logits, (0, 1))
