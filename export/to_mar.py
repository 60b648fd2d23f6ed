"""Pack an archive for TorchServe: `python -m export.to_mar`. It is only published if it answers outside the checkout."""

import argparse
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from digitkit.artifacts.card import CardError, check_card
from digitkit.artifacts.store import formers, publish
from digitkit.contract import Picture
from digitkit.pictures.codec import encode_png
from digitkit.readers.digits import ort
from export import number_probes
from export.errors import ExportError
from export.packing import HANDLERS, answers, pack
from export.to_torch import check_served
from training.data import mnist

CONFIG = HANDLERS / "model-config.yaml"
BATCH = re.compile(r"^batchSize: .*$", re.M)
PROBE_PICTURES = 100
PAGE_PX = (200, 300)  # height and width of the page that only a working eye reads
PAPER, PEN, BLOT = 225, 45, 40  # its grey levels


class ArchiveChecks(NamedTuple):
    """What a model of a task must pass, each given the folder with MNIST: its weights before they are packed, and the archive with them."""

    check_weights: Callable[[Path, Path], None]
    check_archive: Callable[[Path, Path], None]


def to_mar(weights: Path, archive: Path, *, beside: Path | None = None, data_root: Path, config: Path = CONFIG) -> None:
    """Write `archive` and its card: the handler, digitkit, the weights or graph and what its task needs beside it, and their cards.

    Its version is the weights'.

    An earlier archive of another version stays beside it, as digitkit.artifacts.store says.

    Args:
        weights: weights or a graph of any task, with the card beside them.
        archive: its stem is the model's name in TorchServe.
        beside: the eye or the finder, weights beside weights and a graph beside a graph, with its card.
        config: the file that becomes model-config.yaml in it.
    Raises:
        CardError: the weights do not match their card.
        ValueError: the file holds no weights, or no graph of this contract.
        ExportError: the net as PyTorch serves it answers differently from the trained one, the archive does not
            answer the probe pictures, or nothing is known to try its task with; then nothing is published.
    """
    card = check_card(weights)
    version, checks = card.version, CHECKS.get(card.task)
    if checks is None:
        raise ExportError(f"{weights} is of the task {card.task!r}; archives are tried for {', '.join(CHECKS)}")
    checks.check_weights(weights, data_root)
    with tempfile.TemporaryDirectory() as scratch:
        staged = pack(weights, archive.stem, Path(scratch), config=config, beside=beside)
        checks.check_archive(staged, data_root)
        publish(staged, archive)
    former = "".join(f", beside {path.name}" for path in formers(archive))
    print(f"{archive}: version {version}, {archive.stat().st_size / 1000:,.0f} kB{former}")


def for_clients_alone(config: Path, folder: Path) -> Path:
    """A copy in `folder` of a model-config.yaml, with batches of one request.

    TorchServe waits for more requests only where a batch may hold more, and cannot wait less than a millisecond.

    Raises:
        ExportError: the file does not say how large a batch is.
    """
    text, found = BATCH.subn("batchSize: 1", config.read_text())
    if not found:
        raise ExportError(f"{config} has no batchSize, which LATENCY=on replaces")
    changed = folder / "model-config.yaml"
    changed.write_text(text)
    return changed


def check_weights(weights: Path, data_root: Path) -> None:
    """Check that weights are served as they were trained, or that a graph loads; raises ExportError and ValueError."""
    if weights.suffix == ".pt":
        check_served(weights, data_root=data_root)
    else:
        ort.load(weights, device="cpu")  # its message is clearer than that of an archive that does not answer


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


CHECKS = {
    "digits": ArchiveChecks(check_weights, check_answers),
    "numbers": ArchiveChecks(number_probes.check_weights, number_probes.check_answers),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="export.to_mar", description=__doc__)
    parser.add_argument("--weights", type=Path, required=True, help="digits.pt, digits.onnx, numbers.pt or numbers.onnx")
    parser.add_argument("--archive", type=Path, required=True, help="model_store/NAME.mar")
    parser.add_argument("--beside", type=Path, help="what its task needs beside them: eye.pt, eye.onnx, finder.pt or finder.onnx")
    parser.add_argument("--config", type=Path, default=CONFIG, help="its model-config.yaml")
    parser.add_argument("--latency", choices=("on",), help="batches of one request, for which TorchServe waits for no other")
    parser.add_argument("--data-root", type=Path, default=mnist.DATA_ROOT)
    flags = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as scratch:
            config = for_clients_alone(flags.config, Path(scratch)) if flags.latency else flags.config
            to_mar(flags.weights, flags.archive, beside=flags.beside, data_root=flags.data_root, config=config)
    except (CardError, ExportError, OSError, ValueError, mnist.DataError) as err:
        sys.exit(f"{parser.prog}: {err}")


if __name__ == "__main__":
    main()
