"""Publishing a file: it and its card appear together, or what was there before stays whole."""

import shutil
from pathlib import Path

from digitkit.artifacts.card import card_path, part_path


def place(staged: Path, target: Path) -> None:
    """Copy a finished artifact and its card to `target`.

    Both are copied beside their places first, so a disk that fills up leaves the earlier two. Then the card is moved, and the
    artifact last: make looks at the artifact alone, and builds it again where the command was killed between the two. Until then
    check_card refuses the pair, since the card names the hash of the other file.

    Raises:
        OSError: they cannot be written; the earlier two, or none, are there as before.
    """
    card = card_path(target)
    part, card_part, former = part_path(target), part_path(card), card.with_name(card.name + ".former")
    target.parent.mkdir(parents=True, exist_ok=True)
    former.unlink(missing_ok=True)
    try:
        shutil.copyfile(staged, part)
        shutil.copyfile(card_path(staged), card_part)
        if card.exists():
            shutil.copyfile(card, former)
        try:
            card_part.replace(card)
            part.replace(target)
        except BaseException:
            if part.exists() and not card_part.exists():  # the card was moved, the artifact was not
                _give_back(former, card)
            raise
    finally:
        for path in (part, card_part, former):
            path.unlink(missing_ok=True)


def _give_back(former: Path, card: Path) -> None:
    if former.exists():
        former.replace(card)
    else:
        card.unlink()
