"""The files of kept pictures: a folder of this machine, or any that fsspec reaches by a URL."""

import posixpath
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from fsspec.core import url_to_fs

PNG: Final = ".png"
FANOUT: Final = 2  # characters of the hash that name a folder: a folder of 100,000 files is slow to list


class Shelf:
    """Files by the sha256 of their content. Every method raises OSError where the folder cannot be used.

    Args:
        place: a path, or a URL as s3://bucket/folder.
    """

    def __init__(self, place: str) -> None:
        self._files, root = url_to_fs(place)
        self._root = str(root).rstrip("/")
        self.is_local = "://" not in place
        if self.is_local:
            Path(place).mkdir(mode=0o700, parents=True, exist_ok=True)

    def put(self, sha256: str, content: bytes) -> None:
        """Keep a file; one that cannot be written whole is not there."""
        path = self._path(sha256)
        self._files.makedirs(posixpath.dirname(path), exist_ok=True)
        try:
            self._files.pipe_file(path, content)
        except OSError:
            self.remove(sha256)
            raise

    def get(self, sha256: str) -> bytes:
        """The content of a file; raises FileNotFoundError where it has vanished."""
        content: bytes = self._files.cat_file(self._path(sha256))
        return content

    def remove(self, sha256: str) -> None:
        """Remove a file; one that is not there is no error."""
        path = self._path(sha256)
        if self._files.exists(path):
            self._files.rm_file(path)

    def names(self, before: datetime) -> Iterator[str]:
        """The hash of every file that was written before a time."""
        for path in self._files.find(self._root):
            if self._files.modified(path) < before:
                yield posixpath.basename(path).removesuffix(PNG)

    def _path(self, sha256: str) -> str:
        return f"{self._root}/{sha256[:FANOUT]}/{sha256}{PNG}"
