"""The plainest PNG files are decoded by OpenCV: what it reads has Pillow's pixels, and what it does not read Pillow decides."""

import io
import random
import struct
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from digitkit.errors import UnreadablePicture
from digitkit.pictures.codec import Allowance, decode_picture
from digitkit.settings import Limits


def png_of(stream: bytes, width: int = 28, height: int = 28) -> bytes:
    """A grey PNG file around a compressed stream, every checksum right."""
    header = struct.pack("!IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", stream), (b"IEND", b"")]
    parts = [struct.pack("!I", len(data)) + name + data + struct.pack("!I", zlib.crc32(name + data)) for name, data in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_a_plain_png_has_pillows_pixels_or_is_refused_however_its_stream_is_damaged(ten_digits: NDArray[np.uint8], limits: Limits) -> None:
    rows = np.pad(ten_digits, ((0, 0), (0, 0), (1, 0)))  # a filter's number stands before each row
    choose = random.Random(0)
    read = refused = 0
    for i in range(1500):
        raw = bytearray(rows[i % 10].tobytes())
        raw[29 * choose.randrange(28)] = choose.randrange(6)
        stream = bytearray(zlib.compress(bytes(raw[: choose.choice([len(raw), len(raw), 29, 811])])))
        for _ in range(choose.choice([0, 0, 1])):
            stream[choose.randrange(len(stream))] ^= 1 << choose.randrange(8)
        data = png_of(bytes(stream[: choose.choice([len(stream), len(stream), -5, -50])]))
        try:
            expected = np.asarray(Image.open(io.BytesIO(data)))
        except (OSError, SyntaxError, ValueError):
            refused += 1
            with pytest.raises(UnreadablePicture):
                decode_picture(data, limits)
        else:
            read += 1
            assert np.array_equal(decode_picture(data, limits), expected)
    assert min(read, refused) > 300


def test_the_pixels_of_a_damaged_png_are_counted_once(limits: Limits) -> None:
    damaged = png_of(zlib.compress(bytes(4001))[:-9], width=4000, height=4000)  # over half of what a request may have decoded
    allowance = Allowance(limits.request_pixels)
    with pytest.raises(UnreadablePicture, match="damaged or truncated"):
        decode_picture(damaged, limits, allowance)
    assert allowance.spent == 16_000_000


def test_the_pixels_of_a_good_png_are_counted(ten_digits: NDArray[np.uint8], limits: Limits) -> None:
    allowance = Allowance(limits.request_pixels)
    decode_picture(png_of(zlib.compress(np.pad(ten_digits[3], ((0, 0), (1, 0))).tobytes())), limits, allowance)
    assert allowance.spent == 28 * 28
