"""Transfer: the net that a training starts from, and which of its layers learn, how fast and from which epoch on."""

from itertools import zip_longest
from pathlib import Path
from typing import Any

from torch import nn

from digitkit.readers.digits.net import DigitNet, read
from training.learn.lora import add_lora
from training.recipe import Recipe, TrainingError


def starting_net(recipe: Recipe) -> DigitNet:
    """A net with random weights, or with those of the recipe's `init_from`.

    Raises:
        CardError: the file does not match its card.
        TrainingError: the file is of another architecture, or the recipe's levers contradict each other.
        ValueError: an unknown architecture, or a file that holds no weights.
    """
    _check(recipe)
    net = DigitNet(recipe.architecture, dropout=recipe.dropout)
    if recipe.init_from:
        given = read(Path(recipe.init_from))
        if given.architecture != net.architecture:
            raise TrainingError(f"{recipe.init_from} is of architecture {given.architecture}; add --architecture {given.architecture}")
        net.load_state_dict(given.state_dict())
    if recipe.lora_rank:
        add_lora(net, recipe.lora_rank)
        learned = sum(parameter.numel() for parameter in net.parameters() if parameter.requires_grad)
        frozen = sum(parameter.numel() for parameter in net.parameters()) - learned
        share = f"{learned / frozen:.1%} of them"
        print(f"LoRA of rank {recipe.lora_rank} learns {learned:,} parameters beside {frozen:,} frozen ones, {share}")
    freeze(recipe, net, 1)  # before the net is wrapped for several processes, which exchange gradients only of what learns by then
    return net


def _check(recipe: Recipe) -> None:
    if (recipe.freeze != "none" or recipe.lora_rank) and not recipe.init_from:
        raise TrainingError("freeze and lora_rank keep weights that were learned before; name them with init_from")
    if recipe.freeze != "none" and recipe.lora_rank:
        raise TrainingError("freeze and lora_rank exclude each other: with lora_rank all weights are frozen")
    if recipe.thaw_epochs and recipe.freeze == "none":
        raise TrainingError("thaw_epochs thaws what freeze has frozen; freeze is none")


def blocks(net: DigitNet) -> list[list[nn.Module]]:
    """The layers in blocks from the head down, a convolution or linear layer with what follows it; an ensemble's members together."""
    members = []
    for layers in net.members():
        own: list[list[nn.Module]] = []
        for layer in layers:
            if isinstance(layer, nn.Conv2d | nn.Linear) or not own:
                own.append([])
            own[-1].append(layer)
        members.append(own[::-1])
    return [[layer for block in level for layer in block] for level in zip_longest(*members, fillvalue=[])]


def learning(recipe: Recipe, net: DigitNet, epoch: int) -> int:
    """How many blocks learn in an epoch, counted from the head; the first epoch is 1."""
    levels = blocks(net)
    linear = [any(isinstance(layer, nn.Linear) for layer in block) for block in levels]
    at_first = {"none": len(levels), "features": sum(linear), "all-but-head": 1}[recipe.freeze]
    thawed = (epoch - 1) // recipe.thaw_epochs if recipe.thaw_epochs else 0
    return min(at_first + thawed, len(levels))


def freeze(recipe: Recipe, net: DigitNet, epoch: int) -> None:
    """Freeze all layers but those that the recipe lets learn in this epoch; batch norms of frozen blocks keep their statistics.

    Source of the thawing from the head down: Howard and Ruder, Universal language model fine-tuning (2018), section 3.3.
    """
    learned = 0 if recipe.lora_rank else learning(recipe, net, epoch)
    for i, block in enumerate(blocks(net)):
        for layer in block:
            if not recipe.lora_rank:  # LoRA's own weights learn, and nothing else does
                layer.requires_grad_(i < learned)
            if i >= learned and isinstance(layer, nn.BatchNorm2d):
                layer.eval()


def parameter_groups(recipe: Recipe, net: DigitNet) -> list[dict[str, Any]]:
    """The parameter groups of an optimiser: the head's, and those below it, whose learning rate is the recipe's share of the head's."""
    if recipe.feature_rate == 1:
        return [{"params": list(net.parameters())}]
    head, *below = blocks(net)
    return [
        {"params": [parameter for layer in head for parameter in layer.parameters()]},
        {
            "params": [parameter for block in below for layer in block for parameter in layer.parameters()],
            "lr": recipe.learning_rate * recipe.feature_rate,
        },
    ]
