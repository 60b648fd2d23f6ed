"""One call of the client: what is sent, what comes back, and which errors are asked again."""

import io
import json
import queue
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faked import BLANK, QUICK, TOKEN, Blocking, Concurrent, FakeServer, Fault, cut, faked, slow, status
from PIL import Image

import digits_client
from digits_client import Digit, DigitsError, Options, key_file

BOTH = pytest.mark.parametrize("face", [Blocking, Concurrent])
SEVEN = b"7 is what this picture shows"


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    with faked() as server:
        yield server


@BOTH
def test_a_digit_comes_back_with_all_that_is_known_of_it(face: type[Blocking], fake: FakeServer) -> None:
    found = face(fake.url).call("read", SEVEN)
    assert found == Digit(7, 0.91, True, "", found.probabilities)
    assert sum(found.probabilities) == pytest.approx(1)
    assert [(each.path, each.body) for each in fake.asked] == [("/predictions/digits", SEVEN)]


def test_a_picture_may_be_a_path_bytes_an_image_or_an_array(fake: FakeServer, tmp_path: Path) -> None:
    (tmp_path / "seven.png").write_bytes(SEVEN)
    grey = np.full((28, 28), 70, np.uint8)
    face = Blocking(fake.url)
    for picture in (tmp_path / "seven.png", str(tmp_path / "seven.png"), SEVEN, bytearray(SEVEN), memoryview(SEVEN), grey):
        assert face.call("read", picture).digit == 7
    fake.faults.append(lambda asked: (422, BLANK, {}))
    with pytest.raises(digits_client.BlankPicture):
        face.call("read", Image.fromarray(grey))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(fake.asked[-1].body))), grey)


@pytest.mark.parametrize(
    "nothing",
    [b"", 7, Path("/nowhere.png"), np.array(["a"]), np.zeros((0, 5)), Image.new("CMYK", (9, 9))],
    ids=lambda each: type(each).__name__,
)
def test_what_is_no_picture_is_refused_before_anything_is_sent(nothing: Any, fake: FakeServer) -> None:
    with pytest.raises(digits_client.PictureError):
        Blocking(fake.url).call("read", nothing)
    assert fake.asked == []


@BOTH
@pytest.mark.parametrize(
    "fault",
    [*(status(code) for code in (500, 502, 503, 504, 507)), status(503, "NotLoaded"), status(507, "OutOfMemory"), cut, slow(0.7)],
)
def test_what_may_pass_is_asked_again_until_it_is_answered(face: type[Blocking], fault: Fault, fake: FakeServer) -> None:
    fake.faults += [fault, fault]
    assert face(fake.url).call("read", SEVEN).digit == 7
    assert len(fake.asked) == 3


@BOTH
@pytest.mark.parametrize(
    ("code", "type_", "error"),
    [
        (400, "UnreadablePicture", digits_client.UnreadablePicture),
        (400, "BadRequest", digits_client.BadRequest),
        (404, "ModelNotFoundException", digits_client.NotFound),
        (404, "", digits_client.NotFound),
        (413, "TooLarge", digits_client.TooLarge),
        (415, "UnsupportedMedia", digits_client.UnsupportedMedia),
        (422, "BlankPicture", digits_client.BlankPicture),
        (500, "Fault", digits_client.Fault),
        (405, "MethodNotAllowedException", digits_client.Refused),
    ],
)
def test_what_would_be_the_same_again_is_asked_once(
    face: type[Blocking], code: int, type_: str, error: type[DigitsError], fake: FakeServer
) -> None:
    fake.faults.append(status(code, type_))
    with pytest.raises(error) as raised:
        face(fake.url).call("read", SEVEN)
    assert type(raised.value) is error
    assert (raised.value.status, str(raised.value)) == (code, "as told")
    assert len(fake.asked) == 1


@BOTH
def test_a_refused_token_is_read_again(face: type[Blocking], fake: FakeServer) -> None:
    tokens = iter(["old", "old", TOKEN])
    assert face(fake.url, lambda: next(tokens)).call("read", SEVEN).digit == 7
    assert [each.headers["authorization"] for each in fake.asked] == ["Bearer old", "Bearer old", f"Bearer {TOKEN}"]


