"""Weights between those of two eyes: `python -m training.eye.blend --weights A B --share 0.5 --out folder`.

An eye that went on from another is better at what it learned last and worse at some of what it knew; half way between them it is
better than the first at nearly all. Source: Wortsman et al., Robust fine-tuning of zero-shot models (2022).
"""

import argparse
import sys
import time
from pathlib import Path

import torch

from digitkit.artifacts.card import FIRST_VERSION, CardError
from digitkit.backends import blocks
from digitkit.backends.eye_net import EyeNet
from training.data import mnist
from training.drawn.drawn_release import Workplace, release
from training.eye.eye_trainer import judged
from training.eye.scene_pool import draw_scenes
from training.eye.train_eye import EYE
from training.learn.device import choose_device
from training.publish import hashes
from training.recipe import TrainingError
from training.version import add_version_flag


def blended(first: EyeNet, second: EyeNet, share: float) -> EyeNet:
    """An eye in evaluation mode, each of whose weights is between those of two: at `share` of the way from the first to the second."""
    theirs = second.state_dict()
    net = EyeNet()
    net.load_state_dict(
        {name: torch.lerp(ours, theirs[name], share) if ours.is_floating_point() else ours for name, ours in first.state_dict().items()}
    )
    return net.eval()


def main() -> None:
    parser = argparse.ArgumentParser(prog="training.eye.blend", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, nargs=2, required=True, metavar="FILE", help="the eye that was gone on from, and the other")
    parser.add_argument("--share", type=float, default=0.5, help="how far from the first to the second, 0 to 1 (0.5)")
    parser.add_argument("--run", type=Path, default=EYE.run, help="the folder of the scenes that the blend is judged on")
    parser.add_argument("--out", type=Path, required=True, help=f"the folder that gets {EYE.weights} and its card")
    parser.add_argument("--seed", type=int, default=0, help="of validation's scenes (0)")
    parser.add_argument("--data-root", type=Path, default=mnist.DATA_ROOT)
    add_version_flag(parser, "of the release that the eye becomes part of")
    flags = parser.parse_args()
    began = time.monotonic()
    try:
        first, second = (blocks.read(EyeNet(), path) for path in flags.weights)
        net = blended(first, second, flags.share)
        validation = draw_scenes(flags.run / "scenes", 1, flags.seed, data_root=flags.data_root, is_validation=True)
        found = judged(net, validation, choose_device("cpu")) | {"training_s": time.monotonic() - began}
        place = Workplace(flags.run, flags.out / EYE.weights, flags.data_root, "cpu", flags.version or FIRST_VERSION)
        release(net, {"share": flags.share, "made_from": hashes(flags.weights)}, place, task=EYE.task, found=found)
    except (CardError, TrainingError, mnist.DataError, OSError, ValueError) as err:
        sys.exit(f"{parser.prog}: {err}")
    print(f"{place.weights}: on validation scenes " + "  ".join(f"{name} {value:.4f}" for name, value in found.items()))


if __name__ == "__main__":
    main()
