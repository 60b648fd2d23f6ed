"""Moving a checked graph, or weights in another form, to the model store, its card signed where there is a key."""

from pathlib import Path

from digitkit.artifacts.place import place
from export.signing import find_key, sign_card


def publish(staged: Path, target: Path) -> None:
    """Place `staged` and its card at `target`: either both, or neither, and then the earlier two stay complete.

    Raises:
        ExportError: there is a key that cannot be used to sign the card.
    """
    if key := find_key():
        sign_card(staged, key)
    place(staged, target)
    print(f"{target}: {target.stat().st_size / 1000:,.0f} kB")
