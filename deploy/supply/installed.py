"""The packages that are installed in this environment, compared with a lock file and with the hashes they were installed with."""

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import Distribution, distributions, requires
from pathlib import Path

from packaging.requirements import Requirement

from deploy.supply.lock import Pin, comparable

OWN, CLIENT = "digits", "digits-client"  # installed from the checkout, so no lock names them


def packages() -> dict[str, Distribution]:
    """The installed packages by name, without this project's own."""
    found = {comparable(each.metadata["Name"]): each for each in distributions()}
    return {name: each for name, each in sorted(found.items()) if name not in (OWN, CLIENT)}


def needed_by(requirements: Iterable[str]) -> set[str]:
    """The names of the installed packages that some requirements ask for, as digits[console], and of all that those need."""
    waiting = [(each.name, extra) for text in requirements for each in [Requirement(text)] for extra in ("", *each.extras)]
    found = set[tuple[str, str]]()
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) not in found:
            found.add((name, extra))
            needs = [Requirement(text) for text in requires(name) or []]
            wanted = [each for each in needs if each.marker is None or each.marker.evaluate({"extra": extra})]
            waiting += [(comparable(each.name), own) for each in wanted for own in ("", *each.extras)]
    return {name for name, _ in found}


def differences(pins: Mapping[str, Pin], versions: Mapping[str, str]) -> list[str]:
    """How the installed versions differ from the locked ones, a sentence each."""
    lacking = [f"{name} {pins[name].version} is locked, and not installed" for name in sorted(pins.keys() - versions.keys())]
    foreign = [f"{name} {versions[name]} is installed, and not locked" for name in sorted(versions.keys() - pins.keys())]
    other = [
        f"{name} {versions[name]} is installed, and {pins[name].version} is locked"
        for name in sorted(pins.keys() & versions.keys())
        if versions[name] != pins[name].version
    ]
    return [*lacking, *foreign, *other]


def altered(package: Distribution) -> Iterator[Path]:
    """The files of a package that are missing or have changed since it was installed."""
    for file in package.files or []:
        if file.hash is None:  # compiled afterwards, or the list of hashes itself
            continue
        path = Path(str(file.locate()))
        try:
            with path.open("rb") as content:
                digest = hashlib.file_digest(content, file.hash.mode).digest()
        except OSError:
            yield path
            continue
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != file.hash.value:
            yield path
