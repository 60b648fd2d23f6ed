"""Hypothesis strategies for what each parser in a worker may meet: requests as TorchServe hands them over, valid but for a few oddities."""

import base64
import json
from dataclasses import replace
from typing import Any, Final

import numpy as np
from corpus import LENGTH, ODD, encoded
from formats import mutated, pieces_of
from hypothesis import strategies as st
from numpy.typing import NDArray

from digitkit.serving.request import Request, parse_parameter, to_request

JSON: Final = {"content-type": "application/json", "host": "here"}
HOST: Final = {"host": "here"}
MAGIC: Final = {
    "PNG": b"\x89PNG", "JPEG": b"\xff\xd8", "BMP": b"BM", "GIF": b"GIF8", "WebP": b"RIFF", "TIFF": b"II*\0",
}  # fmt: skip
LITERALS: Final = (
    "True", "False", "None", "-1", "0", "1", "2", "28", "784", "1e3", "2.0", "2**40", "9" * 40, "'28'", "b''", "(28,)", "[28]", "{}", "1j",
)  # fmt: skip

odd_values = st.sampled_from(ODD)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | odd_values,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(("data", "b64", "x")), inner, max_size=3),
    max_leaves=12,
)


def raw(body: bytes, headers: dict[str, str] = HOST) -> Request:
    return to_request({"body": body}, headers, {"body": headers.get("content-type", "")})


def from_json(value: Any) -> Request:
    """A request whose body TorchServe has parsed, as it does where its type says JSON."""
    body = json.dumps(value).encode()
    return to_request({"body": parse_parameter(body, "application/json")}, JSON, {"body": "application/json"})


def numpy_files(picture: NDArray[np.uint8]) -> st.SearchStrategy[Request]:
    """Headers whose entries are odd literals, whose length is wrong, whose version is another."""
    sides = st.sampled_from((*LITERALS, "28", "28", "1", "2"))
    shapes = st.lists(sides, max_size=4).map(lambda each: f"({', '.join(each)}{',' if len(each) == 1 else ''})")
    headers = st.builds(
        "{{'descr': {}, 'fortran_order': {}, 'shape': {}{}".format,
        st.sampled_from(("'|u1'", "'|u1'", "'|u1'", "'<f4'", "'|O'", "'|V0'", "[('a', '|u1')]", "'|b1'", "'x'", "''", *LITERALS)),
        st.sampled_from(("False", "False", "True", *LITERALS)),
        st.sampled_from(("(28, 28)", "(2, 28, 28)", "(True, 784)")) | shapes | st.text(max_size=12),
        st.sampled_from(("}", "}", "}", ", }", ", 'x': 1}", "", "}}", "} #", "\0}")),
    )

    def file(header: str, version: tuple[int, int], odd: int, tail: bytes) -> Request:
        text = header.encode("utf-8", "replace").ljust(117) + b"\n"
        size = 2 if version[0] == 1 else 4
        return raw(b"\x93NUMPY" + bytes(version) + (len(text) + odd).to_bytes(size, "little") + text + tail)

    versions = st.sampled_from(((1, 0), (1, 0), (2, 0), (3, 0), (9, 9), (0, 1)))
    tails = st.sampled_from((picture.tobytes(), picture.tobytes() * 2, b"", b"\0", picture.tobytes()[:-1])) | st.binary(max_size=8)
    return st.builds(file, headers, versions, st.sampled_from((0, 0, 0, 1, 100, 20_000)), tails)


def v1_bodies(picture: NDArray[np.uint8], files: list[bytes]) -> st.SearchStrategy[Request]:
    """Instances of every form and none; some as bytes that TorchServe left unparsed."""
    texts = [base64.b64encode(file).decode() for file in files[:3]]
    rows = picture.tolist()
    good = st.sampled_from((*texts, f"data:image/png;base64,{texts[0]}", {"b64": texts[0]}, {"data": rows}, rows))
    cut = st.builds(lambda text, at: text[:at], st.sampled_from(texts), st.integers(0, 60))
    rows_with = st.builds(lambda value, at: [[*rows[0][:at], value, *rows[0][at + 1 :]], *rows[1:]], odd_values, st.integers(0, 27))
    instances = st.lists(good | cut | rows_with | json_values, max_size=4) | json_values
    bodies = st.dictionaries(st.sampled_from(("instances", "inputs", "id", "signature_name")), json_values, max_size=3)
    whole = st.builds(lambda body, each: body | {"instances": each}, bodies, instances)
    texts_of = whole.map(lambda body: raw(json.dumps(body).encode(), JSON))
    return whole.map(from_json) | texts_of | st.binary(max_size=30).map(lambda tail: raw(b"{" + tail, JSON))


def tensors(picture: NDArray[np.uint8]) -> st.SearchStrategy[dict[str, Any]]:
    """A V2 request with oddities in every field of its tensor."""
    sides = st.sampled_from((1, 1, 1, 2, 28, 28, 784, 0, -1, 2**31 - 1, 2**70)) | odd_values
    shapes = st.sampled_from(([1, 28, 28], [2], [1])) | st.lists(sides, max_size=4) | json_values
    fields = {
        "name": st.just("p") | json_values,
        "datatype": st.sampled_from(("UINT8", "BYTES", "FP32")) | odd_values,
        "shape": shapes,
        "data": st.sampled_from((picture.tolist(), picture.ravel().tolist(), ["AAAA", "AAAA"])) | json_values,
        "parameters": st.none() | st.dictionaries(st.sampled_from(("binary_data_size", "x")), odd_values, max_size=2) | json_values,
    }
    tensor = st.fixed_dictionaries({}, optional=fields)
    return st.fixed_dictionaries({"inputs": st.lists(tensor, min_size=1, max_size=2) | json_values}, optional={"id": json_values})


