"""Several weights files become one that answers with the mean of their logits: `python -m training.ensemble --weights A B C`."""

import argparse
import sys
from pathlib import Path

from digitkit import net
from digitkit.card import Card, CardError, check_card
from digitkit.settings import SettingsError
from training import data
from training.publish import WEIGHTS, origin, publish

OUT = Path("runs/ensemble") / WEIGHTS


def ensemble(weights: list[Path], out: Path, *, data_root: Path) -> Card:
    """Write the ensemble of `weights` and its card, calibrated and measured as a whole.

    Raises:
        CardError: a weights file does not match its card.
        ValueError: a weights file that cannot be loaded.
    """
    cards = [check_card(path) for path in weights]
    whole = net.ensemble([net.read(path) for path in weights])
    _, validation = data.load_train(data_root)
    return publish(
        whole,
        out,
        recipe={
            "architecture": whole.architecture,
            "seed": [card.recipe.get("seed") for card in cards],
            "made_from": origin(weights),
        },
        validation=validation,
        data_root=data_root,
        accuracy={"training_s": sum(card.accuracy["training_s"] for card in cards)},
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="training.ensemble", description=__doc__)
    parser.add_argument("--weights", type=Path, nargs="+", required=True, help="weights files with their cards")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--data-root", type=Path, default=data.DATA_ROOT, help="folder that holds MNIST/raw, or will")
    flags = parser.parse_args()
    try:
        card = ensemble(flags.weights, flags.out, data_root=flags.data_root)
    except (CardError, SettingsError, ValueError, OSError, data.DataError) as err:
        sys.exit(f"{parser.prog}: {err}")
    print(f"{flags.out}: validation {card.accuracy['validation']:.2%}, test {card.accuracy['test']:.2%}, {card.parameters:,} parameters")


if __name__ == "__main__":
    main()
