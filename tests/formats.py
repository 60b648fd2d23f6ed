"""Files of every picture format cut where their structure has its joints, put together again with a few of the pieces changed."""

import itertools
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Final

from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[object]], object]

PNG_START: Final = b"\x89PNG\r\n\x1a\n"
ODD_NUMBERS: Final = (0, 1, 2, 3, 7, 8, 27, 29, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 2**24, 2**31 - 1, 2**31, 2**32 - 1)


def pieces_of(file: bytes) -> list[bytes]:
    """The file in pieces: chunks, segments, blocks, fields of a header or entries of a directory, as its format has them."""
    joints = sorted({0, *(joint for joint in _joints(file) if 0 < joint < len(file)), len(file)})
    return [file[start:end] for start, end in itertools.pairwise(joints)]


def _joints(file: bytes) -> Iterator[int]:
    if file.startswith(PNG_START):
        yield from _chunks(file, 8, ">I4x", 12)
    elif file.startswith(b"RIFF"):
        yield from _chunks(file, 12, "<4xI", 8)
    elif file.startswith(b"\xff\xd8"):
        yield from _segments(file)
    elif file.startswith(b"GIF8"):
        yield from (6, 8, 10, 11, 12, 13)
        yield from (i for i in range(13, len(file)) if file[i] in b"\x21\x2c\x3b")
    elif file.startswith(b"BM"):
        yield from (2, 6, 10, 14, 18, 22, 26, 28, 30, 34, 38, 42, 46, 50, 54, struct.unpack_from("<I", file, 10)[0])
    else:
        yield from _entries(file)


def _chunks(file: bytes, start: int, head: str, around: int) -> Iterator[int]:
    """The ends of chunks that say their length, `around` being the bytes of a chunk beside its data."""
    while start + 8 <= len(file):
        yield start
        (length,) = struct.unpack_from(head, file, start)
        start += around + length + (length % 2 if head.startswith("<") else 0)


def _segments(file: bytes) -> Iterator[int]:
    """Of a JPEG, up to its first scan."""
    start = 2
    while start + 4 <= len(file) and file[start] == 0xFF:
        yield start
        yield start + 2
        yield start + 4
        start += 2 + int.from_bytes(file[start + 2 : start + 4], "big")


def _entries(file: bytes) -> Iterator[int]:
    """Of a TIFF's first directory, each in its four fields."""
    order = "<" if file.startswith(b"II") else ">"
    (start,) = struct.unpack_from(order + "I", file, 4)
    (count,) = struct.unpack_from(order + "H", file, start)
    yield from (2, 4, 8, start, start + 2)
    for i in range(count + 1):
        yield from (start + 2 + 12 * i + field for field in (0, 2, 4, 8))


def with_checksums(file: bytes) -> bytes:
    """A PNG whose chunks have the checksums of what they hold, so that a decoder gets to see it."""
    parts, start = [file[:8]], 8
    while start + 12 <= len(file):
        (length,) = struct.unpack_from(">I", file, start)
        body = file[start + 4 : start + 8 + length]
        parts.append(file[start : start + 4] + body + struct.pack(">I", zlib.crc32(body)))
        start += 12 + length
    return b"".join(parts) + file[start:]


@st.composite
def mutated(draw: Draw, files: list[list[bytes]]) -> bytes:
    """One of the files with one to four of its pieces dropped, doubled, exchanged, cut, filled or with odd numbers in them."""
    pieces = list(draw(st.sampled_from(files)))  # type: ignore[call-overload]
    for _ in range(draw(st.integers(1, 4))):  # type: ignore[call-overload]
        at, other = draw(st.integers(0, len(pieces) - 1)), draw(st.integers(0, len(pieces) - 1))
        how = draw(st.sampled_from(("drop", "double", "exchange", "cut", "fill", "number", "number", "bytes", "bytes")))
        piece = pieces[at]
        if how == "drop" and len(pieces) > 1:
            del pieces[at]
        elif how == "double":
            pieces.insert(other, piece)
        elif how == "exchange":
            pieces[at], pieces[other] = pieces[other], pieces[at]
        elif how == "cut":
            pieces[at] = piece[: draw(st.integers(0, len(piece)))]
        elif how == "fill":
            pieces[at] = piece + draw(st.binary(max_size=40))
        elif how == "number":
            pieces[at] = _with_number(draw, piece)
        else:
            start = draw(st.integers(0, len(piece)))
            pieces[at] = piece[:start] + draw(st.binary(min_size=1, max_size=4)) + piece[start + 1 :]
    file = b"".join(pieces)
    return with_checksums(file) if file.startswith(PNG_START) and draw(st.booleans()) else file


def _with_number(draw: Draw, piece: bytes) -> bytes:
    """The piece with an odd number of 1, 2 or 4 bytes somewhere in it, at its beginning more often than elsewhere."""
    size = draw(st.sampled_from((1, 2, 4)))
    start = draw(st.sampled_from((0, 0, 4))) if draw(st.booleans()) else draw(st.integers(0, len(piece)))
    number = draw(st.sampled_from(ODD_NUMBERS)) % 256**size
    return piece[:start] + number.to_bytes(size, draw(st.sampled_from(("big", "little")))) + piece[start + size :]
