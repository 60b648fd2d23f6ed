"""The training of an eye: three losses of one net, from scenes whose truth is known."""

from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from digitkit.backends import blocks
from digitkit.backends.eye_net import DIGITS, EyeNet
from training.drawn.drawn_trainer import Batch, DrawnRecipe, DrawnTrainer
from training.eye.scene_pool import Scenes
from training.learn.parallel import ALONE, Group
from training.scenes.composing import Content

EVALUATION_BATCH = 250
PIXEL, OVERLAP, WORD = 4.0, 0.5, 0.5  # weights of the losses: of each pixel's ink, of the inks' overlap, of kind and digit each


def eye_trainer(recipe: DrawnRecipe, scenes: Scenes, device: torch.device, *, bfloat16: bool, group: Group = ALONE) -> DrawnTrainer[EyeNet]:
    """The training of an eye on scenes."""
    torch.manual_seed(recipe.seed)
    start = blocks.read(EyeNet(), Path(recipe.init_from)) if recipe.init_from else EyeNet()
    return DrawnTrainer(recipe, start, scenes, losses, device, bfloat16=bfloat16, group=group)


def losses(net: nn.Module, batch: Batch, device: torch.device, *, bfloat16: bool) -> dict[str, Tensor]:
    """How far a net is from the truth about scenes; the digit counts where there is just one."""
    looks, inks, kinds, digits = (part.to(device) for part in batch)
    with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
        ink, reading = net(looks)
    truth = inks.float() / 255
    pixels = functional.binary_cross_entropy_with_logits(ink, truth, reduction="none").mean(dim=(1, 2))
    share = ink.sigmoid()
    overlap = (2 * (share * truth).sum(dim=(1, 2)) + 1) / (share.sum(dim=(1, 2)) + truth.sum(dim=(1, 2)) + 1)
    has_ink = (kinds != Content.NONE).float()
    is_one = kinds == Content.ONE
    return {
        "ink": (PIXEL * pixels + OVERLAP * has_ink * (1 - overlap)).mean(),
        "kind": WORD * functional.cross_entropy(reading[:, DIGITS:], kinds),
        "digit": WORD * functional.cross_entropy(reading[is_one, :DIGITS], digits[is_one]),
    }


@torch.inference_mode()
def judged(net: EyeNet, scenes: Scenes, device: torch.device) -> dict[str, float]:
    """How good a net is on scenes, each 0 to 1: the kinds and the digits read right, and the ink's overlap with the truth (Dice)."""
    kinds, digits, overlaps = 0, 0, 0.0
    for chosen in torch.arange(len(scenes)).split(EVALUATION_BATCH):
        looks, inks, kind, digit = scenes.take(chosen)
        ink, reading = (part.cpu() for part in cast(tuple[Tensor, Tensor], net(looks.to(device))))
        is_one, truth, found = kind == Content.ONE, inks > 127, ink > 0
        kinds += int((reading[:, DIGITS:].argmax(dim=1) == kind).sum())
        digits += int((reading[:, :DIGITS].argmax(dim=1) == digit)[is_one].sum())
        both = (truth & found).sum(dim=(1, 2)), truth.sum(dim=(1, 2)) + found.sum(dim=(1, 2))
        overlaps += float((2 * both[0] / both[1].clamp(min=1))[is_one].sum())
    ones = int((scenes.kinds == Content.ONE).sum())
    return {"kind": kinds / len(scenes), "digit": digits / ones, "overlap": overlaps / ones}