def test_a_token_may_come_from_a_coroutine_function(fake: FakeServer) -> None:
    async def token() -> str:
        return TOKEN

    assert Concurrent(fake.url, token).call("read", SEVEN).digit == 7
    with pytest.raises(TypeError, match="only AsyncClient takes"):
        Blocking(fake.url, token).call("read", SEVEN)


@pytest.mark.filterwarnings("error")
def test_a_token_that_cannot_change_is_refused_once(fake: FakeServer) -> None:
    with pytest.raises(digits_client.InvalidToken):
        Blocking(fake.url, "wrong").call("read", SEVEN)
    assert len(fake.asked) == 1


def test_the_key_file_of_a_server_that_is_restarted_is_waited_for(fake: FakeServer, tmp_path: Path) -> None:
    path = tmp_path / "key_file.json"
    token = key_file(path)
    with pytest.raises(digits_client.TokenUnavailable, match="no inference token"):
        Blocking(fake.url, token).call("read", SEVEN)
    path.write_text('{"inference": {"key": "old"}}')

    def stopped(asked: Any) -> None:
        path.unlink()

    def started(asked: Any) -> None:
        path.write_text(f'{{"inference": {{"key": "{TOKEN}"}}}}')

    fake.faults += [None, stopped, None, started]
    assert Blocking(fake.url, token).call("read", SEVEN).digit == 7


