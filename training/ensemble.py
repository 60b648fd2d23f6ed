"""Several weights files become one: `python -m training.ensemble --weights A B C`.

It answers with the mean of their logits, and is as large as all of them together; with `--soup` its weights are the mean of theirs,
which is as large as one. Those that are averaged must have begun from the same weights: trained from random ones they are no net together.
Source of the soup: Wortsman et al., Model soups: averaging weights of multiple fine-tuned models (2022).
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from digitkit.artifacts.card import Card, CardError, check_card, version_key
from digitkit.readers.digits import net
from digitkit.settings import SettingsError
from training.data import mnist
from training.publish import WEIGHTS, Origin, hashes, publish
from training.version import add_version_flag

OUT = Path("runs/ensemble") / WEIGHTS


def ensemble(weights: list[Path], out: Path, *, data_root: Path, version: str | None = None, is_soup: bool = False) -> Card:
    """Write the ensemble or the soup of `weights` and its card: calibrated and measured as a whole, and how its members read.

    Args:
        version: of the ensemble; None for the newest of those that it is made from.
    Raises:
        CardError: a weights file does not match its card.
        ValueError: a weights file that cannot be loaded, or weights of several architectures for a soup.
    """
    cards = [check_card(path) for path in weights]
    nets = [net.read(path) for path in weights]
    whole = soup(nets) if is_soup else net.ensemble(nets)
    _, validation = mnist.load_train(data_root)
    seeds, tests = [card.recipe.get("seed") for card in cards], [card.accuracy["test"] for card in cards]
    members = {"seeds": len(cards), "test_mean": float(np.mean(tests)), "test_std": float(np.std(tests, ddof=1)) if len(tests) > 1 else 0.0}
    origin = Origin(
        version=version or max((card.version for card in cards), key=version_key),
        recipe={"architecture": whole.architecture, "seed": seeds, "made_from": hashes(weights)},
        accuracy=members | {"training_s": sum(card.accuracy["training_s"] for card in cards)},
    )
    return publish(whole, out, origin=origin, validation=validation, data_root=data_root)


def soup(nets: Sequence[net.DigitNet]) -> net.DigitNet:
    """One net, in evaluation mode, each of whose weights is the mean of those of `nets`; raises ValueError where these are not alike."""
    architectures = sorted({each.architecture for each in nets})
    if len(architectures) > 1:
        raise ValueError(f"a soup is of one architecture; these are {', '.join(architectures)}")
    mean, states = net.DigitNet(architectures[0]), [each.state_dict() for each in nets]
    mean.load_state_dict({name: torch.stack([state[name].double() for state in states]).mean(dim=0) for name in states[0]})
    return mean.eval()


def main() -> None:
    parser = argparse.ArgumentParser(prog="training.ensemble", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, nargs="+", required=True, help="weights files with their cards")
    parser.add_argument("--soup", action="store_true", help="the mean of their weights, in place of that of their logits")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--data-root", type=Path, default=mnist.DATA_ROOT, help="folder that holds MNIST/raw, or will")
    add_version_flag(parser, "the newest of these weights")
    flags = parser.parse_args()
    try:
        card = ensemble(flags.weights, flags.out, data_root=flags.data_root, version=flags.version, is_soup=flags.soup)
    except (CardError, SettingsError, ValueError, OSError, mnist.DataError) as err:
        sys.exit(f"{parser.prog}: {err}")
    print(f"{flags.out}: validation {card.accuracy['validation']:.2%}, test {card.accuracy['test']:.2%}, {card.parameters:,} parameters")


if __name__ == "__main__":
    main()
