"""A JPEG is decoded at a fraction of its size, so it may be larger than other pictures: what it costs is limited, not what it says.

A baseline one costs little more than its bytes: 108 million pixels take 0.2 s and no memory. A progressive one is put together from
scans that each go over the whole picture, whose coefficients are held in memory until the last: 3 bytes a pixel with the colours of
a camera, 8 at worst. So is any JPEG whose first scan has not all of its colours.
"""

from typing import Final

from PIL.JpegImagePlugin import JpegImageFile

from digitkit.errors import TooLarge, UnreadablePicture
from digitkit.settings import Limits

WORKING_SIDE_PX: Final = 320  # a JPEG is decoded at a half, a quarter or an eighth where its longer side stays above
PAGE_SIDE_PX: Final = 1600  # the same for pages, whose digits are small: a sheet of A4 at 150 dpi stays whole
START: Final = b"\xff\xd8"
START_OF_SCAN: Final = b"\xff\xda"  # in the compressed data no 0xff is followed by it
COMPONENTS_AT: Final = 4  # bytes from there to the number of the scan's components
MAX_HEADER_STEPS: Final = 4096  # segments and stray bytes before a JPEG's first scan; 10 MiB of them take Pillow 7 s
SCANS_A_PIXEL: Final = 32  # passes over a pixel that cost as much as decoding it: 1.7 ns each, where a PNG's takes 50
RGB_IDS: Final = [82, 71, 66]  # of the components of a JPEG that holds red, green and blue as they are


def find_first_scan(data: bytes | bytearray) -> int | None:
    """Where the first scan starts, None where none is found; raises TooLarge for a header that takes Pillow long to read."""
    position = len(START)
    for _ in range(MAX_HEADER_STEPS):
        marker = data[position : position + 2]
        if marker == START_OF_SCAN:
            return position
        if len(marker) < 2:
            return None
        if marker[0] != 0xFF or marker[1] in (0x00, 0xFF):  # a stray or a filling byte
            position += 1
        elif 0xD0 <= marker[1] <= 0xD9 or marker[1] == 0x01:  # a marker without a segment
            position += 2
        else:
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    raise TooLarge(f"the JPEG picture has more than {MAX_HEADER_STEPS} segments or stray bytes before its first scan")


def prepare_jpeg(image: JpegImageFile, data: bytes | bytearray, first_scan: int | None, limits: Limits, side_px: int) -> int:
    """Set a JPEG to be decoded at a fraction, in YCbCr where it has colours; returns what that costs, counted in pixels.

    Args:
        side_px: above which its longer side stays, where it is not below from the start.
    Raises:
        TooLarge: more pixels or scans than the limits allow.
        UnreadablePicture: a side of no pixels.
    """
    width, height = image.size
    if width < 1 or height < 1:
        raise UnreadablePicture(f"the picture is {width} x {height} pixels; each side must be 1 or more")
    is_held = _is_held(image, data, first_scan)
    limit = limits.jpeg_progressive_pixels if is_held else limits.jpeg_pixels
    if width * height > limit:
        kind = (
            f"a progressive JPEG, or one of several scans; of a baseline one it is {limits.jpeg_pixels}" if is_held else "a baseline JPEG"
        )
        raise TooLarge(f"the picture is {width} x {height} pixels, the limit is {limit} pixels for {kind}")
    scans = data.count(START_OF_SCAN, first_scan or 0) if is_held else 1
    if scans > limits.jpeg_scans:
        raise TooLarge(f"the JPEG picture has {scans} scans, the limit is {limits.jpeg_scans}")
    scale = min(1.0, side_px / max(image.size))
    image.draft(None if _is_rgb(image) else "YCbCr", (max(1, round(width * scale)), max(1, round(height * scale))))
    fraction = image.width * image.height
    return max(fraction, width * height * scans // SCANS_A_PIXEL) if is_held else fraction


def _is_held(image: JpegImageFile, data: bytes | bytearray, first_scan: int | None) -> bool:
    """Whether the whole picture's coefficients are held in memory: libjpeg decides it in this way, by the first scan."""
    if first_scan is None or "progressive" in image.info:
        return True
    components = data[first_scan + COMPONENTS_AT : first_scan + COMPONENTS_AT + 1]
    return not components or components[0] < image.layers


def _is_rgb(image: JpegImageFile) -> bool:
    """Whether a JPEG holds red, green and blue, which libjpeg makes no YCbCr of."""
    if "jfif" in image.info:
        return False
    if "adobe_transform" in image.info:
        return bool(image.info["adobe_transform"] == 0)
    return [layer[0] for layer in image.layer] == RGB_IDS
