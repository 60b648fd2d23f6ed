"""The training loop: a recipe and two splits become the best weights on validation.

Every epoch draws its order, its deformations and its dropout from the seed and its own number alone. So a training is
the same on every run on a CPU, and one that was killed goes on from its last checkpoint to the same end.
"""

import math
import time
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from digitkit.readers.digits.net import DigitNet
from training.augment.deform import augment
from training.augment.disturb import disturb
from training.augment.synthetic import synthetic
from training.data.mnist import Split
from training.learn import checkpoint
from training.learn.average import make_average
from training.learn.checkpoint import CHECKPOINT, Progress
from training.learn.consistency import Unlabelled
from training.learn.device import choose_autocast, choose_device
from training.learn.distill import Teacher, with_no_digit
from training.learn.lora import plain_state
from training.learn.optimize import make_optimizer, make_schedule
from training.learn.parallel import ALONE, Group
from training.learn.transfer import freeze, starting_net
from training.recipe import Recipe, TrainingError
from training.track.tracker import DEFAULT_TRACKER, Tracker, open_tracker

EVALUATION_BATCH = 1_000
CALM = 0.5  # share of the recipe's deformations and disturbances that its calm epochs apply


class Trainer:
    """One training: its net, its optimiser and how far it got."""

    def __init__(
        self, recipe: Recipe, train: Split, validation: Split, *, unlabelled: NDArray[np.uint8] | None = None, group: Group = ALONE
    ) -> None:
        if recipe.batch_size % group.size:
            raise TrainingError(f"{group.size} processes cannot share batches of {recipe.batch_size}; make --batch-size a multiple")
        if recipe.thaw_epochs and group.size > 1:
            raise TrainingError("several processes must agree on what learns from the start; thaw_epochs needs one process")
        began = time.monotonic()
        self.recipe, self.validation, self.group = recipe, validation, group
        self.device = choose_device(recipe.device)
        self.autocast = choose_autocast(recipe, self.device)
        self.steps_per_epoch = math.ceil(len(train) / recipe.batch_size)
        self.teacher = Teacher(recipe, self.device) if recipe.teachers else None
        torch.manual_seed(recipe.seed)
        torch.use_deterministic_algorithms(self.device.type == "cpu")
        self.canvases = torch.from_numpy(train.pictures).to(self.device)
        self.labels = torch.from_numpy(train.labels).to(self.device)
        self.pool = synthetic_pool(recipe, train, self.device)
        self.unlabelled = Unlabelled(recipe, unlabelled, self.device) if unlabelled is not None and recipe.unlabelled else None
        layout = torch.channels_last if recipe.layout == "channels-last" else torch.contiguous_format
        self.net: DigitNet = starting_net(recipe).to(self.device, memory_format=layout)  # type: ignore[call-overload]
        self.shared_net = group.wrap(self.net)
        self.average = make_average(self.net, recipe.ema) if recipe.ema else None
        self.optimizer = make_optimizer(recipe, self.net)
        self.schedule = make_schedule(recipe, self.optimizer, self.steps_per_epoch)
        self.progress = Progress(seconds=time.monotonic() - began)

    def run(self, run_dir: Path, *, resume: bool, tracker: Tracker | None = None) -> Progress:
        """Train to the end or to the early stop; checkpoints go to `run_dir`, and scalars to the tracker, or to TensorBoard without one."""
        kept = run_dir / CHECKPOINT
        if is_resumed := resume and self.group.from_first(kept.exists):
            self.restore(kept)
        has_own = tracker is None and self.group.is_first
        with closing(open_tracker(DEFAULT_TRACKER, run_dir, resume=is_resumed)) if has_own else nullcontext(tracker) as told:
            while self.progress.epoch < self.recipe.epochs and not self.is_stuck():
                self.epoch()
                if told:
                    self.report(told)
                    checkpoint.save(kept, self.recipe, self.progress, self.states())
        return self.progress

    def is_stuck(self) -> bool:
        waited = self.progress.epoch - self.progress.best_epoch
        return self.recipe.patience > 0 and waited >= self.recipe.patience

    def epoch(self) -> None:
        """Train for an epoch, validate, and bring schedule and progress to its end."""
        began, number = time.monotonic(), self.progress.epoch + 1
        scalars = self.train_epoch(number)
        accuracy, loss = self.group.from_first(self.validate)
        if self.recipe.schedule == "plateau":
            self.schedule.step(loss)
        elif self.recipe.schedule in ("constant", "step"):
            self.schedule.step()
        rate = self.optimizer.param_groups[0]["lr"]
        self.progress.history.append(scalars | {"loss/validation": loss, "accuracy/validation": accuracy, "learning_rate": rate})
        self.progress.epoch = number
        self.progress.seconds += time.monotonic() - began
        if accuracy >= self.progress.best_accuracy:  # of equals the later is kept: it has seen more, at a smaller learning rate
            self.progress.best_accuracy, self.progress.best_epoch = accuracy, number
            self.progress.best_weights = plain_state(self.served_net())

    def report(self, tracker: Tracker) -> None:
        """Tell the tracker the last epoch's figures, and print them as one line."""
        number, scalars = self.progress.epoch, self.progress.history[-1]
        tracker.scalars(scalars, number)
        print(
            f"epoch {number:3d}/{self.recipe.epochs}  loss {scalars['loss/train']:.4f}  validation loss {scalars['loss/validation']:.4f}"
            f"  accuracy {scalars['accuracy/validation']:.2%}  best {self.progress.best_accuracy:.2%}"
            f"  {scalars['pictures_per_s']:,.0f} pictures/s",
            flush=True,
        )

    def train_epoch(self, number: int) -> dict[str, float]:
        """Pass over the training split once; the mean loss, pictures a second and the share of the time that data took."""
        draw = Generator().manual_seed(self.recipe.seed * 1_000_003 + number)
        order = torch.randperm(len(self.labels), generator=draw)  # the same in every process; what is drawn after it differs
        torch.manual_seed(draw.initial_seed() + self.group.rank * 2**40)  # dropout draws from the global generator
        if not self.group.is_first:
            draw.manual_seed(torch.initial_seed())
        total, data_s, began = torch.zeros((), device=self.device), 0.0, time.monotonic()
        self.net.train()
        freeze(self.recipe, self.net, number)
        hidden = None if self.group.is_first else True  # None hides the bar where there is no terminal
        with tqdm(total=len(order), desc=f"epoch {number}", unit=" pictures", leave=False, mininterval=0.5, disable=hidden) as bar:
            for step, chosen in enumerate(self.group.shares(order, self.recipe.batch_size)):
                asked = time.monotonic()
                canvases, labels = self.batch(chosen, draw, number)
                if self.unlabelled:
                    more, theirs = self.unlabelled.labelled_by(self.served_net(), draw)
                    canvases, labels = torch.cat([canvases, more]), torch.cat([labels, theirs])
                data_s += time.monotonic() - asked
                total += self.step(canvases, labels)
                bar.update(len(chosen) * self.group.size)
                if step % 20 == 0:
                    bar.set_postfix_str(f"loss {total.item() / (step + 1):.4f}")
        loss = total.item() / self.steps_per_epoch  # waits for the device
        seconds = time.monotonic() - began
        return {"loss/train": loss, "pictures_per_s": len(order) / seconds, "data_share": data_s / seconds}

    def batch(self, chosen: Tensor, draw: Generator, number: int) -> tuple[Tensor, Tensor]:
        """The chosen digits, followed by the recipe's share of synthetic pictures, all deformed and disturbed, less so in calm epochs."""
        strength = CALM if number > self.recipe.epochs * (1 - self.recipe.calm) else 1.0
        canvases, labels = self.canvases[chosen], self.labels[chosen]
        if self.pool is not None:
            added = torch.randint(len(self.pool[1]), (round(self.recipe.synthetic * len(chosen)),), generator=draw)
            canvases, labels = torch.cat([canvases, self.pool[0][added]]), torch.cat([labels, self.pool[1][added]])
        deformed = augment(canvases, strength * self.recipe.augmentation, draw)
        return disturb(deformed, strength * self.recipe.disturbance, draw), labels

    def step(self, canvases: Tensor, labels: Tensor) -> Tensor:
        """Take one step of the optimiser, the average, and the schedule where it moves by steps; the loss before the step."""
        loss = self.loss(canvases, labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self.recipe.clip:
            nn.utils.clip_grad_norm_(self.net.parameters(), self.recipe.clip)
        self.optimizer.step()
        if self.recipe.schedule in ("one-cycle", "cosine"):
            self.schedule.step()
        if self.average:
            self.average.update_parameters(self.net)
        return loss.detach()

    def loss(self, canvases: Tensor, labels: Tensor) -> Tensor:
        """The loss on the labels; where the recipe has teachers, blended with the distance from their answers."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
            logits = with_no_digit(self.shared_net(canvases))
            taught = self.teacher.answer(canvases) if self.teacher else None
        loss = functional.cross_entropy(logits, labels, label_smoothing=self.recipe.label_smoothing)
        return loss if self.teacher is None or taught is None else self.teacher.blend(loss, logits, taught)

    def served_net(self) -> nn.Module:
        """The net that is validated and kept: the averaged one where the recipe averages."""
        return self.average.module if self.average else self.net

    def validate(self) -> tuple[float, float]:
        """Accuracy, 0 to 1, and mean loss on the validation split."""
        net = self.served_net().eval()
        batches = torch.from_numpy(self.validation.pictures).split(EVALUATION_BATCH)
        with torch.inference_mode():
            rows = torch.cat([net(canvases.to(self.device)).cpu() for canvases in batches])
        labels = torch.from_numpy(self.validation.labels)
        accuracy = (rows.argmax(1) == labels).float().mean().item()
        return accuracy, functional.cross_entropy(rows, labels).item()

    def states(self) -> dict[str, Any]:
        """All that changes from step to step, for a checkpoint."""
        parts = {"net": self.net, "optimizer": self.optimizer, "schedule": self.schedule, "average": self.average}
        return {name: part.state_dict() for name, part in parts.items() if part is not None}

    def restore(self, path: Path) -> None:
        """Go on from a checkpoint of the same recipe; raises TrainingError."""
        self.progress, states = self.group.from_first(lambda: checkpoint.load(path, self.recipe))
        self.net.load_state_dict(states["net"])
        self.optimizer.load_state_dict(states["optimizer"])
        self.schedule.load_state_dict(states["schedule"])
        if self.average:
            self.average.load_state_dict(states["average"])
        if self.group.is_first:
            print(f"going on after epoch {self.progress.epoch} of {path}", flush=True)


def synthetic_pool(recipe: Recipe, train: Split, device: torch.device) -> tuple[Tensor, Tensor] | None:
    """The synthetic canvases and labels that are added to batches; None where the recipe adds none."""
    if recipe.synthetic == 0:
        return None
    made = synthetic(train, recipe.pool, recipe.seed)
    return torch.from_numpy(made.pictures).to(device), torch.from_numpy(made.labels).to(device)
