"""Valid requests of every form, and mutants of them: the same ones for the same seed."""

import base64
import io
import json
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

BOUNDARY: Final = b"part-of-a-corpus"
LENGTH: Final = "inference-header-content-length"
FORMATS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("PNG", {}), ("PNG", {"interlace": True, "dpi": (96, 96)}), ("JPEG", {}), ("JPEG", {"progressive": True}), ("BMP", {}), ("GIF", {}),
    ("WEBP", {}), ("WEBP", {"lossless": True}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}), ("TIFF", {"compression": "group4"}),
    ("TIFF", {"compression": "packbits"}), ("TIFF", {"compression": "jpeg"}), ("TIFF", {"compression": "tiff_deflate"}),
)  # fmt: skip
TIFF_MODES: Final = {"group4": ("1",), "jpeg": ("L", "RGB")}  # libtiff complains on stderr of any other
MODES: Final = ("L", "1", "P", "LA", "RGB", "RGBA", "CMYK", "I;16", "I", "F")
ODD: Final[tuple[Any, ...]] = (
    None, True, False, -1, 0, 256, 0.5, 1e308, float("nan"), float("inf"), 2**31, 2**63, -(2**64), 10**400, "", "7", "\ud800", "A" * 999,
    [], {}, [[]], [[[[]]]], [[0]], [[0, 255]], [1, [2]], {"b64": "AAAA"}, {"data": [[1]]}, {"binary_data_size": 1}, "UINT8", "BYTES",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Request:
    """One request: its body and its headers, named in lower case."""

    body: bytes
    headers: dict[str, str]


def encoded(picture: NDArray[np.uint8]) -> list[bytes]:
    """The picture in every format and colour mode that Pillow writes."""
    files = []
    for kind, options in FORMATS:
        for mode in TIFF_MODES.get(options.get("compression", ""), MODES):
            image = Image.fromarray(picture.astype(np.uint16) * 257) if mode == "I;16" else Image.fromarray(picture).convert(mode)
            buffer = io.BytesIO()
            try:
                image.save(buffer, kind, **options)
            except (OSError, ValueError, KeyError):
                continue  # no such mode in this format
            files.append(buffer.getvalue())
    for kind in ("GIF", "WEBP", "TIFF", "PNG"):
        buffer, exif = io.BytesIO(), Image.Exif()
        exif[0x0112] = 6
        frames = [Image.fromarray(255 - picture), Image.fromarray(picture)]
        Image.fromarray(picture).save(buffer, kind, save_all=True, append_images=frames, **({} if kind == "GIF" else {"exif": exif}))
        files.append(buffer.getvalue())
    return files


def requests_of(picture: NDArray[np.uint8]) -> list[Request]:
    """A valid request of every form and format."""
    files = encoded(picture)
    text = base64.b64encode(files[0]).decode()
    as_json = {"content-type": "application/json"}
    bodies: list[Any] = [
        {"instances": [text, {"b64": text}, {"data": picture.tolist()}]},
        {"instances": [picture[::4, ::4].tolist(), (picture[::4, ::4] / 3.0).tolist()]},
        {"id": "1", "inputs": [{"name": "p", "datatype": "UINT8", "shape": [1, *picture.shape], "data": picture.tolist()}]},
        {"inputs": [{"name": "p", "datatype": "UINT8", "shape": [2, 2, 2], "data": [0, 90, 80, 70, 60, 50, 40, 30]}]},
        {"inputs": [{"name": "p", "datatype": "BYTES", "shape": [2], "data": [text, text]}]},
    ]
    requests = [Request(file, {}) for file in files]
    requests += [Request(json.dumps(body).encode(), headers) for body in bodies for headers in (as_json, {})]
    for array in (picture, np.stack([picture, picture]), np.asfortranarray(picture)):
        buffer = io.BytesIO()
        np.save(buffer, array)
        requests.append(Request(buffer.getvalue(), {"content-type": "application/x-npy"}))
    lengths = b"".join(len(file).to_bytes(4, "little") + file for file in files[:2])
    requests += [_binary("UINT8", [1, *picture.shape], picture.tobytes()), _binary("BYTES", [2], lengths)]
    parts = [b'Content-Disposition: form-data; name="%d"; filename="x"\r\nContent-Type: image/png\r\n\r\n' % i + files[i] for i in range(3)]
    form = b"".join(b"--" + BOUNDARY + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + BOUNDARY + b"--\r\n"
    return [*requests, Request(form, {"content-type": f"multipart/form-data; boundary={BOUNDARY.decode()}"})]


def _binary(datatype: str, shape: list[int], data: bytes) -> Request:
    """A V2 request whose tensor follows its JSON."""
    tensor = {"name": "p", "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": len(data)}}
    header = json.dumps({"inputs": [tensor]}).encode()
    return Request(header + data, {LENGTH: str(len(header)), "content-type": "application/octet-stream"})


def mutants(corpus: list[Request], count: int, seed: int) -> Iterator[Request]:
    """`count` mutants of the corpus: one to three changes each, of bytes, of a JSON value or of a header."""
    rng = random.Random(seed)
    for i in range(count):
        request = corpus[i % len(corpus)]
        body = request.body
        if body[:1] == b"{" and LENGTH not in request.headers and rng.random() < 0.6:
            body = _odd_json(rng, body)
        else:
            for _ in range(rng.choice((1, 1, 2, 3))):
                body = rng.choice(MUTATORS)(rng, body, rng.choice(corpus).body)
        headers = request.headers
        if rng.random() < 0.05:
            value = rng.choice(("", "0", "7", str(len(body)), "-1", "9" * 5000, "\u0663", "x"))
            headers = headers | {rng.choice((LENGTH, "content-type", "accept")): value}
        yield replace(request, body=body, headers=headers)


def _odd_json(rng: random.Random, body: bytes) -> bytes:
    """The JSON with one value, at a random depth, replaced by an odd one."""
    tree = json.loads(body)
    node: Any = tree
    while True:
        key = rng.choice(list(node)) if isinstance(node, dict) else rng.randrange(len(node))
        child = node[key]
        if not (isinstance(child, dict | list) and child) or rng.random() < 0.2:
            break
        node = child
    node[key] = rng.choice(ODD)
    return json.dumps(tree).encode()


def _span(rng: random.Random, body: bytes) -> tuple[int, int]:
    """A range of the body, mostly short, and in the head more often than elsewhere: that is where sizes and offsets stand."""
    size = max(1, len(body))
    start = rng.randrange(min(size, 64)) if rng.random() < 0.5 else rng.randrange(size)
    return start, min(size, start + rng.choice((1, 2, 4, 8, 64, size)))


def _flip(rng: random.Random, body: bytes, _: bytes) -> bytes:
    changed = bytearray(body)
    for _i in range(rng.choice((1, 1, 2, 8)) if body else 0):
        changed[_span(rng, body)[0]] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _overwrite(rng: random.Random, body: bytes, _: bytes) -> bytes:
    start, end = _span(rng, body)
    return body[:start] + rng.randbytes(end - start) + body[end:]


def _zero(rng: random.Random, body: bytes, _: bytes) -> bytes:
    start, end = _span(rng, body)
    return body[:start] + bytes([rng.choice((0, 0, 255))]) * (end - start) + body[end:]


def _truncate(rng: random.Random, body: bytes, _: bytes) -> bytes:
    return body[: _span(rng, body)[0]] if rng.random() < 0.5 else body[: rng.randrange(len(body) + 1)]


def _insert(rng: random.Random, body: bytes, _: bytes) -> bytes:
    start, end = _span(rng, body)
    return body[:start] + rng.randbytes(min(end - start, 64)) + body[start:]


def _duplicate(rng: random.Random, body: bytes, _: bytes) -> bytes:
    start, end = _span(rng, body)
    return body[:end] + body[start:end] * rng.choice((1, 3)) + body[end:]


def _delete(rng: random.Random, body: bytes, _: bytes) -> bytes:
    start, end = _span(rng, body)
    return body[:start] + body[end:]


def _splice(rng: random.Random, body: bytes, other: bytes) -> bytes:
    return body[: _span(rng, body)[0]] + other[_span(rng, other)[0] :]


Mutator = Callable[[random.Random, bytes, bytes], bytes]
MUTATORS: Final[tuple[Mutator, ...]] = (_flip, _flip, _overwrite, _zero, _truncate, _insert, _duplicate, _delete, _splice)


def as_row(request: Request) -> tuple[dict[str, Any], dict[str, Any]]:
    """The row and the headers that TorchServe makes of a request, for the handler."""
    kind = request.headers.get("content-type", "")
    if kind.startswith("multipart/"):
        parts = [part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for part in request.body.split(b"--" + BOUNDARY)[1:-1]]
        row: dict[str, Any] = {str(i): bytearray(part) for i, part in enumerate(parts)}
        return row, {name: {"content-type": "image/png"} for name in row} | request.headers
    body: Any = bytearray(request.body)
    if kind == "application/json":
        with suppress(ValueError, RecursionError):
            body = json.loads(request.body.decode())
    elif kind.startswith("text"):
        body = request.body.decode(errors="replace")
    return {"body": body}, request.headers
