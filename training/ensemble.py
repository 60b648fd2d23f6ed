"""Several weights files become one that answers with the mean of their logits: `python -m training.ensemble --weights A B C`."""

import argparse
import sys
from pathlib import Path

from digitkit.artifacts.card import Card, CardError, check_card, version_key
from digitkit.readers.digits import net
from digitkit.settings import SettingsError
from training.data import mnist
from training.publish import WEIGHTS, Origin, hashes, publish
from training.version import add_version_flag

OUT = Path("runs/ensemble") / WEIGHTS


def ensemble(weights: list[Path], out: Path, *, data_root: Path, version: str | None = None) -> Card:
    """Write the ensemble of `weights` and its card, calibrated and measured as a whole.

    Args:
        version: of the ensemble; None for the newest of those that it is made from.
    Raises:
        CardError: a weights file does not match its card.
        ValueError: a weights file that cannot be loaded.
    """
    cards = [check_card(path) for path in weights]
    whole = net.ensemble([net.read(path) for path in weights])
    _, validation = mnist.load_train(data_root)
    seeds = [card.recipe.get("seed") for card in cards]
    origin = Origin(
        version=version or max((card.version for card in cards), key=version_key),
        recipe={"architecture": whole.architecture, "seed": seeds, "made_from": hashes(weights)},
        accuracy={"training_s": sum(card.accuracy["training_s"] for card in cards)},
    )
    return publish(whole, out, origin=origin, validation=validation, data_root=data_root)


def main() -> None:
    parser = argparse.ArgumentParser(prog="training.ensemble", description=__doc__)
    parser.add_argument("--weights", type=Path, nargs="+", required=True, help="weights files with their cards")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--data-root", type=Path, default=mnist.DATA_ROOT, help="folder that holds MNIST/raw, or will")
    add_version_flag(parser, "the newest of these weights")
    flags = parser.parse_args()
    try:
        card = ensemble(flags.weights, flags.out, data_root=flags.data_root, version=flags.version)
    except (CardError, SettingsError, ValueError, OSError, mnist.DataError) as err:
        sys.exit(f"{parser.prog}: {err}")
    print(f"{flags.out}: validation {card.accuracy['validation']:.2%}, test {card.accuracy['test']:.2%}, {card.parameters:,} parameters")


if __name__ == "__main__":
    main()
