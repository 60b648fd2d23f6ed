"""What there is to read, in portions: each is read by one process at a time, and its answers appear together or not at all.

A portion is some of the picture files below a folder, a tar archive, or rows of a Parquet file. Which portions there are depends on the
input alone, so a run that was killed, and other machines that share the work, find the same ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import fsspec
import pyarrow.parquet as pq

PARQUET, TAR = (".parquet",), (".tar", ".tar.gz", ".tgz")
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
DOCUMENTS = (".pdf", ".dcm")
PORTION_PICTURES = 5_000  # 1 to 20 s of work, so a kill costs no more, and files of answers stay few


class InputError(Exception):
    """There is nothing to read, or it cannot be read; the message says where, and what is accepted."""


@dataclass(frozen=True, slots=True)
class Portion:
    """Pictures that are read together.

    Attributes:
        files: paths on the input's file system: picture files, or one tar archive or Parquet file.
        bytes: of these files, by which it is seen that other ones have come in their places.
        rows: of a Parquet file, from the first on and up to the second; None for others.
    """

    files: tuple[str, ...]
    bytes: int
    rows: tuple[int, int] | None = None


def open_place(url: str) -> tuple[Any, str]:
    """The file system and the path of a folder, a file, or any address that fsspec knows, as s3://bucket/folder.

    Raises:
        InputError: fsspec has no such file system, or a package for it is missing.
    """
    try:
        found: tuple[Any, str] = fsspec.core.url_to_fs(url)
    except (ValueError, ImportError) as err:
        raise InputError(f"{url} cannot be opened: {err}") from err
    return found


def find_portions(url: str, size: int = PORTION_PICTURES) -> list[Portion]:
    """The portions of a folder or a file, in the order of their names.

    Args:
        size: pictures in a portion, at most; a tar archive is a portion, whatever it holds.
    Raises:
        InputError: it is not there, or holds no pictures.
    """
    files, path = open_place(url)
    found = {path: files.info(path)} if files.isfile(path) else files.find(path, detail=True)
    sizes = {name: found[name]["size"] for name in sorted(found) if not name.rpartition("/")[2].startswith(".")}
    loose = [name for name in sizes if name.lower().endswith(PICTURES + DOCUMENTS)]
    parts = (tuple(loose[start : start + size]) for start in range(0, len(loose), size))
    portions = [Portion(part, sum(sizes[name] for name in part)) for part in parts]
    for name, length in sizes.items():
        if name.lower().endswith(TAR):
            portions.append(Portion((name,), length))
        elif name.lower().endswith(PARQUET):
            portions += [Portion((name,), length, rows) for rows in _rows_of(files, name, size)]
    if not portions:
        raise InputError(f"{url} holds no pictures; accepted are {', '.join(PARQUET + TAR + PICTURES + DOCUMENTS)}")
    return portions


def _rows_of(files: Any, name: str, size: int) -> Iterator[tuple[int, int]]:
    """The rows of each portion of a Parquet file. They begin and end with its row groups, but for a group that is larger than a portion."""
    with files.open(name) as file:
        metadata = pq.ParquetFile(file).metadata
        counts = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    start = end = 0
    for count in counts:
        if end > start and end + count - start > size:
            yield start, end
            start = end
        end += count
        while end - start > size:
            yield start, start + size
            start += size
    if end > start:
        yield start, end
