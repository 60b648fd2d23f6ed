"""Encoded bytes become a grey picture, whatever file format and colour mode they came in; and back."""

import io
import struct
import warnings
import zlib
from typing import Final

from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

from digitkit.contract import Picture
from digitkit.errors import BadRequest, TooLarge, UnreadablePicture, UnsupportedMedia
from digitkit.pictures import jpeg
from digitkit.pictures.allowance import Allowance
from digitkit.pictures.grey import to_grey
from digitkit.pictures.plain_png import decode_plain_png
from digitkit.settings import Limits

FORMATS: Final = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF")
ACCEPTED: Final = "PNG, JPEG, BMP, GIF, WebP and TIFF are accepted"
TIFF_TILE: Final = (0x0142, 0x0143)  # its width and its length

# What Pillow's decoders raise for damaged files, seen by feeding them mutated ones: tests/serving/test_fuzz.py.
DECODER_FAULTS: Final = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    OverflowError,
    AttributeError,
    RuntimeError,
    ZeroDivisionError,
    struct.error,
    zlib.error,
)


def decode_picture(
    data: bytes | bytearray,
    limits: Limits,
    allowance: Allowance | None = None,
    *,
    frame: int = 0,
    side_px: int = jpeg.WORKING_SIDE_PX,
) -> Picture:
    """The grey picture, uint8 (H, W), upright by its EXIF orientation, transparency laid on paper.

    The size is read from the header and checked before any pixel is decoded.

    Args:
        allowance: of the request that the picture is one of; its pixels are taken from it.
        frame: of an animation or of a TIFF with several pages.
        side_px: a JPEG with a longer side is decoded at a half, a quarter or an eighth of its size, which stays above this.
    Raises:
        BadRequest: no bytes at all.
        UnreadablePicture: no decoder reads the bytes, or they end too soon.
        UnsupportedMedia: a format that is known and not accepted.
        TooLarge: more bytes or pixels than the limits allow.
    """
    if not data:
        raise BadRequest(f"the picture is empty, 0 bytes; {ACCEPTED}")
    if len(data) > limits.body_bytes:
        raise TooLarge(f"the picture is {len(data)} bytes, the limit is {limits.body_bytes}")
    plain = decode_plain_png(data, limits, allowance)
    if plain is not None:
        return plain
    with warnings.catch_warnings(action="ignore"):  # Pillow warns of odd metadata; the picture is what counts
        first_scan = jpeg.find_first_scan(data) if data.startswith(jpeg.START) else None
        image = _open(data, limits)
        try:
            if frame:
                image.seek(frame)
            if isinstance(image, JpegImageFile):
                pixels = jpeg.prepare_jpeg(image, data, first_scan, limits, side_px)
            else:
                pixels = _checked_size(image, limits)
            if allowance:
                allowance.spend(pixels)
            return to_grey(image)
        except Image.DecompressionBombError as err:
            raise TooLarge(f"the picture unpacks to more than the limit of {limits.pixels} pixels") from err
        except DECODER_FAULTS as err:
            raise UnreadablePicture(f"the {image.format} picture is damaged or truncated") from err


def encode_png(picture: Picture) -> bytes:
    """A grey picture as the bytes of a PNG file, for clients: decode_picture gives the same pixels back."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def _open(data: bytes | bytearray, limits: Limits) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as err:
        named = _unsupported_format(bytes(data[:512]))
        if named:
            raise UnsupportedMedia(f"{named} is not accepted; {ACCEPTED}") from err
        raise UnreadablePicture(f"{len(data)} bytes that are no picture that can be read; {ACCEPTED}") from err
    except Image.DecompressionBombError as err:
        raise TooLarge(
            f"the picture claims far more than the limit of {limits.pixels} pixels, of a baseline JPEG {limits.jpeg_pixels}"
        ) from err
    except DECODER_FAULTS as err:
        raise UnreadablePicture(f"the picture's header is damaged; {ACCEPTED}") from err


def _checked_size(image: Image.Image, limits: Limits) -> int:
    """How many pixels there are to decode; raises TooLarge, and UnreadablePicture where there are none."""
    width, height = image.size
    if width * height > limits.pixels:
        allowed = f"{limits.pixels} pixels, of a baseline JPEG {limits.jpeg_pixels}"
        raise TooLarge(f"the picture is {width} x {height} pixels, the limit is {allowed}")
    if max(width, height) > limits.side_pixels:
        raise TooLarge(f"the picture is {width} x {height} pixels, the limit of each side is {limits.side_pixels}")
    if width < 1 or height < 1:
        raise UnreadablePicture(f"the picture is {width} x {height} pixels; each side must be 1 or more")

    tile = [image.tag_v2.get(tag, 1) for tag in TIFF_TILE] if isinstance(image, TiffImageFile) else [1, 1]
    if not all(isinstance(side, int) for side in tile):
        raise UnreadablePicture(f"the picture's tiles have no size; {ACCEPTED}")
    if tile[0] * tile[1] > limits.pixels:
        raise TooLarge(f"the picture's tiles are {tile[0]} x {tile[1]} pixels, the limit is {limits.pixels} pixels")
    return width * height


def _unsupported_format(head: bytes) -> str | None:
    """The name of a format that is known by its first bytes and not accepted."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    brand = head[8:12] if head[4:8] == b"ftyp" else b""
    if start.startswith(b"%PDF-"):
        return "PDF"
    if head[128:132] == b"DICM":
        return "DICOM"
    if start.startswith((b"<svg", b"<?xml", b"<!DOCTYPE svg")):
        return "SVG"
    if brand in (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"heim", b"heis"):
        return "HEIC"
    if brand in (b"avif", b"avis"):
        return "AVIF"
    if brand or head.startswith((b"\x1a\x45\xdf\xa3", b"\x00\x00\x01\xba", b"FLV")) or head[8:12] == b"AVI ":
        return "video"
    return None
