"""Encoded bytes become a grey picture, whatever file format and colour mode they came in; and back."""

import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from digitkit.contract import Picture
from digitkit.errors import BadRequest, TooLarge, UnreadablePicture, UnsupportedMedia
from digitkit.pictures.strokes import MIN_CONTRAST
from digitkit.settings import Limits

FORMATS: Final = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF")
ACCEPTED: Final = "PNG, JPEG, BMP, GIF, WebP and TIFF are accepted"
WORKING_SIDE_PX: Final = 320  # a JPEG is decoded at a half, a quarter or an eighth where its longer side stays above
EXIF_ORIENTATION: Final = 0x0112
TIFF_TILE: Final = (0x0142, 0x0143)  # its width and its length
START_OF_SCAN: Final = b"\xff\xda"  # of a JPEG; in its compressed data no 0xff is followed by it
MAX_HEADER_STEPS: Final = 4096  # segments and stray bytes before a JPEG's first scan; 10 MiB of them take Pillow 7 s

# A PNG of grey 8-bit pixels in one piece: the lengths and names of its chunks, its size, "8 bits, grey, not interlaced".
PNG_START: Final = struct.Struct("!16sII5sII4s")
PNG_HEAD, PNG_GREY, PNG_DATA = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", b"\x08\x00\x00\x00\x00", b"IDAT"
PNG_END: Final = b"\x00\x00\x00\x00IEND\xaeB`\x82"
CRC: Final = struct.Struct("!I")

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


@dataclass(slots=True)
class Allowance:
    """The pixels that one request may still have decoded."""

    limit: int
    spent: int = 0

    def check(self, pixels: int) -> None:
        """Raises TooLarge where a picture's pixels are more than are left."""
        if self.spent + pixels > self.limit:
            raise TooLarge(f"{pixels} pixels after {self.spent} of the same request; the limit for all its pictures is {self.limit}")

    def spend(self, pixels: int) -> None:
        """Count a picture's pixels; raises TooLarge."""
        self.check(pixels)
        self.spent += pixels


def decode_picture(data: bytes | bytearray, limits: Limits, allowance: Allowance | None = None) -> Picture:
    """The grey picture, uint8 (H, W), upright by its EXIF orientation, transparency laid on paper.

    Of an animation it is the first frame. The size is read from the header and checked before any pixel is decoded.

    Args:
        allowance: of the request that the picture is one of; its pixels are taken from it.
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
    plain = _decode_plain_png(data, limits, allowance)
    if plain is not None:
        return plain
    with warnings.catch_warnings(action="ignore"):  # Pillow warns of odd metadata; the picture is what counts
        if data.startswith(b"\xff\xd8"):
            _check_jpeg(data, limits)
        image = _open(data, limits)
        _check_size(image, limits)
        try:
            pixels = _prepare(image)
            if allowance:
                allowance.spend(pixels)
            return _to_grey(image)
        except Image.DecompressionBombError as err:
            raise TooLarge(f"the picture unpacks to more than the limit of {limits.pixels} pixels") from err
        except DECODER_FAULTS as err:
            raise UnreadablePicture(f"the {image.format} picture is damaged or truncated") from err


def _decode_plain_png(data: bytes | bytearray, limits: Limits, allowance: Allowance | None) -> Picture | None:
    """The pixels of the plainest PNG, by OpenCV in 8 us where Pillow takes 33; None for any other picture and for a damaged one.

    Such a file is grey with 8 bits, has no palette, transparency or metadata, and every checksum of it is right. OpenCV then
    gives Pillow's pixels or nothing at all: tests/pictures/test_picture.py tries it on thousands of damaged streams.
    """
    if len(data) < PNG_START.size or not data.endswith(PNG_END):
        return None
    head, width, height, form, checksum, length, name = PNG_START.unpack_from(data)
    end = PNG_START.size + length
    if (head, form, name, end + CRC.size + len(PNG_END)) != (PNG_HEAD, PNG_GREY, PNG_DATA, len(data)):
        return None
    if not 0 < width * height <= limits.pixels:
        return None
    view = memoryview(data)
    if zlib.crc32(view[12:29]) != checksum or zlib.crc32(view[PNG_START.size - 4 : end]) != CRC.unpack_from(data, end)[0]:
        return None
    if allowance:
        allowance.check(width * height)
    pixels = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:  # damaged: Pillow says how, and its pixels are counted there
        return None
    if allowance:
        allowance.spend(width * height)
    return np.asarray(pixels, dtype=np.uint8)


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
        raise TooLarge(f"the picture claims far more than the limit of {limits.pixels} pixels") from err
    except DECODER_FAULTS as err:
        raise UnreadablePicture(f"the picture's header is damaged; {ACCEPTED}") from err


def _check_size(image: Image.Image, limits: Limits) -> None:
    width, height = image.size
    if width * height > limits.pixels:
        raise TooLarge(f"the picture is {width} x {height} pixels, the limit is {limits.pixels} pixels")
    if width < 1 or height < 1:
        raise UnreadablePicture(f"the picture is {width} x {height} pixels; each side must be 1 or more")

    tile = [image.tag_v2.get(tag, 1) for tag in TIFF_TILE] if isinstance(image, TiffImageFile) else [1, 1]
    if not all(isinstance(side, int) for side in tile):
        raise UnreadablePicture(f"the picture's tiles have no size; {ACCEPTED}")
    if tile[0] * tile[1] > limits.pixels:
        raise TooLarge(f"the picture's tiles are {tile[0]} x {tile[1]} pixels, the limit is {limits.pixels} pixels")


def _check_jpeg(data: bytes | bytearray, limits: Limits) -> None:
    """Refuse a JPEG that takes long for its size: each scan is a pass over all pixels, each segment a step of Pillow's."""
    scans = data.count(START_OF_SCAN)
    if scans > limits.jpeg_scans:
        raise TooLarge(f"the JPEG picture has {scans} scans, the limit is {limits.jpeg_scans}")
    position = 2
    for _ in range(MAX_HEADER_STEPS):
        marker = data[position : position + 2]
        if len(marker) < 2 or marker == START_OF_SCAN:
            return
        if marker[0] != 0xFF or marker[1] in (0x00, 0xFF):  # a stray or a filling byte
            position += 1
        elif 0xD0 <= marker[1] <= 0xD9 or marker[1] == 0x01:  # a marker without a segment
            position += 2
        else:
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    raise TooLarge(f"the JPEG picture has more than {MAX_HEADER_STEPS} segments or stray bytes before its first scan")


