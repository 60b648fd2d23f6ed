"""Pack an archive for TorchServe: `python -m export.to_mar`. It is only published if it answers outside the checkout."""

import argparse
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

from digitkit.artifacts.card import CardError, check_card
from digitkit.artifacts.store import formers, publish
from digitkit.contract import Picture
from digitkit.pictures.codec import encode_png
from digitkit.readers.digits import ort
from export.errors import ExportError
from export.packing import HANDLERS, answers, pack
from export.to_torch import check_served
from training.data import mnist

CONFIG = HANDLERS / "model-config.yaml"
PROBE_PICTURES = 100
PAGE_PX = (200, 300)  # height and width of the page that only a working eye reads
PAPER, PEN, BLOT = 225, 45, 40  # its grey levels


def to_mar(weights: Path, archive: Path, *, eye: Path, data_root: Path, config: Path = CONFIG) -> None:
    """Write `archive` and its card: the handler, digitkit, weights or graph, eye, their cards and the licence. Its version is the weights'.

    An earlier archive of another version stays beside it, as digitkit.artifacts.store says.

    Args:
        weights: digits.pt or digits.onnx, with its card beside it.
        archive: its stem is the model's name in TorchServe.
        eye: eye.pt or eye.onnx, with its card beside it.
        config: the file that becomes model-config.yaml in it.
    Raises:
        CardError: the weights do not match their card.
        ValueError: the file holds no weights, or no graph of this contract.
        ExportError: the net as PyTorch serves it answers differently from the trained one, or the archive does not
            answer the probe pictures; then nothing is published.
    """
    version = check_card(weights).version
    if weights.suffix == ".pt":
        check_served(weights, data_root=data_root)
    else:
        ort.load(weights, device="cpu")  # its message is clearer than that of an archive that does not answer
    with tempfile.TemporaryDirectory() as scratch:
        staged = pack(weights, archive.stem, Path(scratch), config=config, eye=eye)
        check_answers(staged, data_root)
        publish(staged, archive)
    former = "".join(f", beside {path.name}" for path in formers(archive))
    print(f"{archive}: version {version}, {archive.stat().st_size / 1000:,.0f} kB{former}")


def check_answers(archive: Path, data_root: Path) -> None:
    """Check that the archive, unpacked elsewhere, reads test pictures and a page as their labels say; raises ExportError."""
    test = mnist.load_test(data_root)
    pictures = [*test.pictures[:PROBE_PICTURES], page_of(test.pictures[0])]
    *found, on_page = answers(archive, [encode_png(picture) for picture in pictures])
    right = sum(answer.get("digit") == label for answer, label in zip(found, test.labels[:PROBE_PICTURES].tolist(), strict=True))
    print(f"{archive.name} unpacked elsewhere reads {right} of {PROBE_PICTURES} test pictures right")
    if right < 0.9 * PROBE_PICTURES:
        raise ExportError(f"the archive reads {right} of {PROBE_PICTURES} test pictures right; at least 90 are needed")
    if on_page.get("digit") != test.labels[0]:
        raise ExportError("the archive does not find a digit beside a blot: its eye sees nothing, or something else than it should")


def page_of(digit: Picture) -> Picture:
    """A light page with a digit of MNIST's and a larger blot, which the rules alone take for the digit.

    Args:
        digit: uint8 (28, 28), bright on dark.
    """
    page = np.full(PAGE_PX, PAPER, dtype=np.uint8)
    larger = cv2.resize(digit, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    top, left = (PAGE_PX[0] - len(larger)) // 2, PAGE_PX[0] // 5
    page[top : top + len(larger), left : left + len(larger)] = PAPER - larger * ((PAPER - PEN) / 255)
    page[PAGE_PX[0] // 5 : -PAGE_PX[0] // 5, -PAGE_PX[1] * 2 // 5 : -PAGE_PX[1] // 10] = BLOT
    return page


def main() -> None:
    parser = argparse.ArgumentParser(prog="export.to_mar", description=__doc__)
    parser.add_argument("--weights", type=Path, required=True, help="digits.pt or digits.onnx")
    parser.add_argument("--archive", type=Path, required=True, help="model_store/NAME.mar")
    parser.add_argument("--eye", type=Path, required=True, help="eye.pt for weights, eye.onnx for a graph")
    parser.add_argument("--config", type=Path, default=CONFIG, help="its model-config.yaml")
    parser.add_argument("--data-root", type=Path, default=mnist.DATA_ROOT)
    flags = parser.parse_args()
    try:
        to_mar(flags.weights, flags.archive, eye=flags.eye, data_root=flags.data_root, config=flags.config)
    except (CardError, ExportError, OSError, ValueError, mnist.DataError) as err:
        sys.exit(f"{parser.prog}: {err}")


if __name__ == "__main__":
    main()
