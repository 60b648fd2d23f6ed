"""The training loop: a recipe and two splits become the best weights on validation.

Every epoch draws its order, its deformations and its dropout from the seed and its own number alone. So a training is
the same on every run on a CPU, and one that was killed goes on from its last checkpoint to the same end.
"""

import math
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer, lr_scheduler
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from digitkit.net import DigitNet
from training import synthetic
from training.augment import augment
from training.data import Split
from training.recipe import Recipe

CHECKPOINT = "checkpoint.pt"
EVALUATION_BATCH = 1_000
# The synthetic pool: how often each printed digit is in it, and how many rescanned digits and non-digits.
PRINTED_COPIES, RESCANNED, OTHERS = 6, 8_000, 4_000


class TrainingError(Exception):
    """A training that cannot start or go on as asked; the message says why."""


@dataclass(slots=True)
class Progress:
    """What a checkpoint holds besides the optimiser's state: enough to go on as if nothing had happened."""

    epoch: int = 0  # epochs finished
    best_accuracy: float = -1.0  # on validation, 0 to 1
    best_epoch: int = 0
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    seconds: float = 0.0  # of training so far, synthetic pictures and validation included
    history: list[dict[str, float]] = field(default_factory=list)


class Trainer:
    """One training: its net, its optimiser and how far it got."""

    def __init__(self, recipe: Recipe, train: Split, validation: Split) -> None:
        began = time.monotonic()
        self.recipe, self.validation = recipe, validation
        self.device = choose_device(recipe.device)
        self.autocast = choose_autocast(recipe, self.device)
        self.steps_per_epoch = math.ceil(len(train) / recipe.batch_size)
        torch.manual_seed(recipe.seed)
        torch.use_deterministic_algorithms(self.device.type == "cpu")
        self.canvases = torch.from_numpy(train.pictures).to(self.device)
        self.labels = torch.from_numpy(train.labels).to(self.device)
        self.pool = synthetic_pool(recipe, train, self.device)
        net = DigitNet(recipe.architecture, dropout=recipe.dropout)
        self.net = net.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = make_optimizer(recipe, self.net)
        self.schedule = make_schedule(recipe, self.optimizer, self.steps_per_epoch)
        self.progress = Progress(seconds=time.monotonic() - began)

    def run(self, run_dir: Path, *, resume: bool) -> Progress:
        """Train to the end or to the early stop; checkpoints and TensorBoard scalars go to `run_dir`."""
        checkpoint, scalars = run_dir / CHECKPOINT, run_dir / "tensorboard"
        if resume and checkpoint.exists():
            self.restore(checkpoint)
        else:
            shutil.rmtree(scalars, ignore_errors=True)
        with SummaryWriter(scalars, purge_step=self.progress.epoch + 1) as board:
            while self.progress.epoch < self.recipe.epochs and not self.is_stuck():
                self.epoch(board)
                self.save(checkpoint)
        return self.progress

    def is_stuck(self) -> bool:
        waited = self.progress.epoch - self.progress.best_epoch
        return self.recipe.patience > 0 and waited >= self.recipe.patience

    def epoch(self, board: SummaryWriter) -> None:
        began, number = time.monotonic(), self.progress.epoch + 1
        loss, speed = self.train_epoch(number)
        accuracy, validation_loss = self.validate()
        if self.recipe.schedule == "plateau":
            self.schedule.step(validation_loss)
        elif self.recipe.schedule in ("constant", "step"):
            self.schedule.step()
        self.progress.epoch = number
        self.progress.seconds += time.monotonic() - began
        if accuracy > self.progress.best_accuracy:
            self.progress.best_accuracy, self.progress.best_epoch = accuracy, number
            self.progress.best_weights = {k: v.detach().cpu().clone() for k, v in self.net.state_dict().items()}
        scalars = {
            "loss/train": loss,
            "loss/validation": validation_loss,
            "accuracy/validation": accuracy,
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "pictures_per_s": speed,
        }
        for name, value in scalars.items():
            board.add_scalar(name, value, number)
        self.progress.history.append(scalars)
        print(
            f"epoch {number:3d}/{self.recipe.epochs}  loss {loss:.4f}  validation loss {validation_loss:.4f}"
            f"  accuracy {accuracy:.2%}  best {self.progress.best_accuracy:.2%}  {speed:,.0f} pictures/s",
            flush=True,
        )

    def train_epoch(self, number: int) -> tuple[float, float]:
        """Mean loss, and pictures a second, of one pass over the training split."""
        draw = Generator().manual_seed(self.recipe.seed * 1_000_003 + number)
        torch.manual_seed(self.recipe.seed * 1_000_003 + number)  # dropout draws from the global generator
        order = torch.randperm(len(self.labels), generator=draw)
        total, seen, began = torch.zeros((), device=self.device), 0, time.monotonic()
        self.net.train()
        with tqdm(total=len(order), desc=f"epoch {number}", unit=" pictures", leave=False, mininterval=0.5) as bar:
            for step, chosen in enumerate(order.split(self.recipe.batch_size)):
                canvases, labels = self.batch(chosen, draw)
                total += self.step(augment(canvases, self.recipe.augmentation, draw), labels)
                seen += len(chosen)
                bar.update(len(chosen))
                if step % 20 == 0:
                    bar.set_postfix_str(f"loss {total.item() / (step + 1):.4f}")
        return total.item() / self.steps_per_epoch, seen / (time.monotonic() - began)

    def batch(self, chosen: Tensor, draw: Generator) -> tuple[Tensor, Tensor]:
        """The chosen digits, and the recipe's share of synthetic pictures after them."""
        canvases, labels = self.canvases[chosen], self.labels[chosen]
        if self.pool is None:
            return canvases, labels
        added = torch.randint(len(self.pool[1]), (round(self.recipe.synthetic * len(chosen)),), generator=draw)
        return torch.cat([canvases, self.pool[0][added]]), torch.cat([labels, self.pool[1][added]])

    def step(self, canvases: Tensor, labels: Tensor) -> Tensor:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
            logits = self.net(canvases)
        logits = functional.pad(logits, (0, 1))  # the eleventh class, no digit, has the logit 0
        loss = functional.cross_entropy(logits, labels, label_smoothing=self.recipe.label_smoothing)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        if self.recipe.schedule in ("one-cycle", "cosine"):
            self.schedule.step()
        return loss.detach()

    def validate(self) -> tuple[float, float]:
        """Accuracy, 0 to 1, and mean loss on the validation split."""
        self.net.eval()
        batches = torch.from_numpy(self.validation.pictures).split(EVALUATION_BATCH)
        with torch.inference_mode():
            rows = torch.cat([self.net(canvases.to(self.device)).cpu() for canvases in batches])
        labels = torch.from_numpy(self.validation.labels)
        accuracy = (rows.argmax(1) == labels).float().mean().item()
        return accuracy, functional.cross_entropy(rows, labels).item()

    def save(self, path: Path) -> None:
        """Write the checkpoint beside its place and move it in, so that a kill leaves the old one or the new one."""
        staged = path.with_suffix(".part")
        torch.save(
            {
                "recipe": asdict(self.recipe),
                "net": self.net.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "schedule": self.schedule.state_dict(),
                "progress": {name: getattr(self.progress, name) for name in Progress.__slots__},
            },
            staged,
        )
        staged.replace(path)

    def restore(self, path: Path) -> None:
        """Go on from a checkpoint of the same recipe.

        Raises:
            TrainingError: the file is damaged, or of another recipe or architecture.
        """
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            theirs, ours = state["recipe"], asdict(self.recipe)
        except Exception as err:  # torch.load raises a dozen types for a damaged file
            raise TrainingError(f"{path} is no checkpoint that can be read ({type(err).__name__}); remove it") from err
        changed = [f"{key} {theirs.get(key)!r} there, {ours[key]!r} asked for" for key in ours if theirs.get(key) != ours[key]]
        if changed:
            raise TrainingError(f"{path} is of another recipe: {'; '.join(changed)}; train without --resume, or in another --run")
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.progress = Progress(**state["progress"])
        print(f"going on after epoch {self.progress.epoch} of {path}", flush=True)


