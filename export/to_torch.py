"""Export the weights as another form of the PyTorch target: `python -m export.to_torch`. It is only published if it answers as they do."""

import argparse
import sys
import tempfile
from pathlib import Path

import torch

from digitkit.artifacts.card import CardError, check_card, facts, write_card
from digitkit.readers.digits import net
from export.errors import ExportError
from export.forms import PYTORCH
from export.gates import check
from export.publishing import publish
from training.data import mnist


def to_torch(weights: Path, target: Path, *, data_root: Path, form: str) -> None:
    """Write `target` and its card: the same weights, marked to be served in `form`.

    Args:
        weights: digits.pt with its card beside it.
        target: where it is published.
        form: a name in PYTORCH.
    Raises:
        CardError: the weights do not match their card.
        ExportError: the form is unknown, or its answers are too far from those of the weights; then nothing is published.
    """
    if form not in PYTORCH:
        raise ExportError(f"unknown form {form!r} of the PyTorch target; there are {', '.join(PYTORCH)}")
    card, model = check_card(weights), net.read(weights)
    model.form = form
    with tempfile.TemporaryDirectory() as scratch:
        staged = Path(scratch) / target.name
        net.save(model, staged)
        write_card(staged, **facts(card))
        check_served(staged, data_root=data_root)
        publish(staged, target)


def check_served(weights: Path, *, data_root: Path) -> None:
    """Raise ExportError unless the net as PyTorch serves it, folded and in its form, answers as the trained one does."""
    trained = net.read(weights)
    reference, served = net.as_run(trained, torch.device("cpu")), net.load(weights, device="cpu").run
    check(f"{trained.form} PyTorch", served, reference, test=mnist.load_test(data_root), gate=PYTORCH[trained.form])


def main() -> None:
    parser = argparse.ArgumentParser(prog="export.to_torch", description=__doc__)
    parser.add_argument("--weights", type=Path, required=True, help="digits.pt")
    parser.add_argument("--target", type=Path, required=True, help="model_store/digits.FORM.pt")
    parser.add_argument("--form", required=True, help=f"one of {', '.join(PYTORCH)}")
    parser.add_argument("--data-root", type=Path, default=mnist.DATA_ROOT)
    flags = parser.parse_args()
    try:
        to_torch(flags.weights, flags.target, data_root=flags.data_root, form=flags.form)
    except (CardError, ExportError, OSError, ValueError, mnist.DataError) as err:
        sys.exit(f"{parser.prog}: {err}")


if __name__ == "__main__":
    main()
