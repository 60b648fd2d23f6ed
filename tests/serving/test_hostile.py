"""What is small to send and dear to read is refused, or read within its limits; neighbours and memory are unharmed."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import numpy as np
import pytest
from conftest import FakeContext
from corpus import Request, as_row
from eyes import never
from hostile import HOSTILE, JSON, Hostile, encoded, instances, png, text_of
from numpy.typing import NDArray
from PIL import Image
from questions import NoNet, read_question
from served import workers

from deploy.server import Server
from digitkit.errors import DigitError, TooLarge
from digitkit.pictures.codec import Allowance, decode_picture
from digitkit.readers.digits.classify import classify
from digitkit.readers.digits.reader import READER, Net
from digitkit.serving.metrics import Metrics
from digitkit.serving.request import from_torchserve
from digitkit.serving.request_log import RequestLog
from digitkit.serving.writing import Model, write_answer, write_error
from digitkit.settings import Limits, Settings
from testbed import processes

# Limits are seconds of processor time, in which a machine that does something else as well is no slower than another.
SLOWEST_S = 8  # any one hostile request: they take 3 at most
PATIENCE_S = 20  # a good request behind two of them
TIMEOUT_S = 300  # no answer at all
GROWTH_MIB = 100  # of a worker's resident memory, after all of them


def read(hostile: Hostile, limits: Limits) -> tuple[int, str]:
    """The status and the body of the answer, without a server; a good picture would be an error of the test."""
    row, headers = as_row(Request(hostile.body(), hostile.headers))
    started = time.process_time()
    try:
        question = read_question(from_torchserve(row, headers), limits)
        refused = [picture for picture in question.pictures if isinstance(picture, DigitError)]
        answer = write_answer(question._replace(pictures=()), refused, Model("digits", "1.0"), READER)
    except DigitError as err:
        answer = write_error(err)
    assert time.process_time() - started < SLOWEST_S
    return answer.status, answer.body.decode()


@pytest.mark.slow
@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.name)
def test_hostile_request_is_answered_clearly_and_in_bounded_time(
    hostile: Hostile, limits: Limits, capfd: pytest.CaptureFixture[str]
) -> None:
    status, body = read(hostile, limits)
    capfd.readouterr()  # libtiff complains on the process's own stderr
    assert status == hostile.status, body[:200]
    assert hostile.says in body
    assert len(body) < 200 * 1025  # it says what came and never echoes it


def test_all_pictures_of_a_request_share_its_pixels(limits: Limits) -> None:
    picture = png(300, 200)
    few = replace(limits, request_pixels=2 * 300 * 200 + 28 * 28)
    question = read_question(from_torchserve({"body": {"instances": [text_of(picture)] * 3 + [text_of(png(28, 28))]}}, {}), few)
    assert [p.type for p in question.pictures if isinstance(p, DigitError)] == ["BlankPicture", "BlankPicture", "TooLarge", "BlankPicture"]
    assert "60000 pixels after 120000" in str(question.pictures[2])
    assert "is 120784" in str(question.pictures[2])


def test_the_pixels_of_a_large_jpeg_count_as_they_are_decoded(limits: Limits) -> None:
    photo = Image.new("RGB", (6000, 4000))
    fraction, whole = Allowance(limits.request_pixels), Allowance(limits.request_pixels)
    decode_picture(encoded(photo, "JPEG"), limits, fraction)
    decode_picture(encoded(photo, "JPEG", progressive=True), limits, whole)
    assert fraction.spent == 24_000_000 / 64
    assert whole.spent == 24_000_000 * 10 // 32  # of libjpeg's ten scans
    with pytest.raises(TooLarge, match="all its pictures"):
        whole.spend(limits.request_pixels - whole.spent + 1)


def test_refusal_keeps_no_picture_in_memory(limits: Limits) -> None:
    (error,) = read_question(from_torchserve({"body": png(600, 400)}, {}), limits).pictures
    assert isinstance(error, DigitError)
    assert error.__traceback__ is error.__cause__ is error.__context__ is None


def test_what_is_left_of_a_batch_after_its_time_is_503_and_what_was_read_is_answered(
    handler_module: ModuleType, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    handler = handler_module.DigitHandler()
    handler.settings, handler.model, handler.headers = settings, Model("digits", "1.0"), {}
    handler.reader = READER
    handler.loaded = Net(type("Backend", (), {"run": None}), never, settings.threshold("digits"))  # type: ignore[arg-type]  # all are blank or unread
    statistics = READER.statistics({})
    handler.metrics, handler.guard = Metrics(handler.model, place="cpu", fell_back=False, statistics=statistics), NoNet()
    monkeypatch.setattr("digitkit.serving.metrics.FLUSH_S", 3600)
    handler.log = RequestLog(tmp_path / "requests.log", handler.model, "all")
    clock = chain([0.0] * 7, repeat(settings.limits.batch_seconds + 0.1))  # the first picture's canvas takes too long
    context = FakeContext([{"Host": "localhost"}] * 3)
    with monkeypatch.context() as patched:
        patched.setattr(handler_module.time, "perf_counter", lambda: next(clock))
        bodies = handler.handle([{"body": png(28, 28)}] * 3, context)
    assert context.statuses == {0: 422, 1: 503, 2: 503}
    assert b"Overloaded" in bodies[1]


def test_model_never_gets_more_canvases_at_once_than_a_full_request_has() -> None:
    sizes: list[int] = []

    def run(canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
        sizes.append(len(canvases))
        return canvases[:, 0, :10].astype(np.float32)

    canvases = [np.full((28, 28), i % 7, dtype=np.uint8) * (np.arange(28) == i % 10).astype(np.uint8) for i in range(2500)]
    predictions = classify([[canvas] for canvas in canvases], run, 0.5)
    assert sizes == [1024, 1024, 452]
    assert [p.digit for p in predictions] == [i % 10 if i % 7 else 0 for i in range(2500)]


def worked_s(server: Server) -> float:
    """The processor time that the server's workers have used."""
    return sum(used.user + used.system for used in (worker.cpu_times() for worker in processes.workers(server.pid())))


