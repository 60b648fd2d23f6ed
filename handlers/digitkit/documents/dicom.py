"""DICOM: the frames of medical pictures, in grey as their window shows them. Of names and all else about people nothing is read."""

import io
import struct
import warnings
from functools import partial
from typing import Any, Final

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut
from pydicom.pixels.utils import pixel_array

from digitkit.contract import Picture
from digitkit.documents.document import Document, DocumentPage
from digitkit.errors import TooLarge, UnreadablePicture, UnsupportedMedia
from digitkit.pictures.allowance import Allowance
from digitkit.settings import Limits

# All that is read of a file: what its pixels are, and how they are shown.
TAGS: Final = (
    *("SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames", "Rows", "Columns"),
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "RescaleIntercept", "RescaleSlope", "ModalityLUTSequence"),
    *("WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence", "PixelData"),
)
DEFLATED: Final = "1.2.840.10008.1.2.1.99"  # the transfer syntax whose whole file is packed, which is unpacked without any limit
INVERTED: Final = "MONOCHROME1"  # in which the highest value is black
# What pydicom and its decoders raise for damaged files, seen by feeding it mutated ones.
FAULTS: Final = (
    *(InvalidDicomError, BytesLengthException, AttributeError, EOFError, KeyError, IndexError, NotImplementedError),
    *(OSError, OverflowError, RuntimeError, TypeError, ValueError, ZeroDivisionError, struct.error),
)


def open_dicom(data: bytes, limits: Limits, allowance: Allowance) -> Document:
    """The document in a DICOM file: a page for each frame, none of them decoded yet.

    Raises:
        UnreadablePicture: it is damaged, or holds no picture.
        UnsupportedMedia: it is packed as a whole.
        TooLarge: its frames have more pixels than a picture may have, or are more than the request may bring.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # of values that break the standard
            dataset = pydicom.dcmread(io.BytesIO(_checked(data)), specific_tags=[*TAGS])
            width, height = int(dataset.Columns), int(dataset.Rows)
            frames = int(dataset.get("NumberOfFrames") or 1)
            has_pixels = bool(dataset.get("PixelData"))
    except FAULTS as err:
        raise UnreadablePicture(f"{len(data)} bytes of a DICOM file that is damaged or truncated") from err
    if not has_pixels or min(width, height, frames) < 1:
        raise UnreadablePicture("the DICOM file holds no picture")
    if width * height > limits.pixels:
        raise TooLarge(f"the DICOM picture is {width} x {height} pixels, the limit is {limits.pixels}")
    allowance.turn(frames)
    return Document(frames, partial(_page, dataset))


def _checked(data: bytes) -> bytes:
    if DEFLATED.encode() in data:
        raise UnsupportedMedia("DICOM files that are deflated as a whole are not accepted")
    return data


def _page(dataset: pydicom.Dataset, index: int, deadline: float) -> DocumentPage:
    try:
        with warnings.catch_warnings(action="ignore"):
            pixels: NDArray[Any] = pixel_array(dataset, index=index)
            if pixels.ndim == 2:
                pixels = apply_voi_lut(apply_modality_lut(pixels, dataset), dataset)
    except FAULTS as err:
        raise UnreadablePicture(f"frame {index + 1} of the DICOM file is damaged") from err
    is_inverted = dataset.get("PhotometricInterpretation") == INVERTED
    return DocumentPage(grey_of_values(pixels.mean(axis=2) if pixels.ndim == 3 else pixels, is_inverted=is_inverted))


def grey_of_values(values: NDArray[Any], *, is_inverted: bool) -> Picture:
    """Values (H, W) of any range as grey levels from the least of them, black, to the highest, or the other way round."""
    shades = np.asarray(values, dtype=np.float32)
    least, most = float(shades.min()), float(shades.max())
    levels = (shades - least) * (255 / max(most - least, 1e-9))
    return np.asarray((255 - levels if is_inverted else levels).round(), dtype=np.uint8)
