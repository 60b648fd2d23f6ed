"""Which archives of a model store a server starts with, and whether it may."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.errors import ServerError
from deploy.model_list import ListedModel
from digitkit.artifacts.card import CardError, check_card
from digitkit.artifacts.seal import SealError, read_public_key
from digitkit.artifacts.signed_card import check_signed
from digitkit.artifacts.store import latest_archives, model_name


def served_models(store: Path, chosen: Sequence[str] = ()) -> tuple[str, ...]:
    """The names of the models that a server starts with: the chosen ones, or without a choice one for each archive in its store.

    Raises:
        ServerError: no model is chosen, and the store holds no archive.
    """
    found = tuple(chosen) or tuple(archive.stem for archive in latest_archives(store))
    if not found:
        raise ServerError(f"{store} holds no archive; make export builds them")
    return found


def archives(store: Path, models: Sequence[str]) -> list[Path]:
    """The archives of all versions of these models in a store, sorted by name."""
    return [archive for archive in sorted(store.glob("*.mar")) if model_name(archive) in models]


def check_archives(store: Path, models: Sequence[str], public_key: Path | None = None) -> None:
    """Return if every archive is the file that its card describes, and the card is signed where there is a key.

    Raises:
        ServerError: one is not, or the key cannot be used. An archive is code.
    """
    try:
        key = read_public_key(public_key) if public_key else None
    except SealError as err:
        raise ServerError(str(err)) from err
    for archive in dict.fromkeys([*(store / f"{name}.mar" for name in models), *archives(store, models)]):
        try:
            check_signed(archive, key) if key else check_card(archive)
        except CardError as err:
            first = "remove the archive, then " if archive.exists() else ""  # make does not rebuild a file that exists
            raise ServerError(f"{err}; {first}make export builds it") from err


def listed(models: Sequence[str], known: Mapping[str, ListedModel], store: Path) -> list[ListedModel]:
    """What the list says of each of these models.

    Raises:
        ServerError: a model is not listed, so nothing could tell whether it works.
    """
    for name in models:
        if name not in known:
            told = f"{store / name}.mar is of no model in models.toml, which lists {', '.join(known)}"
            raise ServerError(f"{told}; give it a section, or remove the archive")
    return [known[name] for name in models]
