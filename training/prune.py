"""Remove whole channels from a net, which makes it smaller, and train what is left: `python -m training.prune --weights W`."""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from digitkit.artifacts.card import CardError, check_card
from digitkit.readers.digits.net import DigitNet, read
from digitkit.settings import SettingsError
from training.data import mnist
from training.publish import Origin, hashes, publish
from training.recipe import RECIPES, TrainingError, add_flags, from_flags
from training.train import train
from training.version import add_version_flag

RUN = Path("runs/pruned")
CUT = "cut.pt"  # the net before it is trained again


def prune(net: DigitNet, share: float) -> DigitNet:
    """A smaller net, in evaluation mode: `share` of the channels of each layer but the last are gone, the weakest ones.

    Until it is trained again it answers as the old net would with those channels at zero.

    Args:
        share: 0 to below 1; each layer keeps at least one channel.
    Raises:
        ValueError: a share out of range.
    """
    if not 0 <= share < 1:
        raise ValueError(f"the share to remove is {share}; it must be from 0 to below 1")
    kept = [keep(layers, share) for layers in net.members()]
    names = [member.partition("-")[0] for member in net.architecture.split("+")]
    smaller = DigitNet("+".join("-".join([name, *(str(len(k)) for k in own)]) for name, own in zip(names, kept, strict=True)))
    for old, new, own in zip(net.members(), smaller.members(), kept, strict=True):
        _copy(old, new, own)
    return smaller.eval()


def keep(layers: nn.Sequential, share: float) -> list[Tensor]:
    """For each convolution and linear layer but the last the channels that stay, in their order.

    A channel's strength is the sum of the magnitudes of its weights, times the scale that batch norm gives it.
    Source: Li et al., Pruning filters for efficient convnets (2017), section 3.1; the scale, Liu et al., Learning efficient
    convolutional networks through network slimming (2017).
    """
    strengths: list[Tensor] = []
    for layer in layers:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            strengths.append(layer.weight.detach().flatten(1).abs().sum(dim=1))
        elif isinstance(layer, nn.BatchNorm2d):
            assert isinstance(layer.running_var, Tensor)
            strengths[-1] *= layer.weight.detach().abs() / (layer.running_var + layer.eps).sqrt()
    return [s.topk(max(1, round((1 - share) * len(s)))).indices.sort().values for s in strengths[:-1]]


def _copy(old: nn.Sequential, new: nn.Sequential, kept: Sequence[Tensor]) -> None:
    """Fill a smaller net from the channels of a larger one that stay."""
    waiting = iter(kept)
    width, inputs = 1, torch.zeros(1, dtype=torch.long)  # channels of the next layer's input: how many there were, which stay
    for source, target in zip(old, new, strict=True):
        state = source.state_dict()
        if isinstance(source, nn.Conv2d | nn.Linear):
            weight = state["weight"]
            each = weight.shape[1] // width  # columns a channel: several behind Flatten, which makes each pixel an input
            columns = (inputs.unsqueeze(1) * each + torch.arange(each)).flatten()
            outputs = next(waiting, torch.arange(len(weight)))
            state = {name: value[outputs] for name, value in state.items()}
            state["weight"] = state["weight"][:, columns]
            width, inputs = len(weight), outputs
        elif isinstance(source, nn.BatchNorm2d):
            state = {name: value[inputs] if value.ndim else value for name, value in state.items()}
        target.load_state_dict(state)


def main() -> None:
    parser = argparse.ArgumentParser(prog="training.prune", description=__doc__)
    parser.add_argument("--weights", type=Path, required=True, help="the weights file to prune, with its card")
    parser.add_argument("--share", type=float, default=0.5, help="of the channels of each layer but the last to remove (%(default)s)")
    parser.add_argument("--recipe", default="quick", help=f"of the training that follows, one of {', '.join(RECIPES)}")
    parser.add_argument("--run", type=Path, default=RUN, help="folder of the pruned weights, before and after their training (%(default)s)")
    parser.add_argument("--data-root", type=Path, default=mnist.DATA_ROOT, help="folder that holds MNIST/raw, or will")
    add_version_flag(parser, "that of the weights")
    add_flags(parser)
    flags = vars(parser.parse_args())
    cut, root = flags["run"] / CUT, flags["data_root"]
    try:
        recipe = from_flags(flags["recipe"], flags)
        whole = check_card(flags["weights"])
        smaller = prune(read(flags["weights"]), flags["share"])
        _, validation = mnist.load_train(root)
        described = {"architecture": smaller.architecture, "seed": whole.recipe.get("seed"), "made_from": hashes([flags["weights"]])}
        version = flags["version"] or whole.version
        origin = Origin(version, described, {"training_s": whole.accuracy["training_s"]})
        card = publish(smaller, cut, origin=origin, validation=validation, data_root=root)
        print(
            f"{cut} is {smaller.architecture}: {card.parameters:,} of {whole.parameters:,} parameters,"
            f" test {card.accuracy['test']:.2%} before it is trained again, {whole.accuracy['test']:.2%} unpruned"
        )
        recipe = replace(recipe, init_from=str(cut), architecture=smaller.architecture)
        train(recipe, flags["run"], data_root=root, resume=False, version=version)
    except (CardError, SettingsError, TrainingError, ValueError, OSError, mnist.DataError) as err:
        sys.exit(f"{parser.prog}: {err}")


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
