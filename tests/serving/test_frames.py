"""frames.py beside TorchServe's own reader and writer, which are the reference: the same requests, the same answers."""

import random
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any
from unittest.mock import Mock

import pytest
from questions import NoNet
from ts.context import Context, RequestProcessor
from ts.protocol import otf_message_handler as stock
from ts.service import Service

from digitkit.errors import Fault
from digitkit.serving import frames
from digitkit.serving.frames import Inbox, Outbox
from digitkit.serving.guard import Guard
from digitkit.serving.request import Request, from_torchserve, to_request
from digitkit.serving.writing import Answer

Parameter = tuple[str, str, bytes]
HOST = {"Host": "127.0.0.1:8080", "Content-Type": "image/png", "X-Name": "Zoë", "X-Request-ID": "mine"}
PICTURE: Parameter = ("body", "image/png", bytes(range(256)))
REQUESTS: dict[str, tuple[dict[str, str], list[Parameter]]] = {
    "a picture": (HOST, [PICTURE]),
    "an empty body": (HOST, [("body", "image/png", b"")]),
    "no parameter at all": (HOST, []),
    "a large body": (HOST, [("body", "", bytes(3_000_000))]),
    "parts": (HOST, [("first", "image/png", b"1"), ("second", "application/octet-stream", b"2")]),
    "a query's parameter": (HOST, [("target", "", b"3"), PICTURE]),
    "JSON": (HOST, [("body", "application/json", b'{"instances": [[1, 2]]}')]),
    "JSON that is broken": (HOST, [("body", "application/json", b"{")]),
    "text": (HOST, [("body", "text/plain; charset=utf-8", "zwölf".encode())]),
    "text that is none": (HOST, [("body", "text/plain", b"\xff")]),
    "gRPC": ({}, [("data", "", b"7"), ("accept", "", b"text/plain"), ("request_id", "", b"mine")]),
}


def nothing_left() -> None:
    """What a handler settles that keeps nothing for later."""


def sized(content: bytes) -> bytes:
    return struct.pack("!i", len(content)) + content


def message(requests: list[tuple[dict[str, str], list[Parameter]]]) -> bytes:
    """As TorchServe's ModelRequestEncoder writes it."""
    end, parts = struct.pack("!i", -1), [b"I"]
    for i, (headers, parameters) in enumerate(requests):
        parts.append(sized(f"request-{i}".encode()))
        parts += [sized(text.encode()) for pair in headers.items() for text in pair] + [end]
        parts += [sized(name.encode()) + sized(kind.encode()) + sized(value) for name, kind, value in parameters] + [end]
    return b"".join([*parts, end])


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The frontend's end and the worker's."""
    frontend, worker = socket.socketpair()
    with frontend, worker:
        worker.settimeout(10)
        yield frontend, worker


def send(frontend: socket.socket, *pieces: bytes) -> threading.Thread:
    """Send the pieces from a thread of its own: a large message fills the socket."""
    thread = threading.Thread(target=lambda: [frontend.sendall(piece) for piece in pieces])
    thread.start()
    return thread


def read_by_torchserve(data: bytes) -> list[Request]:
    """The requests of a message as TorchServe's own code hands them to a handler."""
    frontend, worker = socket.socketpair()
    with frontend, worker:
        thread = send(frontend, data)
        _, batch = stock.retrieve_msg(worker)
        thread.join()
    headers, rows, ids = Service.retrieve_data_for_inference(batch)
    mixed = [processor.get_request_properties() for processor in headers]
    return [from_torchserve(row, given, ids[i]) for i, (row, given) in enumerate(zip(rows, mixed, strict=True))]


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_what_torchserves_reader_makes_of_it(name: str, pair: tuple[socket.socket, socket.socket]) -> None:
    data = message([REQUESTS[name]])
    thread = send(pair[0], data)
    assert Inbox(pair[1], NoNet()).read() == read_by_torchserve(data)
    thread.join()


def test_a_batch_in_pieces_of_any_size_is_read_as_one(pair: tuple[socket.socket, socket.socket]) -> None:
    data = message(list(REQUESTS.values()))
    pieces, rest, lengths = [], data, random.Random(0)
    while rest:
        length = lengths.choice([1, 2, 3, 7, 100, 200_000])
        pieces, rest = [*pieces, rest[:length]], rest[length:]
    thread = send(pair[0], *pieces)
    assert Inbox(pair[1], NoNet()).read() == read_by_torchserve(data)
    thread.join()


