"""The training of a net on drawn pictures, epoch by epoch, from the checkpoint that a killed one left.

Under torchrun each process takes every size-th picture of a batch, as training.learn.parallel says.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, cast

import torch
from torch import Tensor, nn
from tqdm import tqdm

from digitkit.readers.digits.net import write
from training.learn.average import make_average
from training.learn.parallel import ALONE, Group
from training.recipe import TrainingError

CHECKPOINT = "drawn-checkpoint.pt"
# The most that a gradient's norm counts; usual ones are 1 to 3. Batches of one or two pictures, as of lines of a rare width, bring up
# to 80, which the steps after them take long to make good.
STEEPEST = 4.0

Net = TypeVar("Net", bound=nn.Module)
Batch = tuple[Tensor, ...]  # what a task's losses take, each tensor with N pictures first


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnRecipe:
    """How a net is trained on drawn pictures; the defaults are those of the released eye."""

    scenes: int = 300_000
    epochs: int = 5
    batch_size: int = 64
    learning_rate: float = 3e-3
    warm_up: int = 300  # steps over which the rate rises to that
    cool_down: float = 0.5  # the share of the steps, the last ones, over which it falls to nothing
    weight_decay: float = 0.02
    ema: float = 0.999  # share of the averaged weights that a step keeps
    seed: int = 0
    init_from: str = ""  # weights to go on from, in place of random ones


class Drawn(Protocol):
    """Drawn pictures in memory."""

    def __len__(self) -> int: ...

    def steps(self, size: int) -> int:
        """The batches of one pass."""

    def batches(self, size: int, seed: int) -> Iterator[Batch]:
        """One pass over the pictures, in an order drawn from the seed."""


class Losses(Protocol):
    """How far a net is from the truth about a batch: scalars by their names, whose sum is what is made smaller."""

    def __call__(self, net: nn.Module, batch: Batch, device: torch.device, /, *, bfloat16: bool) -> Mapping[str, Tensor]: ...


class DrawnTrainer(Generic[Net]):
    """One training: the net, its average, its optimiser and how far it got."""

    def __init__(
        self, recipe: DrawnRecipe, net: Net, drawn: Drawn, losses: Losses, device: torch.device, *, bfloat16: bool, group: Group = ALONE
    ) -> None:
        self.recipe, self.drawn, self.losses, self.device, self.bfloat16, self.group = recipe, drawn, losses, device, bfloat16, group
        self.net = net.to(device).to(memory_format=torch.channels_last)
        self.learner = group.wrap(self.net)
        self.average = make_average(self.net, recipe.ema)
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True)
        self.steps = recipe.epochs * drawn.steps(recipe.batch_size)
        self.step = self.epoch = 0

    def run(self, folder: Path) -> Net:
        """Train to the end, from the checkpoint in `folder` where there is one; the averaged net, in evaluation mode."""
        checkpoint = folder / CHECKPOINT
        if checkpoint.exists():
            self._restore(checkpoint)
        while self.epoch < self.recipe.epochs:
            self._train_epoch()
            if self.group.is_first:
                self._save(checkpoint)
            self.group.wait()
        return cast(Net, self.average.module.eval())

    def _train_epoch(self) -> None:
        began, seen = time.monotonic(), 0
        totals: dict[str, Tensor] = {}
        self.net.train()
        seed = self.recipe.seed + self.epoch
        torch.manual_seed(seed * self.group.size + self.group.rank)  # dropout draws from the global generator, which no checkpoint holds
        is_hidden = None if self.group.is_first else True  # None: where nobody looks
        with tqdm(
            total=len(self.drawn), desc=f"epoch {self.epoch + 1}", unit=" scenes", leave=False, mininterval=1, disable=is_hidden
        ) as bar:
            for batch in self.drawn.batches(self.recipe.batch_size, seed):
                count = len(batch[0])
                for name, loss in self._learn(self.group.share(batch)).items():
                    totals[name] = totals.get(name, torch.zeros(())) + count * loss.detach().cpu()
                seen += count
                bar.update(count)
        self.epoch += 1
        found = "  ".join(f"{name} {float(total) / seen:.4f}" for name, total in totals.items())
        if self.group.is_first:
            print(f"epoch {self.epoch}/{self.recipe.epochs}  {found}  {seen / (time.monotonic() - began):,.0f} scenes/s", flush=True)

    def _learn(self, batch: Batch) -> Mapping[str, Tensor]:
        """Take one step of the optimiser and the average; the losses before it."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate * self.rate()
        found = self.losses(self.learner, batch, self.device, bfloat16=self.bfloat16)
        self.optimizer.zero_grad(set_to_none=True)
        torch.stack([*found.values()]).sum().backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), STEEPEST)
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

    def _save(self, checkpoint: Path) -> None:
        states = {name: part.state_dict() for name, part in self._parts().items()}
        write({"recipe": asdict(self.recipe), "step": self.step, "epoch": self.epoch, "states": states}, checkpoint.with_suffix(".part"))
        checkpoint.with_suffix(".part").replace(checkpoint)

    def _restore(self, checkpoint: Path) -> None:
        content = torch.load(checkpoint, map_location="cpu", weights_only=True)
        if content["recipe"] != asdict(self.recipe):
            raise TrainingError(f"{checkpoint} is of another recipe; remove it, or train in another --run")
        self.step, self.epoch = content["step"], content["epoch"]
        for name, part in self._parts().items():
            part.load_state_dict(content["states"][name])
        if self.group.is_first:
            print(f"going on after epoch {self.epoch} of {checkpoint}", flush=True)
