"""PDF files hold compressed streams; what they unpack to is measured before anybody unpacks them whole.

A stream of 10 MB can unpack to 10 GB, and one that is packed twice to more than any machine has.
"""

import re
import zlib
from collections.abc import Iterator
from typing import Final

from digitkit.errors import TooLarge
from digitkit.settings import Limits

MOST_TIMES: Final = 1032  # how many times its own size a stream of deflate can unpack to, at most
CHUNK: Final = 1 << 20
DEEPEST: Final = 4  # times that a stream may be packed
STREAM: Final = re.compile(rb"stream\r?\n")
CHANNELS: Final = 4  # of a picture; bytes of a stream for each of the pixels that a page may have


def check_streams(data: bytes, limits: Limits) -> None:
    """Raises TooLarge where a deflated stream unpacks to more bytes than a picture may take; damaged ones are left to PDFium."""
    most = limits.pixels * CHANNELS
    for found in STREAM.finditer(data):
        end = data.find(b"endstream", found.end())
        _check_stream(data[found.end() : end if end >= 0 else len(data)], most)


def _check_stream(packed: bytes, most: int) -> None:
    for _ in range(DEEPEST):
        if not _is_deflated(packed):
            return
        is_packed_again = _is_deflated(next(_unpacked(packed, 2), b""))
        if not is_packed_again and len(packed) * MOST_TIMES <= most:
            return
        size, kept = 0, bytearray()
        for part in _unpacked(packed, CHUNK):
            size += len(part)
            if size > most:
                raise TooLarge(f"a stream of the PDF unpacks to more than the limit of {most} bytes")
            if is_packed_again:
                kept += part
        packed = bytes(kept)
    raise TooLarge(f"a stream of the PDF is packed {DEEPEST} times or more")


def _is_deflated(data: bytes) -> bool:
    """Whether a stream begins as RFC 1950 has it."""
    return len(data) > 1 and data[0] & 0x0F == zlib.DEFLATED and int.from_bytes(data[:2], "big") % 31 == 0


def _unpacked(packed: bytes, count: int) -> Iterator[bytes]:
    """What a stream unpacks to, `count` bytes at a time, up to where it is damaged."""
    unpacker, rest = zlib.decompressobj(), packed
    while rest and not unpacker.eof:
        try:
            part = unpacker.decompress(rest, count)
        except zlib.error:
            return
        rest = unpacker.unconsumed_tail
        if part:
            yield part
