"""The error of the export, and moving a checked artifact with its card to the model store."""

from pathlib import Path

from digitkit.artifacts.place import place


class ExportError(Exception):
    """An artifact failed its check; what was served before is unchanged."""


def publish(staged: Path, target: Path) -> None:
    """Place `staged` and its card at `target`: either both, or neither, and then the earlier two stay complete."""
    place(staged, target)
    print(f"{target}: {target.stat().st_size / 1000:,.0f} kB")
