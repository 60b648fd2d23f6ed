"""Moving a checked artifact and its card to the model store."""

from pathlib import Path

from digitkit.artifacts.place import place


class ExportError(Exception):
    """An artifact that failed its check; what was served before is untouched."""


def publish(staged: Path, target: Path) -> None:
    """Place `staged` and its card at `target`: both, or neither, and the earlier two are whole."""
    place(staged, target)
    print(f"{target}: {target.stat().st_size / 1000:,.0f} kB")
