"""Learn features from pictures without a label, for trainings that start from them: `python -m training.pretrain`.

It looks at MNIST's training pictures and at no label. Its weights read nothing until a training goes on from them, by
`--init-from runs/pretrained/digits.pt`.
"""

import argparse
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

from digitkit.artifacts.card import FIRST_VERSION
from digitkit.settings import SettingsError
from training.data import mnist
from training.learn.contrast import pretrain
from training.publish import WEIGHTS, Origin, publish
from training.recipe import TrainingError, add_flags, from_flags

FIELDS = (  # of a recipe that count here
    *("architecture", "optimizer", "learning_rate", "schedule", "epochs", "batch_size", "weight_decay", "momentum"),
    *("augmentation", "disturbance", "seed", "device", "precision"),
)
OUT = Path("runs/pretrained") / WEIGHTS


def main() -> None:
    parser = argparse.ArgumentParser(prog="training.pretrain", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="pretrain", help="the flags below change its fields")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--data-root", type=Path, default=mnist.DATA_ROOT, help="folder that holds MNIST/raw, or will")
    add_flags(parser, FIELDS)
    flags = vars(parser.parse_args())
    began = time.monotonic()
    try:
        recipe = from_flags(flags["recipe"], flags)
        train, validation = mnist.load_train(flags["data_root"])
        net, loss = pretrain(recipe, train.pictures)
        origin = Origin(FIRST_VERSION, asdict(recipe), {"contrast_loss": loss, "training_s": time.monotonic() - began})
        flags["out"].parent.mkdir(parents=True, exist_ok=True)
        publish(net, flags["out"], origin=origin, validation=validation, data_root=flags["data_root"])
    except (SettingsError, TrainingError, ValueError, OSError, mnist.DataError) as err:
        sys.exit(f"{parser.prog}: {err}")
    print(f"{flags['out']}: features, and a head that has learned nothing; train from them by --init-from {flags['out']}")


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
