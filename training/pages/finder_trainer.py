"""The training of the net that finds numbers: which cells of a page lie in the middle of a number, and where its ends are."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from digitkit.backends import blocks
from digitkit.backends.finder_net import FinderNet
from digitkit.pictures.text_map import BELOW, COSINE, HEIGHT, LEFT, SCORE
from training.drawn.drawn_trainer import Batch, DrawnRecipe, DrawnTrainer
from training.learn.parallel import ALONE, Group
from training.pages.page_pool import UNKNOWN, Pieces

CELL, OVERLAP, GEOMETRY = 4.0, 1.0, 1.0  # weights of the losses: of each cell's score, of the scores' overlap, of a number's geometry
EVALUATION_BATCH = 50


def finder_trainer(
    recipe: DrawnRecipe, pieces: Pieces, device: torch.device, *, bfloat16: bool, group: Group = ALONE
) -> DrawnTrainer[FinderNet]:
    """The training of a finder on pieces of pages."""
    torch.manual_seed(recipe.seed)
    start = blocks.read(FinderNet(), Path(recipe.init_from)) if recipe.init_from else FinderNet()
    return DrawnTrainer(recipe, start, pieces, losses, device, bfloat16=bfloat16, group=group)


def losses(net: nn.Module, batch: Batch, device: torch.device, *, bfloat16: bool) -> dict[str, Tensor]:
    """How far a net is from the truth about pieces of pages."""
    pictures, truth = (part.to(device) for part in batch)
    with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
        found = net(pictures)
    wanted, is_judged = truth[:, SCORE].clamp(min=0), (truth[:, SCORE] != UNKNOWN).float()
    cells = functional.binary_cross_entropy_with_logits(found[:, SCORE], wanted, reduction="none") * is_judged
    share = found[:, SCORE].sigmoid() * is_judged
    overlap = (2 * (share * wanted).sum() + 1) / (share.sum() + wanted.sum() + 1)
    is_middle = truth[:, SCORE] == 1
    off = functional.smooth_l1_loss(found[:, HEIGHT:], truth[:, HEIGHT:], reduction="none", beta=0.1).sum(dim=1)
    return {
        "cells": CELL * cells.sum() / is_judged.sum().clamp(min=1),
        "overlap": OVERLAP * (1 - overlap),
        "geometry": GEOMETRY * (off * is_middle).sum() / is_middle.sum().clamp(min=1),
    }


@torch.inference_mode()
def judged(net: FinderNet, pieces: Pieces, device: torch.device) -> dict[str, float]:
    """How good a net is on pieces of pages.

    Returns:
        overlap: of the cells found in numbers with the true ones (Dice), 0 to 1.
        height, ends: the mean misses of heights, in octaves, and of what is left and right, in heights.
        turn: the share of cells whose direction is missed by more than 45 degrees.
    """
    both = both_sums = misses = turned = ends = middle = 0.0
    for chosen in torch.arange(len(pieces)).split(EVALUATION_BATCH):
        pictures, truth = pieces.take(chosen)
        found = net(pictures.to(device)).cpu()
        is_middle, is_found = truth[:, SCORE] == 1, (found[:, SCORE] > 0) & (truth[:, SCORE] != UNKNOWN)
        both += float((is_middle & is_found).sum())
        both_sums += float(is_middle.sum() + is_found.sum())
        off = (found - truth).abs()
        middle += float(is_middle.sum())
        misses += float(off[:, HEIGHT][is_middle].sum())
        ends += float(off[:, LEFT:].mean(dim=1)[is_middle].sum())
        turn = functional.cosine_similarity(found[:, COSINE:BELOW], truth[:, COSINE:BELOW], dim=1)
        turned += float((turn < 0.5**0.5)[is_middle].sum())
    return {"overlap": 2 * both / both_sums, "height": misses / middle, "ends": ends / middle, "turn": turned / middle}
