"""The training of the net that reads lines: what stands in a strip, and where."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from digitkit.backends import blocks
from digitkit.backends.line_net import LineNet
from digitkit.pictures.line import BLANK, FRAME_PX
from training.drawn.drawn_trainer import Batch, DrawnRecipe, DrawnTrainer
from training.learn.parallel import ALONE, Group
from training.lines.line_pool import PLACES, Lines

PLACE = 4.0  # the weight of where a line is, beside that of what it says
HARD = 1.0  # a line whose text costs this many nats a character counts half
EVALUATION_BATCH = 128


def line_trainer(recipe: DrawnRecipe, lines: Lines, device: torch.device, *, bfloat16: bool, group: Group = ALONE) -> DrawnTrainer[LineNet]:
    """The training of a net on lines."""
    torch.manual_seed(recipe.seed)
    start = blocks.read(LineNet(), Path(recipe.init_from)) if recipe.init_from else LineNet()
    return DrawnTrainer(recipe, start, lines, losses, device, bfloat16=bfloat16, group=group)


def losses(net: nn.Module, batch: Batch, device: torch.device, *, bfloat16: bool) -> dict[str, Tensor]:
    """How far a net is from the truth about lines: from the text of those that can be read, for a character, and from their places.

    A line counts the less the worse it is read, since what is worst of all nobody could read.
    Source of that: Kumar et al., Self-paced learning for latent variable models (2010); here a share in place of a choice.
    """
    strips, truths = (part.to(device) for part in batch)
    with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
        logits, extents = net(strips)
    is_legible, lengths = truths[:, 0] > 0, truths[:, 1].long()
    frames = torch.full((len(strips),), logits.shape[1])
    text = functional.ctc_loss(
        logits.log_softmax(dim=2).transpose(0, 1), truths[:, 2 + PLACES :].long(), frames, lengths,
        blank=BLANK, reduction="none", zero_infinity=True,
    )  # fmt: skip
    share = is_legible / (1 + text.detach() / lengths.clamp(min=1) / HARD)
    text = (text * share).sum() / (lengths * share).sum().clamp(min=1e-6)
    wanted, is_inside = places(truths, logits.shape[1])
    off = functional.smooth_l1_loss(extents, wanted, reduction="none", beta=0.05).mean(dim=2)
    return {"text": text, "place": PLACE * (off * is_inside).sum() / is_inside.sum().clamp(min=1)}


def places(truths: Tensor, frames: int) -> tuple[Tensor, Tensor]:
    """Where the text's top and bottom are in each frame, (N, T, 2) in shares of the height, and whether there is text in it, (N, T)."""
    left, right, top_left, top_right, low_left, low_right = truths[:, 2 : 2 + PLACES].unsqueeze(2).unbind(dim=1)  # (N, 1) each
    middles = (torch.arange(frames, device=truths.device) + 0.5) * FRAME_PX
    along = (middles - left) / (right - left).clamp(min=1)
    tops, lows = top_left + along * (top_right - top_left), low_left + along * (low_right - low_left)
    is_inside = (middles >= left) & (middles <= right) & (truths[:, 1:2] > 0)
    return torch.stack([tops, lows], dim=2), is_inside


@torch.inference_mode()
def judged(net: LineNet, lines: Lines, device: torch.device) -> dict[str, float]:
    """How good a net is on lines that can be read, each 0 to 1: whole texts right, and the mean miss of their top and bottom."""
    right, read, off, inside = 0, 0, 0.0, 0
    for width, strips in lines.strips.items():
        for own in torch.arange(len(strips)).split(EVALUATION_BATCH):
            truths = lines.truths[width][own]
            logits, extents = (part.cpu() for part in net(strips[own].to(device)))
            for classes, truth in zip(logits.argmax(dim=2), truths, strict=True):
                if truth[0] > 0:
                    read += 1
                    right += collapsed(classes) == truth[2 + PLACES : 2 + PLACES + int(truth[1])].int().tolist()
            wanted, is_inside = places(truths, logits.shape[1])
            off += float(((extents - wanted).abs().mean(dim=2) * is_inside).sum())
            inside += int(is_inside.sum())
    return {"text": right / read, "place": off / max(1, inside)}


def collapsed(classes: Tensor) -> list[int]:
    """The characters that the likeliest classes of the frames spell, without repeats and blanks."""
    kept = torch.unique_consecutive(classes)
    return [int(kind) for kind in kept if kind != BLANK]
