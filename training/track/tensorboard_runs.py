"""TensorBoard's files in the folder of a run: `tensorboard --logdir runs` shows them."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

FOLDER = "tensorboard"
LONGEST_TEXT = 100_000  # bytes of a file that are shown as text; of a longer one, and of weights, its path alone
TEXTS = {".json", ".txt", ".md", ".yaml"}


class TensorBoardRun:
    """Scalars in `tensorboard/` of the run's folder. A training that is resumed replaces those after its checkpoint."""

    def __init__(self, run: Path, *, resume: bool) -> None:
        self._folder = run / FOLDER
        if not resume:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._writer: SummaryWriter | None = None

    def describe(self, facts: Mapping[str, Any]) -> None:
        self._write_text("recipe and lineage", json.dumps(facts, indent=2, default=str))

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        if self._writer is None:
            self._writer = SummaryWriter(self._folder, purge_step=step)
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def keep(self, path: Path) -> None:
        is_shown = path.suffix in TEXTS and path.stat().st_size <= LONGEST_TEXT
        self._write_text(path.name, path.read_text() if is_shown else str(path))

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def _write_text(self, name: str, text: str) -> None:
        """Add a text, which TensorBoard reads as Markdown, as it is. It has a writer of its own, since it must not purge scalars."""
        with SummaryWriter(self._folder) as writer:
            writer.add_text(name, "\n".join(f"    {line}" for line in text.splitlines()))