def test_messages_that_come_together_are_read_one_after_the_other(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[0].sendall(message([REQUESTS["JSON"]]) + message([REQUESTS["a picture"]] * 2))
    inbox = Inbox(pair[1], NoNet())
    assert [len(inbox.read()), len(inbox.read())] == [1, 2]


def test_names_and_types_that_are_no_text_cost_the_message_nothing(pair: tuple[socket.socket, socket.socket]) -> None:
    odd = message([REQUESTS["a picture"]] * 3).replace(b"body", b"b\xffdy", 2).replace(b"image/png", b"image/\xc3ng", 1)
    pair[0].sendall(odd)
    first, second, third = Inbox(pair[1], NoNet()).read()
    assert first.row.keys() == second.row.keys() == {"b\ufffddy"}
    assert (third.row, third.size) == ({"body": PICTURE[2]}, len(PICTURE[2]))


def test_a_parameter_that_cannot_be_parsed_refuses_its_request_alone(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    def parse(value: bytes, kind: str) -> bytes:
        return value if value == PICTURE[2] else value[: 1 // len(value[:0])]

    monkeypatch.setattr(frames, "parse_parameter", parse)
    pair[0].sendall(message([REQUESTS["a picture"], REQUESTS["gRPC"], REQUESTS["a picture"]]))
    first, second, third = Inbox(pair[1], Guard()).read()
    assert (first.refusal, second.row, second.is_grpc, third.refusal) == (None, {}, True, None)
    assert isinstance(second.refusal, Fault)


def test_a_frontend_that_has_gone_ends_the_worker(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[0].sendall(message([REQUESTS["a picture"]])[:-1])
    pair[0].close()
    with pytest.raises(SystemExit):
        Inbox(pair[1], NoNet()).read()


def test_a_message_of_another_kind_is_refused(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[0].sendall(b"L" + sized(b"digits"))
    with pytest.raises(ValueError, match="of kind b'L'"):
        Inbox(pair[1], NoNet()).read()


def answers_in(data: bytes) -> dict[bytes, tuple[str, int, dict[str, str], bytes]]:
    """What TorchServe's ModelResponseDecoder reads from a message: Content-Type, status, headers and body by the request's id."""
    position = 0

    def number() -> int:
        nonlocal position
        position += 4
        return int(struct.unpack_from("!i", data, position - 4)[0])

    def field() -> bytes:
        nonlocal position
        length = number()
        position += length
        return data[position - length : position]

    answers = {}
    assert number() == 200, field()
    field()
    while (length := number()) != -1:
        position += length
        id = data[position - length : position]
        kind, status, _ = field().decode(), number(), field()
        headers = {field().decode(): field().decode() for _ in range(number())}
        answers[id] = (kind, status, headers, field())
    assert position == len(data)
    return answers


def test_answers_are_those_that_torchserves_writer_sends() -> None:
    named = {"X-Model-Name": "digits"}
    rest, with_id = {"host": "here"}, {"host": "here", "x-request-id": "mine-1"}
    batch = [to_request({}, headers, {}, f"id-{i}") for i, headers in enumerate([rest, {}, rest, with_id, with_id | {"x-request-id": "2"}])]
    answers = [Answer(200, "application/json", b"{}"), Answer(400, "text/plain", b""), *[Answer(200, "application/json", b"[1]")] * 3]
    context = Context("digits", "/", {}, 3, None, "", False)
    context.request_processor = [RequestProcessor({}) for _ in answers]
    for i, answer in enumerate(answers):
        context.set_response_status(code=answer.status, idx=i)
        context.set_response_content_type(i, answer.content_type)
        context.set_response_header(i, "X-Model-Name", "digits")
    context.set_response_header(1, "ts_stream_next", "false")  # of the one that came over gRPC
    context.set_response_header(3, "X-Client-Request-Id", "mine-1")
    context.set_response_header(4, "X-Client-Request-Id", "2")
    ids = {i: request.id for i, request in enumerate(batch)}
    written = stock.create_predict_response([a.body for a in answers], ids, "Prediction success", 200, context)
    expected = answers_in(bytes(written))
    for _, _, headers, _ in expected.values():
        del headers["content-type"]  # TorchServe sends it twice: it is a field of its own
    assert answers_in(Outbox(named).write(batch, answers)) == expected


@pytest.fixture
def worker_main(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """What __main__ is in a worker; TorchServe's service is put back after the test."""
    main: Any = ModuleType("__main__")
    main.retrieve_msg = stock.retrieve_msg
    monkeypatch.setitem(sys.modules, "__main__", main)
    monkeypatch.setattr(Service, "predict", Service.predict)
    return main  # type: ignore[no-any-return]


def test_a_worker_taken_over_reads_and_answers_by_frames(worker_main: Any, pair: tuple[socket.socket, socket.socket]) -> None:
    settle = Mock()
    respond = Mock(side_effect=lambda requests: [Answer(200, "text/plain", str(len(r.row)).encode()) for r in requests])
    assert frames.take_over(respond, settle, {}, Guard())
    pair[0].sendall(message([REQUESTS["parts"], REQUESTS["a picture"]]))
    command, batch = worker_main.retrieve_msg(pair[1])
    assert command == b"I"
    bodies = [body for _, _, _, body in answers_in(Service.predict(None, batch)).values()]
    assert bodies == [b"2", b"1"]
    assert settle.call_count == 1, "before the first message there was nothing to settle, and the second is not sent yet"
    pair[0].sendall(message([REQUESTS["a picture"]]))
    worker_main.retrieve_msg(pair[1])
    assert settle.call_count == 2


@pytest.mark.parametrize(("fault", "code"), [(ValueError("broken"), 503), (MemoryError(), 507), (RuntimeError("CUDA out of memory"), 507)])
def test_a_fault_of_the_handler_is_told_to_the_whole_batch(
    fault: Exception, code: int, worker_main: Any, pair: tuple[socket.socket, socket.socket]
) -> None:
    def broken(requests: object) -> list[Answer]:
        raise fault

    assert frames.take_over(broken, nothing_left, {}, Guard())
    pair[0].sendall(message([REQUESTS["a picture"]] * 2))
    _, batch = worker_main.retrieve_msg(pair[1])
    told = bytes(Service.predict(None, batch))
    assert struct.unpack_from("!i", told)[0] == code
    assert b"request-0" in told and b"request-1" in told


def test_another_version_of_torchserve_is_left_alone(worker_main: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Service.predict
    monkeypatch.setattr("ts.__version__", "0.13.0")
    assert not frames.take_over(lambda requests: [], nothing_left, {}, Guard())
    assert (worker_main.retrieve_msg, Service.predict) == (stock.retrieve_msg, before)


def test_a_process_that_is_no_worker_is_left_alone() -> None:
    assert not frames.take_over(lambda requests: [], nothing_left, {}, Guard())
    assert Service.predict.__module__ == "ts.service"
