"""Moving a checked artifact and its card to where they are served from."""

import shutil
from pathlib import Path

from digitkit.card import card_path


class ExportError(Exception):
    """An artifact that failed its check; what was served before is untouched."""


def publish(staged: Path, target: Path) -> None:
    """Move `staged` and its card to `target`, the artifact last, so that make sees it only when both are there.

    Both are copied beside their places first: a disk that fills up leaves the earlier two, which belong together.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    places = (card_path(target), target)
    parts = [place.with_name(place.name + ".part") for place in places]
    try:
        for source, part in zip((card_path(staged), staged), parts, strict=True):
            shutil.copyfile(source, part)
        for part, place in zip(parts, places, strict=True):
            part.replace(place)
    finally:
        for part in parts:
            part.unlink(missing_ok=True)
    print(f"{target}: {target.stat().st_size / 1000:,.0f} kB")
