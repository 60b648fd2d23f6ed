"""A file becomes a document or a picture, by what its first bytes say it is."""

from typing import Final

from digitkit.contract import Picture
from digitkit.documents.document import Document
from digitkit.documents.tiff import open_tiff
from digitkit.errors import TooLarge, UnsupportedMedia
from digitkit.pictures.allowance import Allowance
from digitkit.pictures.codec import decode_picture
from digitkit.pictures.jpeg import PAGE_SIDE_PX
from digitkit.settings import Limits

PDF_WITHIN: Final = 1024  # bytes from the start in which a PDF's mark stands
DICOM_AT: Final = slice(128, 132)
TIFF_STARTS: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def open_file(data: bytes | bytearray, limits: Limits, allowance: Allowance) -> Picture | Document:
    """The document in a file, none of its pages opened; or the picture, where the file holds one alone.

    Args:
        allowance: of the request that the file is one of; its pixels or its pages are taken from it.
    Raises:
        DigitError: as decode_picture says; and for a document that is damaged, encrypted, or of more pages than the limit.
    """
    if len(data) > limits.body_bytes:
        raise TooLarge(f"the document is {len(data)} bytes, the limit is {limits.body_bytes}")
    if b"%PDF-" in data[:PDF_WITHIN]:
        return _open_pdf(bytes(data), limits, allowance)
    if data[DICOM_AT] == b"DICM":
        return _open_dicom(bytes(data), limits, allowance)
    if data.startswith(TIFF_STARTS) and (document := open_tiff(bytes(data), limits, allowance)) is not None:
        return document
    return decode_picture(data, limits, allowance, side_px=PAGE_SIDE_PX)


# What reads these two costs time and memory where nobody sends them, and an environment may be without it.
def _open_pdf(data: bytes, limits: Limits, allowance: Allowance) -> Document:
    try:
        from digitkit.documents.pdf import open_pdf
    except ImportError as err:
        raise UnsupportedMedia("PDF is not accepted here: the server's environment is without the extra 'documents'") from err
    return open_pdf(data, limits, allowance)


def _open_dicom(data: bytes, limits: Limits, allowance: Allowance) -> Document:
    try:
        from digitkit.documents.dicom import open_dicom
    except ImportError as err:
        raise UnsupportedMedia("DICOM is not accepted here: the server's environment is without the extra 'documents'") from err
    return open_dicom(data, limits, allowance)
