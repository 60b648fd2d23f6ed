"""The model store: versions of one model beside each other, and which of them answers requests that name none.

`digits.mar` is the archive that was exported last. When an archive of another version takes its place it stays as
`digits-1.0.mar`. After a rollback `digits.rollback` says "1.0 in place of 1.1": it holds as long as `digits.mar` is of version 1.1.
Each archive has its card beside it.
"""

import re
from collections.abc import Collection
from pathlib import Path

from digitkit.artifacts.card import CardError, card_path, check_card, part_path
from digitkit.artifacts.place import place

FORMER = re.compile(r"(.+)-([0-9]+\.[0-9]+)")  # stem of an archive that is kept under its version


def load_order(store: Path, models: Collection[str] | None = None) -> list[Path]:
    """The archives of a store, or of some of its models, no version twice, the default one of each model before its others.

    TorchServe takes the first version of a model that it loads as the default; told to load "all", it takes the order in which
    the file system lists them. It does not start with two archives of one version, as a killed export may leave them.
    """
    latest = [archive for archive in latest_archives(store) if models is None or archive.stem in models]
    defaults = [default_archive(archive) for archive in latest]
    twice = [former_path(archive, check_card(archive).version) for archive in latest]
    others = [archive for archive in sorted(store.glob("*.mar")) if archive not in defaults + twice]
    return defaults + [archive for archive in others if models is None or model_name(archive) in models]


def model_name(archive: Path) -> str:
    """The model that an archive of a store is a version of."""
    former = FORMER.fullmatch(archive.stem)
    return former[1] if former else archive.stem


def latest_archives(store: Path) -> list[Path]:
    """The archive of each model that was exported last; its stem is the model's name."""
    return [archive for archive in sorted(store.glob("*.mar")) if not FORMER.fullmatch(archive.stem)]


def default_archive(archive: Path) -> Path:
    """Of the versions of a model the archive that answers by default: `archive`, unless it was rolled back from."""
    note = _note_path(archive)
    if note.is_file():
        latest, noted = check_card(archive).version, note.read_text()
        for former in formers(archive):
            if noted == _note(check_card(former).version, latest):
                return former
    return archive


def formers(archive: Path) -> list[Path]:
    """The archives of other versions that are kept beside `archive`."""
    stems = ((path, FORMER.fullmatch(path.stem)) for path in sorted(archive.parent.glob("*.mar")))
    return [path for path, stem in stems if stem is not None and stem[1] == archive.stem]


def former_path(archive: Path, version: str) -> Path:
    return archive.with_name(f"{archive.stem}-{version}.mar")


def set_default(archive: Path, version: str) -> None:
    """Note which version of a model a start of the server is to make the default.

    Raises:
        CardError: an archive of the model is not the file that its card describes.
        ValueError: the store does not hold this version.
        OSError: the store cannot be written.
    """
    note, latest = _note_path(archive), check_card(archive).version
    if version == latest:
        note.unlink(missing_ok=True)
        return
    if not former_path(archive, version).is_file():
        raise ValueError(f"{archive.parent} holds no version {version} of {archive.stem}: the next start of the server will not serve it")
    part_path(note).write_text(_note(version, latest))
    part_path(note).replace(note)


def publish(staged: Path, archive: Path) -> None:
    """Place an archive and its card; what answered by default before stays beside it if it is of another version.

    One former archive is kept, and those before it are removed. An archive of the same version is replaced.

    Raises:
        OSError: the store cannot be written; the archives that were there are whole.
    """
    try:
        served = default_archive(archive)
        latest, serving = check_card(archive).version, check_card(served).version
    except CardError:  # nothing there that could be served again
        place(staged, archive)
        return
    version = check_card(staged).version
    if version == latest:
        place(staged, archive)
        return
    kept = served if served != archive and serving != version else former_path(archive, latest)
    if kept != served:
        place(archive, kept)
    place(staged, archive)
    for former in formers(archive):
        if former != kept:
            former.unlink()  # before its card: an archive without a card would keep the server from starting
            card_path(former).unlink(missing_ok=True)


def _note_path(archive: Path) -> Path:
    return archive.with_suffix(".rollback")


def _note(version: str, latest: str) -> str:
    return f"{version} in place of {latest}\n"