def _prepare(image: Image.Image) -> int:
    """How many pixels there are to decode: of a JPEG, which is set to be decoded at a fraction, what is left of them."""
    width, height = image.size
    if image.format == "JPEG":
        image.draft("L", _draft_size(image.size))
        if "progressive" not in image.info:  # a progressive one is read whole before it is made smaller
            width, height = image.size
    return width * height


def _to_grey(image: Image.Image) -> Picture:
    if image.mode == "L" and image.format != "JPEG" and not image.info and not image.getexif():
        return np.asarray(image)  # the common case: a plain grey PNG
    image.load()  # before the orientation is read: Pillow turns a TIFF upright while it loads, and drops the tag
    orientation = image.getexif().get(EXIF_ORIENTATION, 1)
    if image.mode.startswith(("I", "F")):
        image = _to_eight_bits(image)
    elif image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = _on_paper(image.convert("RGBA"))
    grey = image.convert("L")
    if orientation != 1:
        grey.getexif()[EXIF_ORIENTATION] = orientation
        grey = ImageOps.exif_transpose(grey)
    return np.asarray(grey)


def _on_paper(picture: Image.Image) -> Image.Image:
    """A picture in RGBA laid on white; on black where nothing of it would be seen on white, as of white strokes."""
    on_white = _laid(picture, "white")
    if _is_seen(on_white):
        return on_white
    on_black = _laid(picture, "black")
    return on_black if _is_seen(on_black) else on_white


def _laid(picture: Image.Image, paper: str) -> Image.Image:
    return Image.alpha_composite(Image.new("RGBA", picture.size, paper), picture).convert("L")


def _is_seen(grey: Image.Image) -> bool:
    return int(np.ptp(np.asarray(grey))) >= MIN_CONTRAST


def _draft_size(size: tuple[int, int]) -> tuple[int, int]:
    scale = min(1.0, WORKING_SIDE_PX / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Integer or float pixels as 8 bits: 16-bit files by their range of values, others by what they hold."""
    if image.mode.startswith("I;16"):
        return Image.fromarray(((np.asarray(image).astype(np.uint32) + 128) // 257).astype(np.uint8))
    values = np.nan_to_num(np.asarray(image, dtype=np.float64), posinf=0.0, neginf=0.0)
    if image.mode == "I" and 255 < values.max() <= 65535 and values.min() >= 0:
        values = values / 257
    elif values.min() < 0 or values.max() > 255:
        values = (values - values.min()) * (255 / (values.max() - values.min()))
    elif image.mode == "F" and 0 < values.max() <= 1:
        values = values * 255
    return Image.fromarray(values.round().astype(np.uint8))


def _unsupported_format(head: bytes) -> str | None:
    """The name of a format that is known by its first bytes and not accepted."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    brand = head[8:12] if head[4:8] == b"ftyp" else b""
    if start.startswith(b"%PDF-"):
        return "PDF"
    if start.startswith((b"<svg", b"<?xml", b"<!DOCTYPE svg")):
        return "SVG"
    if brand in (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"heim", b"heis"):
        return "HEIC"
    if brand in (b"avif", b"avis"):
        return "AVIF"
    if brand or head.startswith((b"\x1a\x45\xdf\xa3", b"\x00\x00\x01\xba", b"FLV")) or head[8:12] == b"AVI ":
        return "video"
    return None