@contextmanager
def neighbours(server: Server, pngs: list[bytes]) -> Iterator[list[tuple[int, Any, float]]]:
    """Another client that asks for one good picture after the other; what it gets: status, digit and the work that it waited for."""
    got: list[tuple[int, Any, float]] = []
    is_over = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=server.inference, headers=server.headers(), timeout=TIMEOUT_S) as client:
            while not is_over.is_set():
                before = worked_s(server)
                answer = client.post("/predictions/digits", content=pngs[len(got) % len(pngs)])
                got.append((answer.status_code, answer.json().get("digit"), worked_s(server) - before))
                time.sleep(0.01)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield got
    finally:
        is_over.set()
        thread.join()


@pytest.mark.server
def test_hostile_requests_harm_neither_neighbours_nor_the_memory_of_the_server(server: Server, ten_pngs: list[bytes]) -> None:
    with httpx.Client(base_url=server.inference, headers=server.headers(), timeout=TIMEOUT_S) as client:
        digits = [client.post("/predictions/digits", content=each).json()["digit"] for each in ten_pngs]
        client.post("/predictions/digits", content=HOSTILE[1].body())  # what the decoders load once counts for neither side
        before = workers(server)
        with neighbours(server, ten_pngs) as got:
            for hostile in HOSTILE:
                body, started_s = hostile.body(), worked_s(server)
                answer = client.post("/predictions/digits", content=body, headers=hostile.headers)
                assert answer.status_code == hostile.status, hostile.name
                assert hostile.says in answer.text, hostile.name
                assert worked_s(server) - started_s < SLOWEST_S, hostile.name
        time.sleep(1)
        after = workers(server)
    assert after.keys() == before.keys()  # no worker had to be started anew
    assert all(after[pid] - before[pid] < GROWTH_MIB for pid in after), (before, after)
    assert len(got) > len(HOSTILE)
    assert [(status, digit) for status, digit, _ in got] == [(200, digits[i % 10]) for i in range(len(got))]
    assert max(seconds for *_, seconds in got) < PATIENCE_S


@pytest.mark.server
def test_bomb_is_refused_in_milliseconds(server: Server) -> None:
    with httpx.Client(base_url=server.inference, headers=server.headers(), timeout=TIMEOUT_S) as client:
        for model in ("digits", "digits_onnx"):
            bomb = HOSTILE[0].body()
            assert len(bomb) < 4096
            before = worked_s(server)
            for _ in range(10):
                assert client.post(f"/predictions/{model}", content=bomb).status_code == 413
            assert worked_s(server) - before < 10 * 0.1


@pytest.mark.server
def test_a_hundred_clients_see_nothing_of_bombs(server: Server, ten_pngs: list[bytes]) -> None:
    limits = httpx.Limits(max_connections=101)
    with (
        httpx.Client(base_url=server.inference, headers=server.headers(), timeout=TIMEOUT_S, limits=limits) as client,
        ThreadPoolExecutor(100) as pool,
    ):
        digits = [client.post("/predictions/digits", content=each).json()["digit"] for each in ten_pngs]

        def ask(i: int) -> list[tuple[int, Any]]:
            answers = [client.post("/predictions/digits", content=ten_pngs[(i + j) % 10]) for j in range(10)]
            return [(answer.status_code, answer.json().get("digit")) for answer in answers]

        asked = [pool.submit(ask, i) for i in range(100)]
        bombs = [client.post("/predictions/digits", content=HOSTILE[0].body()).status_code for _ in range(20)]
        assert bombs == [413] * 20
        for i, each in enumerate(asked):
            assert each.result() == [(200, digits[(i + j) % 10]) for j in range(10)]


@pytest.mark.server
def test_body_over_the_limit_is_413_by_the_server_itself(server: Server, limits: Limits, ten_pngs: list[bytes]) -> None:
    with httpx.Client(base_url=server.inference, headers=server.headers(), timeout=TIMEOUT_S) as client:
        assert client.post("/predictions/digits", content=bytes(limits.body_bytes + 1)).status_code == 413
    with httpx.Client(base_url=server.inference, headers=server.headers(), timeout=TIMEOUT_S) as client:
        assert client.post("/predictions/digits", content=ten_pngs[0]).status_code == 200
        body = instances(*["AAAA"] * 1024)
        assert client.post("/predictions/digits", content=body, headers=JSON).status_code == 200
