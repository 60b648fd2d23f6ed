"""Every parser in a worker under property-based fuzzing: a request between two good ones costs them nothing, whatever it holds.

`DIGITS_FUZZ_CASES=100000 pytest tests/serving/test_fuzz_parsers.py` tries that many requests, shared among the parsers.
"""

import json
import os
import socket
import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lines import spelled
from numpy.typing import NDArray
from strategies import PARSERS, parsers, with_wishes

from digitkit.errors import DigitError
from digitkit.pictures.codec import encode_png
from digitkit.serving.frames import Inbox
from digitkit.serving.guard import Guard
from digitkit.serving.request import Request, to_request
from digitkit.serving.writing import Answer

CASES = int(os.environ.get("DIGITS_FUZZ_CASES", "3000"))
# Each parser is tried with the reader of digits and with that of numbers, and the parser of messages once.
EACH = settings(max_examples=max(1, CASES // (2 * len(PARSERS) + 1)), deadline=None, derandomize=True, database=None)
TEXT = frozenset(b"0123456789.,-/: \n")  # of answers as text/plain
ENDLESS_S = 1_000_000  # a machine that stands still for a while is no fault of a parser
REFUSALS = {400, 413, 415, 422}


class Watching(Guard):
    """A guard that keeps what fell into it: readers are to raise nothing but refusals, with no need of a net."""

    def __init__(self) -> None:
        super().__init__()
        self.caught: list[Exception] = []

    def _fault(self, err: Exception) -> DigitError:
        self.caught.append(err)
        return super()._fault(err)


def watched(handler: Any, picture: bytes) -> tuple[Request, list[Answer]]:
    """A good request, and the answers to it alone, of a handler whose guard is watched from now on, and that has all the time it wants."""
    handler.guard = Watching()
    limits = replace(handler.settings.limits, request_seconds=ENDLESS_S, batch_seconds=ENDLESS_S)
    handler.settings = replace(handler.settings, limits=limits)
    good = to_request({"body": picture}, {"host": "here"}, {"body": "image/png"})
    answers: list[Answer] = handler.answer([good])
    assert [answer.status for answer in answers] == [200]
    return good, answers


def check(handler: Any, request: Request, good: Request, alone: Answer) -> None:
    """The request's neighbours get the answers that they get alone, it gets one of its own, and nothing fell into the guard's net."""
    first, answer, last = handler.answer([good, request, good])
    caught, handler.guard.caught = handler.guard.caught, []
    for err in caught:
        raise err
    assert first == last == alone
    assert is_legal(answer)


def is_legal(answer: Answer) -> bool:
    """Whether an answer has a status of the documentation and a body that goes with it."""
    if answer.status == 200 and answer.content_type != "application/json":
        begins = {"image/png": b"\x89PNG", "text/csv": b"text,digits,"}.get(answer.content_type)
        return TEXT.issuperset(answer.body) if begins is None else answer.body.startswith(begins)
    told = json.loads(answer.body)
    if answer.status == 200:
        return bool(told)
    return answer.status in REFUSALS and told.keys() == {"code", "type", "message"} and told["code"] == answer.status


@pytest.mark.slow
@pytest.mark.parametrize("parser", PARSERS)
def test_no_request_costs_its_neighbours_their_answers(
    parser: str, handler: Any, ten_digits: NDArray[np.uint8], ten_pngs: list[bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    good, (alone,) = watched(handler, ten_pngs[7])

    @EACH
    @given(parsers(ten_digits[7])[parser])
    def holds(request: Request) -> None:
        check(handler, request, good, alone)

    holds()
    capfd.readouterr()  # libtiff and libpng complain on the process's own stderr


@pytest.mark.slow
@pytest.mark.parametrize("parser", PARSERS)
def test_nor_does_one_to_the_reader_of_numbers_whatever_it_says_is_known(
    parser: str, numbers_handler: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    good, (alone,) = watched(numbers_handler, encode_png(spelled("20417")))

    @EACH
    @given(with_wishes(parsers(spelled("*1.234,50*7"))[parser]))
    def holds(request: Request) -> None:
        check(numbers_handler, request, good, alone)

    holds()
    capfd.readouterr()


texts = st.sampled_from((b"", b"body", b"data", b"Content-Type", b"\xff\xfe", b"\xc3", b"application/json", b"text/plain", b"explain"))
fields = texts | st.binary(max_size=12)
messages = st.tuples(st.lists(st.tuples(fields, fields), max_size=3), st.lists(st.tuples(fields, fields, fields), max_size=3))


def sized(content: bytes) -> bytes:
    return struct.pack("!i", len(content)) + content


def message(requests: list[tuple[list[tuple[bytes, bytes]], list[tuple[bytes, bytes, bytes]]]]) -> bytes:
    """As TorchServe's ModelRequestEncoder writes it, but for names and types that are no UTF-8."""
    end, parts = struct.pack("!i", -1), [b"I"]
    for i, (headers, parameters) in enumerate(requests):
        parts.append(sized(b"request-%d" % i))
        parts += [sized(text) for pair in headers for text in pair] + [end]
        parts += [sized(text) for parameter in parameters for text in parameter] + [end]
    return b"".join([*parts, end])


@pytest.mark.slow
def test_no_request_of_a_message_costs_the_others_of_it(handler: Any, ten_pngs: list[bytes]) -> None:
    usual, (alone,) = watched(handler, ten_pngs[7])
    good = ([(b"Host", b"here")], [(b"body", b"image/png", ten_pngs[7])])

    @EACH
    @given(messages)
    def holds(odd: tuple[Any, Any]) -> None:
        frontend, worker = socket.socketpair()
        with frontend, worker:
            frontend.sendall(message([good, odd, good]))
            first, request, last = Inbox(worker, handler.guard).read()
        assert [first, last] == [to_request({"body": ten_pngs[7]}, {"host": "here"}, {"body": "image/png"}, f"request-{i}") for i in (0, 2)]
        check(handler, request, usual, alone)

    holds()
