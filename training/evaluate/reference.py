"""The reference of the drift gauges, how a model's validation pictures look: `python -m training.evaluate.reference --weights FILE`.

Training puts it into the card by itself; this command adds it to the card of weights that were trained before cards had it.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from digitkit.artifacts.card import CardError, check_card, facts, write_card
from digitkit.contract import Run
from digitkit.readers.digits import net, statistics
from digitkit.readers.digits.canvas import to_canvases
from digitkit.readers.digits.classify import classify
from digitkit.settings import Settings, SettingsError
from training.data import mnist
from training.evaluate.served import MODEL_CONFIG


def reference(split: mnist.Split, run: Run, settings: Settings) -> dict[str, dict[str, list[float]]]:
    """The card's reference of a split, whose pictures are read as served ones are."""
    pictures = [to_canvases(picture) for picture in split.pictures]
    predictions = classify(pictures, run, settings.threshold("digits"))
    digits, confidences = np.array([p.digit for p in predictions]), np.array([p.confidence for p in predictions], dtype=np.float32)
    return statistics.reference(digits, confidences, statistics.mean_ink([p.canvas for p in predictions]))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="training.evaluate.reference", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path, required=True, help="digits.pt with its card beside it")
    parser.add_argument("--data-root", type=Path, default=mnist.DATA_ROOT, help="folder that holds MNIST/raw")
    flags = parser.parse_args()
    try:
        card = check_card(flags.weights)
        _, validation = mnist.load_train(flags.data_root)
        found = reference(validation, net.load(flags.weights, device="cpu").run, Settings.read(MODEL_CONFIG))
        write_card(flags.weights, **facts(card) | {"reference": found})
    except (CardError, SettingsError, OSError, ValueError, mnist.DataError) as err:
        sys.exit(f"{parser.prog}: {err}")
    for name, known in found.items():
        print(f"{name:>10}  up to  {np.array(known['bounds'])}\n{'':>10}  share  {np.array(known['shares']).round(4)}")


if __name__ == "__main__":
    main()
