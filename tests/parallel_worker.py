"""What test_parallel starts under torchrun: small trainings whose weights it compares. `parallel_worker.py OUT DATA_ROOT`."""

import sys
from dataclasses import replace
from pathlib import Path

import torch

from training.data import mnist
from training.learn import checkpoint
from training.learn.checkpoint import CHECKPOINT
from training.learn.loop import Trainer
from training.learn.parallel import joined
from training.recipe import RECIPES

QUICK = replace(RECIPES["quick"], epochs=2, batch_size=64, synthetic=0.0, precision="float32", device="cpu", ema=0.9, clip=1.0)
# Nothing in it differs between one process and several: no batch norm, and nothing random but the order.
SAME = replace(QUICK, architecture="seed", optimizer="sgd", learning_rate=0.05, schedule="constant", dropout=0.0, augmentation=0.0)


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
        trainers = {"same": same, "whole": whole, "resumed": resumed}
        found = {name: (trainer.net.state_dict(), trainer.progress.history) for name, trainer in trainers.items()}
        torch.save(found, out / f"rank-{group.rank}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
