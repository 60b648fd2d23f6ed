"""The questions asked under load. An answer is right if it is the one that the same question got before the load."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from testbed.answers import TOLERANCE
from testbed.connection import HttpAnswer, Lost, Pool
from testbed.endpoints import NPY, encode_npy, predict_path
from testbed.pictures import LabelledPicture
from testbed.retry import may_ask_again

NPY_MAGIC, NPY_PIXELS, POISON_BYTES = b"\x93NUMPY\x01\x00", 784, 912
ALONE_S = 30.0  # for an answer before the load


class NotServed(Exception):
    """The server does not answer correctly even without load."""


class Outcome(StrEnum):
    RIGHT = "right"
    ERROR = "error"  # a clear one: its status and its body say that the request may be repeated, and why
    LOST = "lost"  # no answer
    WRONG = "wrong"  # another answer, or a meaningless one, which must never happen


@dataclass(frozen=True, slots=True)
class CheckedQuestion:
    """A request to one model.

    Attributes:
        kind: its name in a table.
        path: from the root of the inference API.
        body: the bytes that are sent.
        headers: more header lines, each with its line end.
        status: the status of the right answer.
        expected: the body of the right answer; empty while it is unknown.
    """

    kind: str
    path: str
    body: bytes
    headers: str = ""
    status: int = 200
    expected: bytes = b""

    def request(self, token: str) -> bytes:
        """The bytes of the request."""
        head = f"POST {self.path} HTTP/1.1\r\nHost: digits\r\nAuthorization: Bearer {token}\r\nContent-Length: {len(self.body)}\r\n"
        return f"{head}{self.headers}\r\n".encode() + self.body

    def judge(self, answer: HttpAnswer) -> Outcome:
        """The outcome that an answer means."""
        if answer.status == self.status and (answer.body == self.expected or _same(_parse(answer.body), _parse(self.expected))):
            return Outcome.RIGHT
        if may_ask_again(answer):
            return Outcome.ERROR if _is_clear(answer) else Outcome.WRONG
        return Outcome.WRONG


def single(model: str, picture: LabelledPicture) -> CheckedQuestion:
    """One picture as the body."""
    return CheckedQuestion("single", predict_path(model), picture.png)


def stack(model: str, pictures: Sequence[LabelledPicture]) -> CheckedQuestion:
    """Several pictures as one NumPy file, (N, 28, 28): more work for the worker than for the frontend and the driver."""
    body = encode_npy([picture.png for picture in pictures])
    return CheckedQuestion("stack", predict_path(model), body, headers=f"Content-Type: {NPY}\r\n")


def poison(model: str) -> CheckedQuestion:
    """A NumPy file of 912 bytes whose header gives True as the number of pictures: reading it only fails when the shape is used."""
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (True, 784), }"
    length = POISON_BYTES - NPY_PIXELS - len(NPY_MAGIC) - 2
    body = NPY_MAGIC + length.to_bytes(2, "little") + header.ljust(length - 1) + b"\n" + bytes(NPY_PIXELS)
    return CheckedQuestion("poison", predict_path(model), body, headers=f"Content-Type: {NPY}\r\n", status=400)


def unauthorised(model: str, body_bytes: int) -> bytes:
    """The bytes of a request without a token whose body has that size."""
    head = f"POST {predict_path(model)} HTTP/1.1\r\nHost: digits\r\nContent-Length: {body_bytes}\r\n\r\n"
    return head.encode() + bytes(body_bytes)


async def ask_alone(pool: Pool, questions: Sequence[CheckedQuestion], token: str) -> list[CheckedQuestion]:
    """The questions with their answers, asked one at a time without load; raises NotServed."""
    answered = []
    for question in questions:
        try:
            answer = await pool.ask(question.request(token), ALONE_S)
        except Lost as err:
            raise NotServed(f"{question.path} gets no answer without load: {err}") from err
        if answer.status != question.status:
            raise NotServed(f"{question.path} answers {answer.status} to {question.kind}, not {question.status}: {answer.body[:200]!r}")
        answered.append(replace(question, expected=answer.body))
    return answered


def _is_clear(answer: HttpAnswer) -> bool:
    told = _parse(answer.body)
    return isinstance(told, dict) and told.get("code") == answer.status and bool(told.get("type")) and bool(told.get("message"))


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body


def _same(found: Any, expected: Any) -> bool:
    """Whether two parsed answers are equal except in the last decimals, which depend on the size of the batch."""
    if isinstance(expected, float) and isinstance(found, int | float):
        return abs(found - expected) <= TOLERANCE
    if isinstance(expected, dict) and isinstance(found, dict):
        return found.keys() == expected.keys() and all(_same(found[key], expected[key]) for key in expected)
    if isinstance(expected, list) and isinstance(found, list):
        return len(found) == len(expected) and all(map(_same, found, expected))
    return bool(found == expected)
