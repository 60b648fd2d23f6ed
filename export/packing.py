"""Packing an archive for TorchServe from weights of any task, and asking it outside the checkout."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from digitkit.artifacts.card import Card, card_path, check_card, facts, write_card
from digitkit.artifacts.signed_card import check_signed
from export.errors import ExportError
from export.signing import find_key, seal, sign_card

HANDLERS = Path("handlers")
NOTICES = (Path("LICENSE"), Path("NOTICE"))
PROBE_TIMEOUT_S = 120


def pack(
    weights: Path, name: str, scratch: Path, *, handlers: Path = HANDLERS, config: Path | None = None, beside: Path | None = None
) -> Path:
    """An archive with its card in `scratch`, packed by torch-model-archiver from clean copies; its version is that of the weights.

    Where there is a key, the archive is sealed and its card signed.

    Args:
        weights: a weights file or a graph, with its card beside it.
        name: of the model in TorchServe.
        handlers: the archive's root.
        config: the file that becomes its model-config.yaml; None takes the one of the root.
        beside: another net that its task needs beside the weights, with its card.
    Raises:
        CardError: the weights do not match their card, or there is a key and they are a graph that it did not sign.
        ExportError: the archiver failed, or there is a key that cannot be used.
    """
    card, key = check_card(weights), find_key()
    if key:
        for graph in (path for path in (weights, beside) if path and path.suffix == ".onnx"):
            check_signed(graph, key.public_key())
    root, store, private = scratch / "handlers", scratch / "store", scratch / "tmp"
    shutil.copytree(handlers, root, ignore=shutil.ignore_patterns("__pycache__", "model-config.yaml", "digit_handler.py"))
    for notice in (card_path(weights), *NOTICES):
        shutil.copy(notice, root)
    if beside is not None:
        check_card(beside)
        for part in (beside, card_path(beside)):
            shutil.copy(part, root)
    for folder in (store, private):
        folder.mkdir()
    # The archiver builds in, and first empties, $TMPDIR/<model name>: it gets a TMPDIR of its own.
    _run_archiver(private, [
        *("--model-name", name, "--version", card.version),
        *("--serialized-file", weights, "--handler", handlers / "digit_handler.py"),
        *("--config-file", config or handlers / "model-config.yaml", "--extra-files", root, "--export-path", store),
    ])  # fmt: skip
    archive = store / f"{name}.mar"
    if key:
        seal(archive, key)
    _write_card(archive, card)
    if key:
        sign_card(archive, key)
    return archive


def _run_archiver(folder: Path, flags: Sequence[str | Path]) -> None:
    environment = os.environ | {"TMPDIR": str(folder), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    packed = subprocess.run(["torch-model-archiver", *flags], env=environment, capture_output=True, text=True, check=False)
    if packed.returncode:
        *_, reason = f"exit code {packed.returncode}\n{packed.stderr}".strip().splitlines()
        raise ExportError(f"torch-model-archiver failed: {reason}")


def _write_card(archive: Path, card: Card) -> None:
    made_by = {"torch-model-archiver": metadata.version("torch-model-archiver")}
    write_card(archive, **facts(card) | {"packages": card.packages | made_by})


def answers(archive: Path, pictures: Sequence[bytes]) -> list[Any]:
    """The parsed answers to encoded pictures of an archive's own handler, unpacked in an empty folder.

    Raises:
        ExportError: it does not answer there, or answers TorchServe's messages and handle() differently.
    """
    with tempfile.TemporaryDirectory() as unpacked, tempfile.TemporaryDirectory() as asked, zipfile.ZipFile(archive) as packed:
        packed.extractall(unpacked)
        folder = Path(asked)  # a file more in the archive would break its seal
        for i, picture in enumerate(pictures):
            (folder / f"{i:06}").write_bytes(picture)
        probe = Path(__file__).with_name("answer_inside.py").read_text()
        # As in a worker: the archive's root comes first on the path, and its sitecustomize runs.
        environment = os.environ | {"PYTHONPATH": unpacked, "LOG_LOCATION": asked}
        try:
            answered = subprocess.run(
                [sys.executable, "-c", probe, folder], cwd=unpacked, env=environment, capture_output=True, text=True,
                timeout=PROBE_TIMEOUT_S, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as err:
            raise ExportError(f"the archive does not answer within {PROBE_TIMEOUT_S} s outside the checkout") from err
    if answered.returncode:
        *_, reason = f"exit code {answered.returncode}\n{answered.stderr}".strip().splitlines()
        raise ExportError(f"the archive does not answer outside the checkout: {reason}")
    told = json.loads(answered.stdout.splitlines()[-1])
    if not told["took_over"]:
        print(f"{archive.name} is read as TorchServe reads: digitkit.serving.frames is not for the version installed here")
    return list(told["answers"])