def binary_tensors(picture: NDArray[np.uint8], files: list[bytes]) -> st.SearchStrategy[Request]:
    """JSON, then bytes that it describes well or badly, with a header that parts them well or badly."""
    elements = st.lists(st.sampled_from(files[:3]) | st.binary(max_size=9), max_size=3)
    lengths = st.sampled_from((0, 0, 0, 1, -1, 2**31, 2**32 - 1))

    def chained(each: list[bytes], odd: int) -> bytes:
        return b"".join(((len(one) + odd) % 2**32).to_bytes(4, "little") + one for one in each)

    tails = st.builds(chained, elements, lengths) | st.just(picture.tobytes()) | st.binary(max_size=9)

    def body(content: dict[str, Any], tail: bytes, odd: str, is_right: bool) -> Request:
        if is_right:
            content = {"inputs": [{"name": "p", "datatype": "BYTES", "shape": [2], "parameters": {"binary_data_size": len(tail)}}]}
        head = json.dumps(content).encode()
        return raw(head + tail, HOST | {LENGTH: odd or str(len(head))})

    wrong = st.sampled_from(("", "", "", "", "0", "7", "-1", "9" * 5000, "\u0663", "x"))
    return st.builds(body, tensors(picture), tails, wrong, st.booleans())


def forms(files: list[bytes]) -> st.SearchStrategy[Request]:
    """Rows of a multipart request: parts of every Content-Type, parsed by it as TorchServe does, and a query's parameters."""
    names = st.text(max_size=6) | st.sampled_from(("body", "data", "0", "target"))
    types = st.sampled_from(("image/png", "application/json", "text/plain", "text/html; charset=x", "", "a" * 300)) | st.text(max_size=6)
    values = st.sampled_from((*files[:4], b"", b"null", b"[[1]]", b'{"b64": "AAAA"}', b'{"instances": []}')) | st.binary(max_size=20)
    parts = st.dictionaries(names, st.tuples(types, values), max_size=4)
    headers = st.fixed_dictionaries(
        {"content-type": st.sampled_from(("multipart/form-data; boundary=x", "multipart/", "application/x-www-form-urlencoded"))},
        optional={"accept": st.text(max_size=9), "explain": st.sampled_from(("true", "TRUE", "x")), "x-target": st.text(max_size=2)},
    )

    def row(parts: dict[str, tuple[str, bytes]], headers: dict[str, str]) -> Request:
        parsed = {name: parse_parameter(value, kind) for name, (kind, value) in parts.items()}
        return to_request(parsed, headers, {name: kind for name, (kind, _) in parts.items()})

    return st.builds(row, parts, headers)


RULES: Final = (
    "", "integer", "amount", "amount=EUR", "date", "date=DMY", "time", "length=8", "length=6-8", "luhn", "isbn", "ean", "iban=DE",
    "stdnum=nl.bsn", "stdnum=", "pattern=[0-9]{2}-[0-9]{4}", "pattern=", "=", "length=\u0663", "x",
)  # fmt: skip
# What patterns are made of, put together well or badly.
TOKENS: Final = (
    "\\d",
    "\\",
    "[",
    "]",
    "0-9",
    "9-0",
    "-",
    "0",
    "7",
    ".",
    ",",
    "/",
    ":",
    " ",
    "{",
    "}",
    "{2}",
    "{2,4}",
    "{4,2}",
    "{65}",
    "?",
    "*",
    "(",
)

patterns = st.lists(st.sampled_from(TOKENS), max_size=12).map(lambda tokens: "pattern=" + "".join(tokens))
known = st.lists(st.sampled_from(RULES) | patterns | st.text(max_size=9), min_size=1, max_size=4).map(";".join)


def with_wishes(requests: st.SearchStrategy[Request]) -> st.SearchStrategy[Request]:
    """Requests that say in their headers what is known of a number, what is to be explained, and which form they prefer."""
    headers = st.fixed_dictionaries(
        {},
        optional={
            "x-format": known,
            "x-target": st.sampled_from(("0", "0.3", "9.9", "1.", "\u0663", "9" * 30)) | st.text(max_size=4),
            "explain": st.sampled_from(("True", "true", "x")),
            "accept": st.sampled_from(("text/plain", "text/csv", "image/png;q=1", "application/json, text/csv", "x/y")),
        },
    )
    return st.builds(lambda request, wished: replace(request, headers={**request.headers, **wished}), requests, headers)


def parsers(picture: NDArray[np.uint8]) -> dict[str, st.SearchStrategy[Request]]:
    """The requests for each parser, by its name."""
    files = [file for file in encoded(picture) if len(file) < 20_000]
    made: dict[str, st.SearchStrategy[Request]] = {
        "NumPy": numpy_files(picture),
        "JSON V1": v1_bodies(picture, files),
        "JSON V2": tensors(picture).map(from_json),
        "binary tensors": binary_tensors(picture, files),
        "multipart": forms(files),
    }
    for kind, magic in MAGIC.items():
        cut: list[list[bytes]] = [pieces_of(file) for file in files if file.startswith(magic)]
        made[kind] = mutated(cut).map(raw)
    return made


PARSERS: Final = ("NumPy", "JSON V1", "JSON V2", "binary tensors", "multipart", *MAGIC)
