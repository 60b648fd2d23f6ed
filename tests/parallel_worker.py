"""What test_parallel starts under torchrun: small trainings whose weights it compares. `parallel_worker.py OUT DATA_ROOT`."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.data import mnist
from training.drawn.drawn_trainer import Batch, DrawnRecipe, DrawnTrainer
from training.learn import checkpoint
from training.learn.checkpoint import CHECKPOINT
from training.learn.loop import Trainer
from training.learn.parallel import ALONE, Group, joined
from training.recipe import RECIPES

QUICK = replace(RECIPES["quick"], epochs=2, batch_size=64, synthetic=0.0, precision="float32", device="cpu", ema=0.9, clip=1.0)
# Nothing in it differs between one process and several: no batch norm, and nothing random but the order.
SAME = replace(QUICK, architecture="seed", optimizer="sgd", learning_rate=0.05, schedule="constant", dropout=0.0, augmentation=0.0)


DRAWN = DrawnRecipe(scenes=65, epochs=2, batch_size=16, ema=0.9, warm_up=1)


class Points:
    """65 points whose class is the sign of their first number, in batches of which the last has one alone."""

    def __len__(self) -> int:
        return DRAWN.scenes

    def steps(self, size: int) -> int:
        return -(-len(self) // size)

    def batches(self, size: int, seed: int) -> Iterator[Batch]:
        points = torch.randn(len(self), 4, generator=torch.Generator().manual_seed(seed))
        yield from zip(points.split(size), (points[:, 0] > 0).float().split(size), strict=True)


def missed(net: nn.Module, batch: Batch, device: torch.device, *, bfloat16: bool) -> dict[str, Tensor]:
    assert not bfloat16 and device.type == "cpu"
    return {"sign": functional.binary_cross_entropy_with_logits(net(batch[0]).squeeze(1), batch[1])}


def drawn_trainer(group: Group = ALONE) -> DrawnTrainer[nn.Module]:
    torch.manual_seed(0)
    return DrawnTrainer[nn.Module](DRAWN, nn.Linear(4, 1), Points(), missed, torch.device("cpu"), bfloat16=False, group=group)


def splits(root: Path) -> tuple[mnist.Split, mnist.Split]:
    """512 pictures to train on and 256 to validate on."""
    train, validation = mnist.load_train(root)
    return train.take(slice(512)), validation.take(slice(256))


def main(out: Path, root: Path) -> None:
    pictures = splits(root)
    with joined("cpu") as group:
        same = Trainer(SAME, *pictures, group=group)
        same.run(out / "same", resume=False)
        whole = Trainer(QUICK, *pictures, group=group)
        whole.run(out / "whole", resume=False)
        cut_short = Trainer(QUICK, *pictures, group=group)
        cut_short.epoch()
        if group.is_first:
            checkpoint.save(out / "whole" / CHECKPOINT, QUICK, cut_short.progress, cut_short.states())
        group.wait()
        resumed = Trainer(QUICK, *pictures, group=group)
        resumed.run(out / "whole", resume=True)
        drawn = drawn_trainer(group)
        drawn.run(out / "drawn")
        trainers = {"same": same, "whole": whole, "resumed": resumed}
        found = {name: (trainer.net.state_dict(), trainer.progress.history) for name, trainer in trainers.items()}
        found["drawn"] = (drawn.net.state_dict(), [])
        torch.save(found, out / f"rank-{group.rank}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