def synthetic_pool(recipe: Recipe, train: Split, device: torch.device) -> tuple[Tensor, Tensor] | None:
    """Canvases and labels that batches are topped up from; None where the recipe adds nothing."""
    if recipe.synthetic == 0:
        return None
    parts = [
        *[synthetic.printed_digits()] * PRINTED_COPIES,
        synthetic.rescanned(train, min(RESCANNED, len(train)), recipe.seed),
        synthetic.non_digits(train, OTHERS, recipe.seed),
    ]
    canvases = np.concatenate([part.pictures for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    return torch.from_numpy(canvases).to(device), torch.from_numpy(labels).to(device)


def choose_device(name: str) -> torch.device:
    """`auto` takes CUDA where there is one and says which it took; a CUDA that is asked for and absent is an error."""
    chosen = ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name
    try:
        device = torch.device(chosen)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as err:
        raise TrainingError(f"device {name!r} is not to be had here; use auto or cpu") from err
    return device


def choose_autocast(recipe: Recipe, device: torch.device) -> bool:
    """Whether to train in bfloat16: where it is asked for, or on `auto` where the hardware multiplies in it."""
    if recipe.precision != "auto":
        return recipe.precision == "bfloat16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def make_optimizer(recipe: Recipe, net: nn.Module) -> Optimizer:
    options: dict[str, Any] = {"lr": recipe.learning_rate, "weight_decay": recipe.weight_decay}
    makers: dict[str, Callable[..., Optimizer]] = {
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
        "adagrad": torch.optim.Adagrad,
        "sgd": lambda parameters, **kw: torch.optim.SGD(parameters, momentum=recipe.momentum, nesterov=True, **kw),
    }
    return makers[recipe.optimizer](net.parameters(), **options)


def make_schedule(recipe: Recipe, optimizer: Optimizer, steps_per_epoch: int) -> Any:
    """The schedule: one-cycle and cosine move every step, the others every epoch."""
    steps = recipe.epochs * steps_per_epoch
    match recipe.schedule:
        case "one-cycle":
            return lr_scheduler.OneCycleLR(optimizer, max_lr=recipe.learning_rate, total_steps=steps, pct_start=0.2)
        case "cosine":
            return lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
        case "plateau":
            return lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.3, patience=2)
        case "step":
            return lr_scheduler.StepLR(optimizer, step_size=max(1, recipe.epochs // 3), gamma=0.1)
        case "constant":
            return lr_scheduler.ConstantLR(optimizer, factor=1.0)
