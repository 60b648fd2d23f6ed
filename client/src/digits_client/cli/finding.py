"""The pictures that the command is given: files, folders, patterns and standard input."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from digits_client.inputs import Picture

STDIN = "-"
WILD = set("*?[")  # a pattern that the shell has not replaced has one of them
# What is taken of a folder; a file that is named is sent whatever its name is, and the server looks at its content.
PICTURES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"))
DOCUMENTS = PICTURES | {".pdf"}


@dataclass(frozen=True, slots=True)
class NamedPicture:
    """A picture, and the name under which its answer is told."""

    name: str
    picture: Picture


def find(arguments: Iterable[str], suffixes: frozenset[str] = PICTURES) -> list[NamedPicture]:
    """The pictures that the arguments mean, in their order; those of a folder and of its folders by name.

    What is no file, no folder and no pattern that fits is a picture too, of which it will be told that it cannot be read.
    """
    return [found for argument in arguments for found in _find(argument, suffixes)]


def _find(argument: str, suffixes: frozenset[str]) -> Iterator[NamedPicture]:
    if argument == STDIN:
        yield NamedPicture(STDIN, sys.stdin.buffer.read())
    elif Path(argument).is_dir():
        yield from (NamedPicture(str(path), path) for path in sorted(Path(argument).rglob("*")) if path.suffix.lower() in suffixes)
    elif not Path(argument).exists() and WILD & set(argument):
        pattern = Path(argument)
        paths = sorted(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))
        yield from (NamedPicture(str(path), path) for path in paths or [pattern])
    else:
        yield NamedPicture(argument, argument)
