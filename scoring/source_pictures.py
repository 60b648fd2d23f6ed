"""The pictures of a portion, one after the other: their bytes, and the names under which their answers are told."""

import tarfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from scoring.portions import DOCUMENTS, PICTURES, InputError, Portion

BATCH_ROWS = 256  # of a Parquet file, in memory at once
HUGGING_FACE = "bytes"  # the field of a picture's bytes where a column holds {bytes, path}, as the data sets of that hub do


class SourcePicture(NamedTuple):
    """A picture of the input.

    Attributes:
        file: its path, or that of the file that holds it.
        place: in that file: the row of a Parquet file, the name of a tar archive's member, else "".
        data: its bytes.
    """

    file: str
    place: str
    data: bytes


def read_pictures(files: Any, portion: Portion, column: str) -> Iterator[SourcePicture]:
    """The pictures of a portion, in order.

    Args:
        files: the file system of the input.
        column: of a Parquet file, in which the pictures are.
    Raises:
        InputError: the column is not there or holds no pictures, or the file is damaged.
        OSError: a file cannot be read.
    """
    if portion.rows is not None:
        yield from _rows(files, portion.files[0], portion.rows, column)
    elif PurePosixPath(portion.files[0]).suffix.lower() in PICTURES + DOCUMENTS:
        for name in portion.files:
            yield SourcePicture(name, "", files.cat_file(name))
    else:
        yield from _members(files, portion.files[0])


def _members(files: Any, name: str) -> Iterator[SourcePicture]:
    """The picture files in a tar archive, which is read once from its beginning to its end."""
    try:
        with files.open(name) as file, tarfile.open(fileobj=file, mode="r|*") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.name.lower().endswith(PICTURES + DOCUMENTS) else None
                if content is not None:
                    yield SourcePicture(name, member.name, content.read())
    except (tarfile.TarError, EOFError) as err:
        raise InputError(f"{name} is no tar archive that can be read to its end: {err}") from err


def _rows(files: Any, name: str, rows: tuple[int, int], column: str) -> Iterator[SourcePicture]:
    """The rows of a Parquet file from the first of `rows` on, and up to the second."""
    with files.open(name) as file:
        table = pq.ParquetFile(file)
        if column not in table.schema_arrow.names:
            raise InputError(f"{name} has no column {column}; it has {', '.join(table.schema_arrow.names)}")
        start, groups = _groups(table.metadata, rows)
        for batch in table.iter_batches(BATCH_ROWS, row_groups=groups, columns=[column]):
            for number, value in enumerate(batch.column(0).to_pylist(), start):
                if rows[0] <= number < rows[1]:
                    yield SourcePicture(name, str(number), _bytes_of(value, name, column))
            start += batch.num_rows
            if start >= rows[1]:
                return


def _groups(metadata: pq.FileMetaData, rows: tuple[int, int]) -> tuple[int, list[int]]:
    """The row groups that hold `rows`, after the number of the first row in them."""
    first = start = 0
    found: list[int] = []
    for i in range(metadata.num_row_groups):
        end = start + metadata.row_group(i).num_rows
        if end > rows[0] and start < rows[1]:
            first = start if not found else first
            found.append(i)
        start = end
    return first, found


def _bytes_of(value: Any, name: str, column: str) -> bytes:
    """A picture's bytes; a row that has none has none of a picture either, which is told as one that cannot be read."""
    data = value.get(HUGGING_FACE) if isinstance(value, dict) else value
    if data is None:
        return b""
    if not isinstance(data, bytes):
        raise InputError(f"column {column} of {name} holds {type(data).__name__}; it must hold the bytes of picture files")
    return data
