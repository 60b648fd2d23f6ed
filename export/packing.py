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
from export.errors import ExportError

HANDLERS = Path("handlers")
NOTICES = (Path("LICENSE"), Path("NOTICE"))
PROBE_TIMEOUT_S = 120


def pack(
    weights: Path, name: str, scratch: Path, *, handlers: Path = HANDLERS, config: Path | None = None, beside: Path | None = None
) -> Path:
    """An archive with its card in `scratch`, packed by torch-model-archiver from clean copies; its version is that of the weights.

    Args:
        weights: a weights file or a graph, with its card beside it.
        name: of the model in TorchServe.
        handlers: the archive's root.
        config: the file that becomes its model-config.yaml; None takes the one of the root.
        beside: another net that its task needs beside the weights, with its card.
    Raises:
        CardError: the weights do not match their card.
    """
    card = check_card(weights)
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
    command: list[str | Path] = [
        *("torch-model-archiver", "--model-name", name, "--version", card.version),
        *("--serialized-file", weights, "--handler", handlers / "digit_handler.py"),
        *("--config-file", config or handlers / "model-config.yaml", "--extra-files", root, "--export-path", store),
    ]
    # The archiver builds in, and first empties, $TMPDIR/<model name>: it gets a TMPDIR of its own.
    environment = os.environ | {"TMPDIR": str(private), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    packed = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if packed.returncode:
        *_, reason = f"exit code {packed.returncode}\n{packed.stderr}".strip().splitlines()
        raise ExportError(f"torch-model-archiver failed: {reason}")
    _write_card(store / f"{name}.mar", card)
    return store / f"{name}.mar"


def _write_card(archive: Path, card: Card) -> None:
    made_by = {"torch-model-archiver": metadata.version("torch-model-archiver")}
    write_card(archive, **facts(card) | {"packages": card.packages | made_by})


def answers(archive: Path, pictures: Sequence[bytes]) -> list[Any]:
    """The parsed answers to encoded pictures of an archive's own handler, unpacked in an empty folder.

    Raises:
        ExportError: it does not answer there, or answers TorchServe's messages and handle() differently.
    """
    with tempfile.TemporaryDirectory() as unpacked, zipfile.ZipFile(archive) as packed:
        packed.extractall(unpacked)
        folder = Path(unpacked) / "probe"
        folder.mkdir()
        for i, picture in enumerate(pictures):
            (folder / f"{i:06}").write_bytes(picture)
        probe = Path(__file__).with_name("answer_inside.py").read_text()
        # As in a worker: the archive's root comes first on the path, and its sitecustomize runs.
        environment = os.environ | {"PYTHONPATH": unpacked, "LOG_LOCATION": unpacked}
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
