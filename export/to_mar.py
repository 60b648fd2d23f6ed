"""Pack an archive for TorchServe: `python -m export.to_mar`. It is published only if it answers outside the checkout."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from importlib import metadata
from pathlib import Path

from digitkit.artifacts.card import CardError, card_path, check_card, facts, write_card
from digitkit.artifacts.store import formers, publish
from digitkit.pictures.codec import encode_png
from digitkit.readers.digits import ort
from export.errors import ExportError
from export.to_torch import check_served
from training.data import mnist

HANDLERS = Path("handlers")
NOTICES = (Path("LICENSE"), Path("NOTICE"))
PROBE_PICTURES = 100
PROBE_TIMEOUT_S = 120


def to_mar(weights: Path, archive: Path, *, data_root: Path) -> None:
    """Write `archive` and its card: the handler, digitkit, the weights or the graph, their card, whose version it takes, and the licence.

    The archive of another version that was served before stays beside it: digitkit.artifacts.store.

    Args:
        weights: digits.pt or digits.onnx, its card beside it.
        archive: its stem is the model's name in TorchServe.
    Raises:
        CardError: the weights do not match their card.
        ValueError: the file holds no weights, or no graph of this contract.
        ExportError: the net as PyTorch serves it answers in another way than the one that was trained, or the archive does not
            answer the probe pictures; nothing is published then.
    """
    card = check_card(weights)
    if weights.suffix == ".pt":
        check_served(weights, data_root=data_root)
    else:
        ort.load(weights, device="cpu")  # its message is clearer than that of an archive that does not answer
    with tempfile.TemporaryDirectory() as scratch:
        staged = _pack(weights, archive.stem, card.version, Path(scratch))
        write_card(staged, **facts(card) | {"packages": card.packages | {"torch-model-archiver": metadata.version("torch-model-archiver")}})
        _check_answers(staged, data_root)
        publish(staged, archive)
    former = "".join(f", beside {path.name}" for path in formers(archive))
    print(f"{archive}: version {card.version}, {archive.stat().st_size / 1000:,.0f} kB{former}")


def _pack(weights: Path, name: str, version: str, scratch: Path) -> Path:
    """The archive, packed by torch-model-archiver from clean copies in `scratch`."""
    handlers, store, private = scratch / "handlers", scratch / "store", scratch / "tmp"
    shutil.copytree(HANDLERS, handlers, ignore=shutil.ignore_patterns("__pycache__", "model-config.yaml", "digit_handler.py"))
    for beside in (card_path(weights), *NOTICES):
        shutil.copy(beside, handlers)
    for folder in (store, private):
        folder.mkdir()
    command: list[str | Path] = [
        *("torch-model-archiver", "--model-name", name, "--version", version),
        *("--serialized-file", weights, "--handler", HANDLERS / "digit_handler.py"),
        *("--config-file", HANDLERS / "model-config.yaml", "--extra-files", handlers, "--export-path", store),
    ]
    # The archiver builds in, and first empties, $TMPDIR/<model name>: it gets a TMPDIR of its own.
    environment = os.environ | {"TMPDIR": str(private), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    packed = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if packed.returncode:
        *_, reason = f"exit code {packed.returncode}\n{packed.stderr}".strip().splitlines()
        raise ExportError(f"torch-model-archiver failed: {reason}")
    return store / f"{name}.mar"


def _check_answers(archive: Path, data_root: Path) -> None:
    """Unpack the archive into an empty folder, let its own handler answer there, and compare with the labels."""
    test = mnist.load_test(data_root)
    with tempfile.TemporaryDirectory() as unpacked, zipfile.ZipFile(archive) as packed:
        packed.extractall(unpacked)
        pictures = Path(unpacked) / "probe"
        pictures.mkdir()
        for i, picture in enumerate(test.pictures[:PROBE_PICTURES]):
            (pictures / f"{i:03}.png").write_bytes(encode_png(picture))
        probe = Path(__file__).with_name("answer_inside.py").read_text()
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"LOG_LOCATION": unpacked}
        try:
            answered = subprocess.run(
                [sys.executable, "-c", probe, pictures], cwd=unpacked, env=environment, capture_output=True, text=True,
                timeout=PROBE_TIMEOUT_S, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as err:
            raise ExportError(f"the archive does not answer within {PROBE_TIMEOUT_S} s outside the checkout") from err
    if answered.returncode:
        *_, reason = f"exit code {answered.returncode}\n{answered.stderr}".strip().splitlines()
        raise ExportError(f"the archive does not answer outside the checkout: {reason}")
    digits = json.loads(answered.stdout.splitlines()[-1])
    right = sum(digit == label for digit, label in zip(digits, test.labels[:PROBE_PICTURES].tolist(), strict=True))
    print(f"{archive.name} unpacked elsewhere reads {right} of {PROBE_PICTURES} test pictures right")
    if right < 0.9 * PROBE_PICTURES:
        raise ExportError(f"the archive reads {right} of {PROBE_PICTURES} test pictures right; at least 90 are needed")


def main() -> None:
    parser = argparse.ArgumentParser(prog="export.to_mar", description=__doc__)
    parser.add_argument("--weights", type=Path, required=True, help="digits.pt or digits.onnx")
    parser.add_argument("--archive", type=Path, required=True, help="model_store/NAME.mar")
    parser.add_argument("--data-root", type=Path, default=mnist.DATA_ROOT)
    flags = parser.parse_args()
    try:
        to_mar(flags.weights, flags.archive, data_root=flags.data_root)
    except (CardError, ExportError, OSError, ValueError, mnist.DataError) as err:
        sys.exit(f"{parser.prog}: {err}")


if __name__ == "__main__":
    main()
