"""Files and bodies that are small to send and dear to read: each a limit's reason."""

import base64
import io
import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

MIB = 1024 * 1024
TIFF_BASE = {256: (4, 1, 28), 257: (4, 1, 28), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 277: (3, 1, 1)}
JSON = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Hostile:
    """A request that means harm.

    Attributes:
        name: what it is, for people.
        body: makes it.
        status: of the answer.
        says: a part of the answer's body.
        headers: of the request.
    """

    name: str
    body: Callable[[], bytes]
    status: int
    says: str
    headers: dict[str, str] = field(default_factory=dict)


def png(width: int, height: int, *before: tuple[bytes, bytes], pixels: bytes | None = None) -> bytes:
    """A PNG of one bit a pixel, all black, with chunks before its pixels."""
    rows = bytes((1 + (width + 7) // 8) * height) if pixels is None else pixels
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), *before, (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")]
    framed = (struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


def tiff(entries: dict[int, tuple[int, int, int]], data: bytes = b"", following: int = 8) -> bytes:
    """A little-endian TIFF of 28 x 28 px: (type, count, value) by tag, the value -1 standing for the offset of `data`."""
    directory = sorted((TIFF_BASE | entries).items())
    end = 8 + 2 + 12 * len(directory) + 4
    fields = b"".join(struct.pack("<HHLL", tag, kind, count, end if value < 0 else value) for tag, (kind, count, value) in directory)
    return b"II*\0" + struct.pack("<LH", 8, len(directory)) + fields + struct.pack("<L", following) + data


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def progressive(scans: int, size: tuple[int, int] = (6000, 4000)) -> bytes:
    """A JPEG that goes over all of its pixels once more for every 42 bytes."""
    data = encoded(Image.new("RGB", size), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * scans + b"\xff\xd9"


def with_segments(segment: bytes, size: int) -> bytes:
    """A JPEG whose header holds one segment over and over."""
    data = encoded(Image.new("L", (28, 28)), "JPEG")
    return data[:2] + segment * (size // len(segment)) + data[2:]


def giant_tile(side: int) -> bytes:
    data = zlib.compress(bytes(side * side))
    return tiff({259: (3, 1, 8), 322: (4, 1, side), 323: (4, 1, side), 324: (4, 1, -1), 325: (4, 1, len(data))}, data)


def animation(frames: int) -> bytes:
    shades = [Image.new("L", (28, 28), i % 256) for i in range(frames)]
    return encoded(shades[0], "GIF", save_all=True, append_images=shades[1:])


def npy(shape: str) -> bytes:
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}}}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


def instances(*values: Any) -> bytes:
    return json.dumps({"instances": values}).encode()


def filled(start: bytes, element: bytes, end: bytes, size: int) -> bytes:
    """`element` between `start` and `end` as often as fits in `size` bytes; spaces make up what is left."""
    body = start + element * ((size - len(start) - len(end)) // len(element)) + end
    return body.ljust(size)


def text_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def overlapping_tags() -> bytes:
    tags = dict.fromkeys(range(1000, 61000), (1, 9000000, 8))
    return tiff(tags | {273: (4, 1, -1), 278: (4, 1, 28), 279: (4, 1, 784)}, bytes(9_000_000))


TEXT_BOMB = b"k\0\0" + zlib.compress(bytes(20 * MIB), 9)
STRIP = {273: (4, 1, -1), 278: (4, 1, 28), 279: (4, 1, 784)}
HOSTILE = [
    Hostile("PNG of 20,000 x 20,000", lambda: png(20_000, 20_000, pixels=b""), 413, "pixels"),
    Hostile("PNG with its pixels at the limit", lambda: png(6_000, 4_000), 422, "no ink"),
    Hostile("PNG whose pixels go on for 500 MB", lambda: png(28, 28, pixels=bytes(500_000_000)), 422, "no ink"),
    Hostile("PNG with a compressed text of 20 MiB", lambda: png(28, 28, (b"zTXt", TEXT_BOMB)), 400, "damaged"),
    Hostile("PNG with 5,000 compressed texts", lambda: png(28, 28, *[(b"zTXt", b"k\0\0" + zlib.compress(bytes(MIB)))] * 5000), 400, ""),
    Hostile("PNG with a profile of 20 MiB", lambda: png(28, 28, (b"iCCP", TEXT_BOMB)), 400, "damaged"),
    Hostile("PNG of 800,000 chunks", lambda: png(28, 28, *[(b"teSt", b"")] * 800_000), 422, "no ink"),
    Hostile("PNG of one column", lambda: png(1, 24_000_000), 413, "limit of each side"),
    Hostile("JPEG of 50 million pixels in 30 scans", lambda: progressive(20, (8160, 6120)), 413, "limit for all its pictures"),
    Hostile("progressive JPEG of 108 million pixels", lambda: progressive(0, (12_000, 9_000)), 413, "for a progressive JPEG"),
    Hostile("GIF of 3,000 frames", lambda: animation(3_000), 422, "no ink"),
    Hostile("GIF with a comment in 5 million blocks", lambda: animation(1)[:-1] + b"!\xfe" + b"\x01a" * (5 * MIB - 500), 422, "no ink"),
    Hostile("WebP over the pixel limit", lambda: encoded(Image.new("L", (6001, 4000)), "WEBP", lossless=True), 413, "6001 x 4000"),
    Hostile("JPEG of 1,000 scans", lambda: progressive(1_000), 413, "scans, the limit is"),
    Hostile("JPEG of 2 million segments", lambda: with_segments(b"\xff\xe5\0\x02", 9 * MIB), 413, "segments"),
    Hostile("JPEG behind 9 MiB of filling", lambda: with_segments(b"\xff", 9 * MIB), 413, "stray bytes"),
    Hostile("TIFF whose directory follows itself", lambda: tiff(STRIP, bytes(784)), 422, "no ink"),
    Hostile("TIFF whose 60,000 tags share 9 MB", overlapping_tags, 422, "no ink"),
    Hostile("TIFF of 28 x 28 in a tile of 30,000 x 30,000", lambda: giant_tile(30_000), 413, "tiles are 30000 x 30000"),
    Hostile("npy that claims a terabyte", lambda: npy("(1024, 32768, 32768)"), 400, "0 pixels came"),
    Hostile("npy with a side of 300 digits", lambda: npy(f"(1, {'9' * 50}, 1)"), 400, "side"),
    Hostile("JSON nested 100,000 deep", lambda: b'{"instances":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "no JSON", JSON),
    Hostile("JSON of the maximum size", lambda: filled(b'{"instances":[[[0', b",0", b"]]]}", 10 * MIB), 200, "BlankPicture", JSON),
    Hostile("JSON with millions of keys", lambda: filled(b'{"a":0', b',"a":0', b"}", 10 * MIB), 400, "either", JSON),
    Hostile("JSON with one long string among numbers", lambda: instances([["a" * 3 * MIB] + [""] * 1000]), 200, "BadRequest", JSON),
    Hostile(
        "JSON with a shape of 4,000 digits",
        lambda: b'{"inputs":[{"datatype":"UINT8","shape":[1,1,%s],"data":[1]}]}' % (b"9" * 4000),
        400, "whole numbers", JSON,
    ),
    Hostile("1,025 pictures", lambda: instances(*["AAAA"] * 1025), 413, "1025 pictures", JSON),
    Hostile("1,000 pictures at the limit", lambda: instances(*[text_of(png(6_000, 4_000))] * 1000), 200, "all its pictures", JSON),
]  # fmt: skip
