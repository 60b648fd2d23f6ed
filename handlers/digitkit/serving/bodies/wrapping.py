"""What bytes are wrapped in on their way: base64, a data URL, a content encoding."""

import base64
import binascii
import zlib
from collections.abc import Mapping
from typing import Final

from digitkit.errors import BadRequest, TooLarge, UnsupportedMedia
from digitkit.settings import Limits

DATA_URL: Final = b"data:"  # how browsers begin the base64 of a file or of a canvas; the base64 follows the first comma
BASE64: Final = "A to Z, a to z, 0 to 9, + and / or - and _, with or without = at the end; lines may be broken"
# What is tolerated: line breaks, as `base64` and MIME write them, and the alphabet that is safe in addresses.
TOLERATED: Final = str.maketrans("-_", "+/", " \t\r\n")
ENCODING: Final = "content-encoding"
ENCODINGS: Final = {"gzip": zlib.MAX_WBITS | 16, "x-gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
ACCEPTED: Final = "gzip, deflate and identity are accepted, one at a time"


def decode_base64(text: str) -> bytes:
    """The bytes that base64 stands for, or a data URL of it; raises BadRequest."""
    content = text.partition(",")[2] if text.startswith(DATA_URL.decode()) else text
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        plain = content.translate(TOLERATED).rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as err:
        raise BadRequest(f"{len(text)} characters that are no base64: {BASE64}") from err


def unwrapped(data: bytes | bytearray) -> bytes | bytearray:
    """The file in a data URL; any other bytes as they are. Raises BadRequest."""
    return decode_base64(data.decode("ascii", errors="replace")) if data.startswith(DATA_URL) else data


def encoding_of(headers: Mapping[str, str]) -> str:
    """The content encoding of a body, "" for none; raises UnsupportedMedia for any that is not accepted."""
    if ENCODING not in headers:
        return ""
    names = [name for each in headers[ENCODING].lower().split(",") if (name := each.strip()) not in ("", "identity")]
    if len(names) > 1 or not ENCODINGS.keys() >= set(names):
        raise UnsupportedMedia(f"the body has a content encoding that is not accepted, or {len(names)} of them; {ACCEPTED}")
    return "".join(names)


def unpacked(body: bytes | bytearray, encoding: str, limits: Limits) -> bytes:
    """What a content encoding made smaller.

    Raises:
        TooLarge: it unpacks to more than a body may have; no more than that is unpacked.
        BadRequest: it is not encoded so, or ends too soon.
    """
    bits = ENCODINGS[encoding]
    if encoding == "deflate" and not _has_zlib_header(body):
        bits = -zlib.MAX_WBITS  # as some clients understand "deflate"
    whole, rest = b"", bytes(body)
    while rest:  # a file of gzip may be several, one after the other
        unpacker = zlib.decompressobj(bits)
        try:
            whole += unpacker.decompress(rest, limits.body_bytes + 1 - len(whole))
        except zlib.error as err:
            raise BadRequest(f"the body is {len(body)} bytes that are no {encoding}, which its header {ENCODING} names") from err
        if len(whole) > limits.body_bytes:
            raise TooLarge(f"the body unpacks to more than the limit of {limits.body_bytes} bytes")
        if not unpacker.eof:
            raise BadRequest(f"the body is {len(body)} bytes of {encoding} that end too soon")
        rest = unpacker.unused_data
    return whole


def _has_zlib_header(body: bytes | bytearray) -> bool:
    """Whether a stream begins as RFC 1950 has it: method 8, and a multiple of 31."""
    return len(body) > 1 and body[0] & 0x0F == zlib.DEFLATED and int.from_bytes(body[:2], "big") % 31 == 0
