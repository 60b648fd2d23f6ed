"""What bench, faults and load tests share: HTTP in pieces and chunks, the pause between attempts, flags, and MNIST's pictures."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_bench_servers import answering, echo

from deploy.asking import ask
from deploy.machine.local import client
from testbed.connection import HttpAnswer, whole_body
from testbed.endpoints import encode_npy, pixels
from testbed.flags import names, positive, positive_list, rate
from testbed.pictures import load_canvases, load_pictures
from testbed.retry import may_ask_again, pause_s
from training.data.mnist import Split

CHUNKED = b"http/1.1 200 ok\r\ntransfer-encoding: chunked"
BODIES = [
    (b"http/1.1 200 ok\r\nx: y\r\ncontent-length: 5", b"seven", b"seven"),
    (b"http/1.1 204 no content\r\nx: y", b"", b""),
    (CHUNKED, b"3\r\nsev\r\n2;a=b\r\nen\r\n0\r\n\r\n", b"seven"),
    (CHUNKED, b"5\r\nse\r\nn\r\n0\r\n\r\n", b"se\r\nn"),
    (CHUNKED, b"5\r\nseven\r\n0\r\nx-trailer: 1\r\n\r\n", b"seven"),
]


@pytest.mark.parametrize(("head", "sent", "body"), BODIES)
def test_a_body_is_there_when_its_last_byte_is_and_not_before(head: bytes, sent: bytes, body: bytes) -> None:
    start = len(head) + 4
    whole = head + b"\r\n\r\n" + sent
    for end in range(start, len(whole)):
        assert whole_body(bytearray(whole[:end]), start, head) is None
    assert whole_body(bytearray(whole), start, head) == body


def test_headers_are_found_whatever_their_case_and_none_is_taken_for_another() -> None:
    answer = HttpAnswer(200, b"HTTP/1.1 200 OK\r\nX-Model-Version: 1.0-RC\r\nVersion: 2\r\nLast: 3", b"")
    assert [answer.header(name) for name in (b"x-model-version", b"version", b"last", b"http", b"model")] == [
        b"1.0-RC",
        b"2",
        b"3",
        b"",
        b"",
    ]


@pytest.mark.parametrize(
    ("status", "body", "again"),
    [(503, b"", True), (500, b"", True), (400, b'{"type": "InvalidKeyException"}', True), (400, b"{}", False), (200, b"", False)],
)
def test_only_answers_that_promise_nothing_may_be_asked_again(status: int, body: bytes, again: bool) -> None:
    assert may_ask_again(HttpAnswer(status, b"", body)) is again


def test_retry_after_is_heeded_only_where_asking_again_is_allowed() -> None:
    head = b"HTTP/1.1 x\r\nRetry-After: 3"
    assert pause_s(1, HttpAnswer(200, head, b"")) < 1
    assert pause_s(1, HttpAnswer(503, head, b"")) >= 3


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [(positive, "3", 3), (positive_list, "1,2", (1, 2)), (names, "a,b", ("a", "b")), (names, "", ()), (rate, "0", 0.0), (rate, "2.5", 2.5)],
)
def test_flags_are_read(read: Callable[[str], Any], text: str, value: Any) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "text"),
    [(positive, "0"), (positive, "-1"), (positive, "1.5"), (positive_list, "1,"), (rate, "-1"), (rate, "inf"), (rate, "nan"), (rate, "x")],
)
def test_flags_that_cannot_be_are_refused(read: Callable[[str], Any], text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        read(text)


def test_pictures_read_without_torch_are_those_that_training_reads(mnist_test: Split, mnist_root: Path) -> None:
    found = load_canvases(mnist_root)
    assert len(found) == len(mnist_test)
    assert np.array_equal(found.pictures, mnist_test.pictures)
    assert np.array_equal(found.labels, mnist_test.labels)


def test_encoded_pictures_hold_the_pixels_of_their_canvases(mnist_root: Path) -> None:
    test, drawn = load_canvases(mnist_root), load_pictures(mnist_root, 3)
    known = {canvas.tobytes(): label for canvas, label in zip(test.pictures, test.labels, strict=True)}
    assert [known[pixels(picture.png).tobytes()] for picture in drawn] == [picture.label for picture in drawn]
    assert encode_npy([picture.png for picture in drawn]).endswith(pixels(drawn[2].png).tobytes())


def test_a_question_is_asked_on_a_connection_of_its_own_or_on_one_that_is_kept() -> None:
    with answering(echo) as port, client() as session:
        url = f"http://127.0.0.1:{port}/"
        for kept in (None, session):
            answer = ask(url, b"7", headers={}, timeout_s=5.0, session=kept)
            assert (answer.status_code, answer.json()["digit"]) == (200, 7)
