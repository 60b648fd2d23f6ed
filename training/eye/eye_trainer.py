"""The training of an eye: three losses of one net, from scenes whose truth is known."""

import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from digitkit.backends import blocks
from digitkit.backends.eye_net import DIGITS, EyeNet
from digitkit.readers.digits.net import write
from training.eye.scene_pool import Scenes, batches
from training.learn.average import make_average
from training.recipe import TrainingError
from training.scenes.composing import Content

CHECKPOINT = "eye-checkpoint.pt"
EVALUATION_BATCH = 250
PIXEL, OVERLAP, WORD = 4.0, 0.5, 0.5  # weights of the losses: of each pixel's ink, of the inks' overlap, of kind and digit each


@dataclass(frozen=True, slots=True, kw_only=True)
class EyeRecipe:
    """How an eye is trained; the defaults are the released one's."""

    scenes: int = 200_000
    epochs: int = 5
    batch_size: int = 64
    learning_rate: float = 3e-3
    warm_up: int = 300  # steps over which the rate rises to that
    cool_down: float = 0.5  # the share of the steps, the last ones, over which it falls to nothing
    weight_decay: float = 0.02
    ema: float = 0.999  # share of the averaged weights that a step keeps
    seed: int = 0
    init_from: str = ""  # an eye to go on from, in place of random weights


@dataclass(frozen=True, slots=True)
class Losses:
    """The three losses of a batch, each a scalar."""

    ink: Tensor
    kind: Tensor
    digit: Tensor

    def total(self) -> Tensor:
        return self.ink + WORD * (self.kind + self.digit)


class EyeTrainer:
    """One training: the net, its average, its optimiser and how far it got."""

    def __init__(self, recipe: EyeRecipe, scenes: Scenes, device: torch.device, *, bfloat16: bool) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.scenes, self.device, self.bfloat16 = recipe, scenes, device, bfloat16
        start = blocks.read(EyeNet(), Path(recipe.init_from)) if recipe.init_from else EyeNet()
        self.net = start.to(device).to(memory_format=torch.channels_last)
        self.average = make_average(self.net, recipe.ema)
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
        self.steps = recipe.epochs * math.ceil(len(scenes) / recipe.batch_size)
        self.step = self.epoch = 0

    def run(self, folder: Path) -> EyeNet:
        """Train to the end, from the checkpoint in `folder` where there is one; the averaged net, in evaluation mode."""
        checkpoint = folder / CHECKPOINT
        if checkpoint.exists():
            self._restore(checkpoint)
        while self.epoch < self.recipe.epochs:
            self._train_epoch()
            states = {name: part.state_dict() for name, part in self._parts().items()}
            write(
                {"recipe": asdict(self.recipe), "step": self.step, "epoch": self.epoch, "states": states}, checkpoint.with_suffix(".part")
            )
            checkpoint.with_suffix(".part").replace(checkpoint)
        return cast(EyeNet, self.average.module.eval())

    def _train_epoch(self) -> None:
        began, seen, totals = time.monotonic(), 0, torch.zeros(3)
        self.net.train()
        seed = self.recipe.seed + self.epoch
        torch.manual_seed(seed)  # dropout draws from the global generator, which no checkpoint holds
        with tqdm(total=len(self.scenes), desc=f"epoch {self.epoch + 1}", unit=" scenes", leave=False, mininterval=1, disable=None) as bar:
            for looks, inks, kinds, digits in batches(self.scenes, self.recipe.batch_size, seed):
                found = self._learn(looks, inks, kinds, digits)
                totals += len(looks) * torch.stack([found.ink, found.kind, found.digit]).detach().cpu()
                seen += len(looks)
                bar.update(len(looks))
        self.epoch += 1
        ink, kind, digit = (totals / seen).tolist()
        pace = seen / (time.monotonic() - began)
        print(
            f"epoch {self.epoch}/{self.recipe.epochs}  ink {ink:.4f}  kind {kind:.4f}  digit {digit:.4f}  {pace:,.0f} scenes/s", flush=True
        )

    def _learn(self, looks: Tensor, inks: Tensor, kinds: Tensor, digits: Tensor) -> Losses:
        """Take one step of the optimiser and the average; the losses before it."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate * self.rate()
        found = losses(self.net, looks, inks, kinds, digits, self.device, bfloat16=self.bfloat16)
        self.optimizer.zero_grad(set_to_none=True)
        found.total().backward()
        self.optimizer.step()
        self.average.update_parameters(self.net)
        self.step += 1
        return found

    def rate(self) -> float:
        """The learning rate of the next step as a share of the recipe's: up, level, and down in a straight line."""
        left = 1 - self.step / self.steps
        return min(1.0, (self.step + 1) / self.recipe.warm_up, left / self.recipe.cool_down)

    def _parts(self) -> dict[str, Any]:
        return {"net": self.net, "average": self.average, "optimizer": self.optimizer}

    def _restore(self, checkpoint: Path) -> None:
        content = torch.load(checkpoint, map_location="cpu", weights_only=True)
        if content["recipe"] != asdict(self.recipe):
            raise TrainingError(f"{checkpoint} is of another recipe; remove it, or train in another --run")
        self.step, self.epoch = content["step"], content["epoch"]
        for name, part in self._parts().items():
            part.load_state_dict(content["states"][name])
        print(f"going on after epoch {self.epoch} of {checkpoint}", flush=True)


def losses(net: EyeNet, looks: Tensor, inks: Tensor, kinds: Tensor, digits: Tensor, device: torch.device, *, bfloat16: bool) -> Losses:
    """How far a net is from the truth about scenes; the digit counts where there is just one."""
    with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
        ink, reading = net(looks.to(device))
    truth, kinds, digits = inks.to(device).float() / 255, kinds.to(device), digits.to(device)
    pixels = functional.binary_cross_entropy_with_logits(ink, truth, reduction="none").mean(dim=(1, 2))
    share = ink.sigmoid()
    overlap = (2 * (share * truth).sum(dim=(1, 2)) + 1) / (share.sum(dim=(1, 2)) + truth.sum(dim=(1, 2)) + 1)
    has_ink = (kinds != Content.NONE).float()
    is_one = kinds == Content.ONE
    return Losses(
        (PIXEL * pixels + OVERLAP * has_ink * (1 - overlap)).mean(),
        functional.cross_entropy(reading[:, DIGITS:], kinds),
        functional.cross_entropy(reading[is_one, :DIGITS], digits[is_one]),
    )


@torch.inference_mode()
def judged(net: EyeNet, scenes: Scenes, device: torch.device) -> dict[str, float]:
    """How good a net is on scenes, each 0 to 1: the kinds and the digits read right, and the ink's overlap with the truth (Dice)."""
    kinds, digits, overlaps = 0, 0, 0.0
    for chosen in torch.arange(len(scenes)).split(EVALUATION_BATCH):
        looks, inks, kind, digit = scenes.take(chosen)
        ink, reading = (part.cpu() for part in net(looks.to(device)))
        is_one, truth, found = kind == Content.ONE, inks > 127, ink > 0
        kinds += int((reading[:, DIGITS:].argmax(dim=1) == kind).sum())
        digits += int((reading[:, :DIGITS].argmax(dim=1) == digit)[is_one].sum())
        both = (truth & found).sum(dim=(1, 2)), truth.sum(dim=(1, 2)) + found.sum(dim=(1, 2))
        overlaps += float((2 * both[0] / both[1].clamp(min=1))[is_one].sum())
    ones = int((scenes.kinds == Content.ONE).sum())
    return {"kind": kinds / len(scenes), "digit": digits / ones, "overlap": overlaps / ones}
