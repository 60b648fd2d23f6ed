"""Documents that tests make themselves: PDFs written by hand, TIFFs of several pages, DICOM files, and bad ones of each kind."""

import io
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

A4 = (595, 842)  # points
FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
NAME = "SECRET^NAME"  # of the patient, in every DICOM file


def written(*lines: tuple[float, float, str], px: int = 12) -> bytes:
    """The content of a page with texts at points from its lower left corner."""
    return b"".join(f"BT /F {px} Tf {x} {y} Td ({text}) Tj ET\n".encode() for x, y, text in lines)


def pdf(
    *pages: bytes, size: tuple[int, int] = A4, packed: bool = False, trailer: bytes = b"", objects: Sequence[bytes] = (), **of_page: bytes
) -> bytes:
    """A PDF of pages with these contents.

    Args:
        packed: whether the contents are deflated.
        trailer: what stands in the trailer beside the root.
        objects: that follow those of the pages, the first of them number 4 + 2 * len(pages).
        of_page: entries of each page's dictionary and of its resources, as Rotate=b"90" and XObject=b"<< … >>".
    """
    kids = b" ".join(b"%d 0 R" % (4 + 2 * i) for i in range(len(pages)))
    all_objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(pages), kids), FONT]
    pictures = of_page.pop("XObject", b"<< >>")
    more = b" ".join(b"/%s %s" % (name.encode(), value) for name, value in of_page.items())
    for i, content in enumerate(pages):
        resources = b"<< /Font << /F 3 0 R >> /XObject %s >>" % pictures
        box = b"/MediaBox [0 0 %d %d]" % size
        all_objects.append(b"<< /Type /Page /Parent 2 0 R %s /Contents %d 0 R /Resources %s %s >>" % (box, 5 + 2 * i, resources, more))
        all_objects.append(stream(zlib.compress(content, 9), b"/Filter /FlateDecode") if packed else stream(content))
    return assembled([*all_objects, *objects], trailer)


def stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(content), entries, content)


def assembled(objects: Sequence[bytes], trailer: bytes) -> bytes:
    file, places = bytearray(b"%PDF-1.7\n"), []
    for i, each in enumerate(objects, start=1):
        places.append(len(file))
        file += b"%d 0 obj\n%s\nendobj\n" % (i, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer << /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, len(file))
    return bytes(file) + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + end


def picture_object(picture: NDArray[np.uint8]) -> bytes:
    """A grey picture as an object of a PDF."""
    height, width = picture.shape
    entries = b"/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /FlateDecode"
    return stream(zlib.compress(picture.tobytes()), entries % (width, height))


def scanned(*pictures: NDArray[np.uint8]) -> bytes:
    """A PDF with a picture on each page and no text; a pixel is a point."""
    height, width = pictures[0].shape
    contents = [b"q %d 0 0 %d 0 0 cm /P%d Do Q" % (width, height, i) for i in range(len(pictures))]
    names = b" ".join(b"/P%d %d 0 R" % (i, 4 + 2 * len(pictures) + i) for i in range(len(pictures)))
    return pdf(*contents, size=(width, height), objects=[picture_object(each) for each in pictures], XObject=b"<< %s >>" % names)


def encrypted() -> bytes:
    """A PDF that opens with a password alone."""
    keys = b"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <%s> /U <%s> >> /ID [<00> <00>]" % (b"11" * 32, b"22" * 32)
    return pdf(written((72, 700, "20417")), trailer=keys)


def tiff(*pictures: NDArray[np.uint8], dpi: int = 150) -> bytes:
    buffer = io.BytesIO()
    first, *others = map(Image.fromarray, pictures)
    first.save(buffer, "TIFF", save_all=True, append_images=others, dpi=(dpi, dpi), compression="tiff_lzw")
    return buffer.getvalue()


def dicom(pixels: NDArray[Any], syntax: str = ExplicitVRLittleEndian, **elements: Any) -> bytes:
    """A DICOM file of frames, (N, H, W), or of one picture, (H, W) or (H, W, 3)."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.SOPClassUID, dataset.SOPInstanceUID = SecondaryCaptureImageStorage, dataset.file_meta.MediaStorageSOPInstanceUID
    dataset.PatientName = NAME
    in_colour = pixels.ndim == 3 and pixels.shape[2] == 3
    dataset.SamplesPerPixel = 3 if in_colour else 1
    dataset.PhotometricInterpretation = "RGB" if in_colour else "MONOCHROME2"
    if in_colour:
        dataset.PlanarConfiguration = 0
    elif pixels.ndim == 3:
        dataset.NumberOfFrames = len(pixels)
    dataset.Rows, dataset.Columns = pixels.shape[:2] if in_colour else pixels.shape[-2:]
    dataset.BitsAllocated = dataset.BitsStored = 8 * pixels.itemsize
    dataset.HighBit, dataset.PixelRepresentation = dataset.BitsStored - 1, int(pixels.dtype.kind == "i")
    dataset.PixelData = pixels.tobytes()
    for name, value in elements.items():
        setattr(dataset, name, value)
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