def test_address_and_token_come_from_the_environment(fake: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIGITS_URL", raising=False)
    with pytest.raises(digits_client.AddressError, match="set DIGITS_URL"):
        digits_client.Client()
    with pytest.raises(digits_client.AddressError, match="accepted is one of http://"):
        digits_client.Client("127.0.0.1:8080")
    monkeypatch.setenv("DIGITS_URL", fake.url)
    monkeypatch.setenv("DIGITS_TOKEN", TOKEN)
    with digits_client.Client() as client:
        assert client.read(SEVEN).digit == 7


@BOTH
def test_retry_after_is_waited_for(face: type[Blocking], fake: FakeServer) -> None:
    fake.faults.append(status(503, Retry_After="1"))
    before = time.monotonic()
    assert face(fake.url).call("read", SEVEN).digit == 7
    assert time.monotonic() - before >= 1


@BOTH
def test_a_retry_after_beyond_the_patience_ends_the_call_at_once(face: type[Blocking], fake: FakeServer) -> None:
    fake.faults.append(status(503, Retry_After="3600"))
    with pytest.raises(digits_client.Overloaded) as raised:
        face(fake.url).call("read", SEVEN)
    assert raised.value.retry_after_s == 3600
    assert len(fake.asked) == 1


@BOTH
def test_the_patience_of_a_call_has_an_end(face: type[Blocking]) -> None:
    before = time.monotonic()
    with pytest.raises(digits_client.Unreachable):
        face("http://127.0.0.1:1", options=Options(patience_s=0.5)).call("read", SEVEN)
    assert time.monotonic() - before < 5


@BOTH
def test_a_server_of_another_kind_is_told_from_one_of_digits(face: type[Blocking], fake: FakeServer) -> None:
    for told in (b"<html>", {"status": "Healthy"}, [], {"digit": 1}):
        fake.faults.append(lambda asked, told=told: (200, told, {}))  # type: ignore[misc]
        with pytest.raises(digits_client.StrangeAnswer):
            face(fake.url).call("read", SEVEN)


@BOTH
def test_an_explanation_comes_as_numbers_and_as_a_picture(face: type[Blocking], fake: FakeServer) -> None:
    told = {"digit": 7, "target": 3, "method": "occlusion", "attributions": [[0.5, -0.5]]}
    fake.faults += [lambda asked: (200, told, {}), lambda asked: (200, b"\x89PNG", {})]
    found = face(fake.url).call("explain", SEVEN, target=3)
    assert (found.digit, found.target, found.method, found.attributions) == (7, 3, "occlusion", ((0.5, -0.5),))
    assert face(fake.url).call("draw_explanation", SEVEN) == b"\x89PNG"
    numbers, drawn = fake.asked
    assert (numbers.path, numbers.headers["x-target"]) == ("/explanations/digits", "3")
    assert drawn.headers["accept"] == "image/png"
    assert "x-target" not in drawn.headers


@BOTH
def test_numbers_come_with_their_places_on_the_page(face: type[Blocking], fake: FakeServer) -> None:
    quad = [[1, 2], [3, 2], [3, 4], [1, 4]]
    number = {
        "text": "12,5", "value": "12.5", "digits": "125", "confidence": 0.9, "accepted": True, "reason": None, "page": 1, "quad": quad,
        "characters": [{"text": "1", "confidence": 0.9, "quad": quad}],
    }  # fmt: skip
    fake.faults.append(lambda asked: (200, {"numbers": [number], "pages": [{"page": 1, "width": 10, "height": 20}]}, {}))
    found = face(fake.url).call("read_numbers", SEVEN, "amount")
    assert (found.pages[1].width, found.pages[1].height, found.fields, found.sums) == (10, 20, {}, ())
    (read,) = found.numbers
    assert (read.text, read.value, read.reason, read.quad[2], read.characters[0].text) == ("12,5", "12.5", "", (3.0, 4.0), "1")
    assert (fake.asked[0].path, fake.asked[0].headers["x-format"]) == ("/predictions/numbers", "amount")


@BOTH
def test_what_is_known_of_a_document_is_said_and_its_fields_sums_and_unread_pages_are_told(face: type[Blocking], fake: FakeServer) -> None:
    quad = [[1, 2], [3, 2], [3, 4], [1, 4]]
    total = {"text": "3", "value": 3, "digits": "3", "confidence": 1.0, "accepted": False, "reason": "breaks_sum", "page": 2, "quad": quad}
    told = {
        "numbers": [total | {"characters": []}],
        "fields": {"total": total | {"characters": []}, "net": {"accepted": False, "reason": "no_number", "page": 2, "quad": quad}},
        "sums": [
            {"total": "total", "items": ["net"], "amount": None, "holds": None},
            {"total": "a", "items": [], "amount": "1.50", "holds": True},
        ],
        "pages": [{"page": 2, "width": 10, "height": 20}, {"page": 3, "error": {"code": 503, "type": "Overloaded", "message": "late"}}],
    }
    fake.faults.append(lambda asked: (200, told, {}))
    layout = {"fields": {"total": {"box": [0, 0, 1, 1]}}, "sum": "total=net"}
    found = face(fake.url).call("read_numbers", SEVEN, template=layout, pages="2-", words="trois cent quatre-vingt-dix, où 壹元")
    sent = fake.asked[0].headers
    assert (json.loads(sent["x-template"]), sent["x-page"]) == (layout, "2-")
    assert sent["x-words"].encode("latin-1").decode() == "trois cent quatre-vingt-dix, où 壹元"
    assert (found.fields["total"], found.fields["net"]) == (found.numbers[0], digits_client.NoNumber(2, found.numbers[0].quad))
    assert [(each.amount, each.holds) for each in found.sums] == [(None, None), (Decimal("1.50"), True)]
    assert (found.pages[2], type(found.pages[3])) == (digits_client.PageSize(10, 20), digits_client.Overloaded)


def test_a_closed_client_ends_its_calls(fake: FakeServer) -> None:
    client = digits_client.Client(fake.url, TOKEN, options=QUICK)
    client.close()
    with pytest.raises(digits_client.ClientClosed):
        client.read(SEVEN)


def test_a_connection_that_comes_up_while_the_client_is_closed_is_closed_too(fake: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    connect, came, closed = socket.create_connection, queue.Queue[socket.socket](), threading.Event()

    def late(*given: Any, **named: Any) -> socket.socket:
        connection = connect(*given, **named)
        came.put(connection)
        assert closed.wait(5)
        return connection

    monkeypatch.setattr(socket, "create_connection", late)
    client = digits_client.Client(fake.url, TOKEN, options=QUICK)
    with ThreadPoolExecutor(1) as other:
        call = other.submit(client.read, SEVEN)
        connection = came.get(timeout=5)
        client.close()
        closed.set()
        call.exception()
    assert connection.fileno() == -1
