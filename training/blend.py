"""Weights between those of two nets: `python -m training.blend finder --weights A B --share 0.5 --out folder`.

A net that went on from another is better at what it learned last and worse at some of what it knew; part of the way between them it is
better than the first at nearly all. Source: Wortsman et al., Robust fine-tuning of zero-shot models (2022).
"""

import argparse
import copy
import sys
import time
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from digitkit.artifacts.card import FIRST_VERSION, CardError
from digitkit.backends import blocks
from digitkit.backends.eye_net import EyeNet
from digitkit.backends.finder_net import FinderNet
from digitkit.backends.line_net import LineNet
from training.data import mnist
from training.drawn.drawn_release import Workplace
from training.eye.train_eye import EYE
from training.lines.train_numbers import NUMBERS
from training.pages.train_finder import FINDER
from training.publish import hashes
from training.recipe import TrainingError
from training.version import add_version_flag

NETS = {"eye": (EYE, EyeNet), "numbers": (NUMBERS, LineNet), "finder": (FINDER, FinderNet)}

Net = TypeVar("Net", bound=nn.Module)


def blended(first: Net, second: nn.Module, share: float) -> Net:
    """A net in evaluation mode, each of whose weights is between those of two: at `share` of the way from the first to the second."""
    net, theirs = copy.deepcopy(first), second.state_dict()
    between = {
        name: torch.lerp(ours, theirs[name], share) if ours.is_floating_point() else ours for name, ours in first.state_dict().items()
    }
    net.load_state_dict(between)
    return net.eval()


def main() -> None:
    parser = argparse.ArgumentParser(prog="training.blend", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("net", choices=NETS)
    parser.add_argument("--weights", type=Path, nargs=2, required=True, metavar="FILE", help="the net that was gone on from, and the other")
    parser.add_argument("--share", type=float, default=0.5, help="how far from the first to the second, 0 to 1 (0.5)")
    parser.add_argument("--run", type=Path, help="the folder of the pictures that the blend is judged on; that of the net if there is none")
    parser.add_argument("--out", type=Path, required=True, help="the folder that gets the weights and their card")
    parser.add_argument("--seed", type=int, default=0, help="of validation's pictures (0)")
    parser.add_argument("--data-root", type=Path, default=mnist.DATA_ROOT)
    add_version_flag(parser, "of the release that the weights become part of")
    flags = parser.parse_args()
    made, kind = NETS[flags.net]
    place = Workplace(flags.run or made.run, flags.out / made.weights, flags.data_root, "cpu", flags.version or FIRST_VERSION)
    began = time.monotonic()
    try:
        first, second = (blocks.read(kind(), path) for path in flags.weights)
        story = {"share": flags.share, "made_from": hashes(flags.weights)}
        card = made.publish(blended(first, second, flags.share), story, place, flags.seed, began)
    except (CardError, TrainingError, mnist.DataError, OSError, ValueError) as err:
        sys.exit(f"{parser.prog}: {err}")
    print(f"{place.weights}: on validation " + "  ".join(f"{name} {value:.4f}" for name, value in card.accuracy.items()))


if __name__ == "__main__":
    main()
