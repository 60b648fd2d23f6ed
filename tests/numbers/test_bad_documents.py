"""Documents that mean harm, or are broken: each is refused with its code, at once, in little memory, and at no cost to its neighbours."""

import io
import json
import struct
import time
import tracemalloc
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from asked_numbers import REST, Ask, ask
from lines import spelled
from made_documents import assembled, dicom, encrypted, pdf, scanned, stream, tiff, written
from PIL import Image

from digitkit.serving.metrics import resident_bytes

__all__ = ["ask"]  # a fixture of another file

PAGE = written((72, 700, "20417"))
RAMP = np.tile(np.arange(200, dtype=np.uint8), (50, 1))
MIB = 1 << 20


def bomb(times: int = 1) -> bytes:
    """A PDF whose page's content unpacks to 200 MB, packed once or several times over."""
    packer = zlib.compressobj(9)
    content = b"".join([*(packer.compress(bytes(MIB)) for _ in range(200)), packer.flush()])
    for _ in range(times - 1):
        content = zlib.compress(content, 9)
    return pdf(PAGE).replace(stream(PAGE), stream(content, b"/Filter [" + b"/FlateDecode " * times + b"]"))


def picture_of(width: int, height: int) -> bytes:
    """A PDF with a picture that claims these sides."""
    entries = b"/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /FlateDecode"
    image = stream(zlib.compress(bytes(1000)), entries % (width, height))
    return pdf(b"q 500 0 0 500 50 50 cm /P Do Q", objects=[image], XObject=b"<< /P 6 0 R >>")


def large_tiff() -> bytes:
    """Two pages of 36 million pixels each, as a fax packs them."""
    buffer = io.BytesIO()
    large = Image.new("1", (6000, 6000))
    large.save(buffer, "TIFF", save_all=True, append_images=[large], compression="group4")
    return buffer.getvalue()


def of_pages(count: int) -> bytes:
    """A PDF that claims as many pages, all of them the same object."""
    kids = b"4 0 R " * count
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100 100] >>"
    return assembled([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Count %d /Kids [%s] >>" % (count, kids), b"null", page], b"")


BAD: dict[str, tuple[Callable[[], bytes], int, str]] = {
    "a PDF that is cut off": (lambda: pdf(PAGE)[:200], 400, "UnreadablePicture"),
    "a PDF's first line alone": (lambda: b"%PDF-1.7\n", 400, "UnreadablePicture"),
    "a PDF of noise": (lambda: b"%PDF-1.7\n" + np.random.default_rng(0).bytes(5000), 400, "UnreadablePicture"),
    "a PDF with a password": (encrypted, 400, "UnreadablePicture"),
    "a PDF without a page": (lambda: pdf(), 400, "UnreadablePicture"),
    "a PDF whose only page is none": (lambda: pdf(PAGE).replace(b"/Type /Page ", b"/Type /Bogus "), 400, "UnreadablePicture"),
    "a PDF of 10,000 pages": (lambda: of_pages(10_000), 413, "TooLarge"),
    "a PDF whose page has no size": (lambda: pdf(PAGE, size=(0, 0)).replace(b"[0 0 0 0]", b"[9 9 9 9]"), 200, ""),
    "a PDF with a content of 200 MB": (bomb, 413, "TooLarge"),
    "a PDF with a content of 200 MB, packed twice": (lambda: bomb(2), 413, "TooLarge"),
    "a PDF with a content that is packed five times": (lambda: bomb(5), 413, "TooLarge"),
    "a PDF with a picture of 40,000 px a side": (lambda: picture_of(40_000, 40_000), 413, "TooLarge"),
    "a PDF of 200,000 lines": (lambda: pdf(b"0 0 m 9 9 l S\n" * 200_000, packed=True), 413, "TooLarge"),
    "a PDF of 11 MB": (lambda: pdf(PAGE) + bytes(11 * MIB), 413, "TooLarge"),
    "a TIFF of 1,000 pages": (lambda: tiff(*[RAMP] * 1000), 413, "TooLarge"),
    "a TIFF of pages of 36 million pixels": (large_tiff, 413, "TooLarge"),
    "a TIFF whose second page is nowhere": (lambda: next_page_at(tiff(RAMP, RAMP), 2**31), 200, ""),
    "a TIFF whose pages follow one another in a circle": (lambda: next_page_at(tiff(RAMP, RAMP), None), 200, ""),
    "a TIFF that is cut off": (lambda: tiff(RAMP, RAMP)[:300], 400, "UnreadablePicture"),
    "a DICOM file that is cut off": (lambda: dicom(RAMP)[:300], 400, "UnreadablePicture"),
    "a DICOM file without a picture": (lambda: dicom(RAMP, PixelData=b""), 400, "UnreadablePicture"),
    "a DICOM file with fewer pixels than it says": (lambda: dicom(RAMP, Rows=500), 400, "UnreadablePicture"),
    "a DICOM file of 65,535 px a side": (lambda: dicom(RAMP, Rows=65_535, Columns=65_535), 413, "TooLarge"),
    "a DICOM file of a million frames": (lambda: dicom(RAMP, NumberOfFrames=1_000_000), 413, "TooLarge"),
    "a DICOM file that is deflated as a whole": (lambda: dicom(RAMP, "1.2.840.10008.1.2.1.99"), 415, "UnsupportedMedia"),
    "a DICOM file's mark alone": (lambda: bytes(128) + b"DICM", 400, "UnreadablePicture"),
}


def next_page_at(data: bytes, place: int | None) -> bytes:
    """A TIFF whose first directory says that the next one is elsewhere, or that it is itself the next one."""
    (directory,) = struct.unpack_from("<L", data, 4)
    (entries,) = struct.unpack_from("<H", data, directory)
    end = directory + 2 + 12 * entries
    return data[:end] + struct.pack("<L", directory if place is None else place) + data[end + 4 :]


@pytest.mark.parametrize(("make", "status", "type"), BAD.values(), ids=BAD)
def test_a_bad_document_is_refused_with_its_code(make: Callable[[], bytes], status: int, type: str, ask: Ask) -> None:
    data = make()
    started = time.perf_counter()
    answer = ask(data)
    told = json.loads(answer.body)
    assert (answer.status, told.get("type", "")) == (status, type), told
    assert time.perf_counter() - started < 10


def test_bad_documents_beside_it_cost_a_picture_nothing(ask: Ask) -> None:
    parts = {f"{i}": make() for i, (make, _, _) in enumerate(BAD.values()) if i % 3 == 0}
    parts = {"first": picture()} | parts | {"last": picture()}
    answers = json.loads(ask(parts, REST | {"content-type": "multipart/form-data"}, dict.fromkeys(parts, "a/b")).body)
    assert [answers[i]["numbers"][0]["text"] for i in (0, -1)] == ["20417", "20417"]


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(spelled("20417")).save(buffer, "PNG")
    return buffer.getvalue()


def test_ten_documents_at_once_take_the_memory_of_a_page_or_two(ask: Ask) -> None:
    large = scanned(*[np.tile(np.arange(250, dtype=np.uint8), (3000, 8))] * 3)  # 3 pages of 8 million pixels when they are drawn
    parts = {str(i): large for i in range(10)}
    headers, types = REST | {"content-type": "multipart/form-data"}, dict.fromkeys(parts, "application/pdf")
    ask(parts, headers, types)
    before = resident_bytes()
    tracemalloc.start()
    answers = json.loads(ask(parts, headers, types).body)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert all("pages" in each or each["type"] == "Overloaded" for each in answers)
    assert most < 100e6  # all pages together would be 240 MB
    assert resident_bytes() - before < 100e6
