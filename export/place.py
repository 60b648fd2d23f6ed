"""Moving a checked artifact and its card to where they are served from."""

import shutil
from pathlib import Path

from digitkit.card import card_path


class ExportError(Exception):
    """An artifact that failed its check; what was served before is untouched."""


def publish(staged: Path, target: Path) -> None:
    """Move `staged` and its card to `target`, the artifact last, so that make sees it only when both are there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for source, place in ((card_path(staged), card_path(target)), (staged, target)):
        beside = place.with_name(place.name + ".part")
        try:
            shutil.copyfile(source, beside)
            beside.replace(place)
        finally:
            beside.unlink(missing_ok=True)
    print(f"{target}: {target.stat().st_size / 1000:,.0f} kB")
