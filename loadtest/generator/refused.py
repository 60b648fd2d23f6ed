"""Files that a model must refuse, each with its right error: which files are opened, as a PDF, the reader of its task alone knows."""

import struct
import zlib
from typing import Final

import numpy as np

from deploy.model_list import ROOT
from digitkit.artifacts.card import FIRST_TASK, CardError
from digitkit.errors import DigitError
from digitkit.pictures.allowance import Allowance
from digitkit.pictures.codec import encode_png
from digitkit.reader import NO_HINTS, Reader
from digitkit.readers.digits.digit import SIDE_PX
from digitkit.readers.tasks import find_reader
from digitkit.settings import Settings
from testbed.answers import Refusal

CONFIG: Final = ROOT / "handlers" / "model-config.yaml"


def bad_pictures(picture: bytes, task: str) -> list[tuple[bytes, Refusal]]:
    """Files that the reader of a task refuses, each with the error that it must get; `picture` is any good one."""
    files = (
        b"no picture",
        picture[: len(picture) // 2],
        b"%PDF-1.7",
        encode_png(np.full((SIDE_PX, SIDE_PX), 255, dtype=np.uint8)),
        _bomb(side_px=30_000),
    )
    reader, settings = _reader_of(task), Settings.read(CONFIG)
    return [(file, refusal) for file in files if (refusal := _refusal(reader, settings, file)) is not None]


def _reader_of(task: str) -> Reader:
    """The reader of a task; one that this code lacks, of a server elsewhere, is taken to open the files that the reader of digits opens."""
    try:
        return find_reader(task)
    except CardError:
        return find_reader(FIRST_TASK)


def _refusal(reader: Reader, settings: Settings, file: bytes) -> Refusal | None:
    """The error that a reader refuses a file with, None where it takes it."""
    allowance = Allowance(settings.limits.request_pixels, pages=settings.limits.pages)
    try:
        reader.prepare(reader.open_file(file, settings.limits, allowance), reader.parse_hints(NO_HINTS))
    except DigitError as err:
        return Refusal(err.status, err.type)
    return None


def _bomb(side_px: int) -> bytes:
    """A PNG of a few bytes that would be side_px x side_px grey pixels."""
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", side_px, side_px, 8, 0, 0, 0, 0)), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content)) for name, content in chunks
    )
