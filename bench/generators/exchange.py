"""The requests of a run as bytes, each with the digits of its right answer. Both load generators send these bytes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

DIGIT = re.compile(rb"\d")
LISTED_DIGIT = re.compile(rb'"digit": ?(\d)')


@dataclass(frozen=True, slots=True)
class CheckedRequest:
    """An HTTP/1.1 request.

    Attributes:
        content: all of it, headers and body.
        digits: those that the answer must name, in order: one for each picture, "" for a request without pictures.
    """

    content: bytes
    digits: str


def post(path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """The bytes of a POST; without a body, of a GET."""
    given = {"Host": "127.0.0.1"} | dict(headers) | ({"Content-Length": str(len(body))} if body else {})
    lines = [f"{'POST' if body else 'GET'} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def digits_in(answer: bytes, count: int) -> str:
    """The digits that an answer names: the first numeral of a single answer, or every "digit" of a list."""
    if count > 1:
        return b"".join(LISTED_DIGIT.findall(answer)).decode()
    found = DIGIT.search(answer) if count else None
    return found[0].decode() if found else ""


def write_requests(path: Path, requests: Sequence[CheckedRequest]) -> None:
    """Write a line "DIGITS BYTES" and the bytes for each request."""
    path.write_bytes(b"".join(f"{r.digits} {len(r.content)}\n".encode() + r.content for r in requests))


def read_requests(path: Path) -> list[CheckedRequest]:
    """The requests that write_requests wrote."""
    requests = []
    with path.open("rb") as file:
        while line := file.readline().decode():
            digits, _, length = line.partition(" ")
            requests.append(CheckedRequest(file.read(int(length)), digits))
    return requests
