"""The reader of numbers beside other requests: whatever one of them holds or meets, its neighbours get their answers, and soon."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from doors import encode, npy, v1
from lines import Spelling, spelled
from numpy.typing import NDArray

from digitkit.pictures.line import ALPHABET
from digitkit.readers.numbers import reader, transcribe
from digitkit.readers.numbers.number import LineBackend
from digitkit.serving.request import Request, to_request
from digitkit.serving.writing import Answer

HOST = {"host": "here"}
EXPLAIN = HOST | {"explain": "True"}
ODD = "9" * 7  # what the request between two good ones shows
LONG = "0123456789" * 20  # a line of 1,604 columns
FAULTS = [
    ZeroDivisionError("division by zero"),
    KeyError("x"),
    RecursionError(),
    FloatingPointError(),
    AssertionError(),
    OSError(28, "full"),
]


def request(body: bytes, headers: dict[str, str] = HOST) -> Request:
    return to_request({"body": body}, headers, {"body": ""})


class Slow(Spelling):
    """A net that takes so many seconds for each call, on a clock that stands still elsewhere."""

    def __init__(self, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.now, self.seconds = 0.0, seconds
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)

    def __call__(self, strips: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        self.now += self.seconds
        return super().__call__(strips)


class Failing(Spelling):
    """A net that fails at every batch in which a nine stands."""

    def __call__(self, strips: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        logits, extents = super().__call__(strips)
        if (logits.argmax(axis=2) == ALPHABET.index("9")).any():
            raise ValueError("NaN")
        return logits, extents


def with_net(handler: Any, net: Spelling) -> Any:
    """The handler with another net."""
    handler.loaded = replace(handler.loaded, backend=LineBackend(net, "cpu"))
    return handler


def text(answer: Answer) -> list[str]:
    return [number["text"] for number in json.loads(answer.body)["numbers"]]


def kinds(told: list[dict[str, Any]]) -> list[str]:
    """Of each picture of a list the type of its refusal, or "read"."""
    return [each.get("type", "read") for each in told]


def raising(err: Exception, when: Callable[..., bool], otherwise: Callable[..., Any]) -> Callable[..., Any]:
    def step(*given: Any) -> Any:
        if when(*given):
            raise err
        return otherwise(*given)

    return step


@pytest.mark.parametrize("err", FAULTS, ids=lambda err: type(err).__name__)
@pytest.mark.parametrize("step", ["first_view", "closer_view", "weighed", "explain", "to_json", "parse_target"])
def test_whatever_a_step_raises_the_neighbours_are_answered(
    step: str, err: Exception, numbers_handler: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = spelled(ODD)
    where, when = {
        "first_view": (reader, lambda picture: np.array_equal(picture, odd)),
        "closer_view": (transcribe, lambda picture, *_: np.array_equal(picture, odd)),
        "weighed": (transcribe, lambda frames, *_: len(frames) == 3 * len(ODD) + 1),
        "explain": (reader, lambda *_: True),
        "to_json": (reader.NumbersReader, lambda transcript: transcript.numbers[0].text == ODD),
        "parse_target": (reader.NumbersReader, lambda *given: given[-1] == "0"),
    }[step]
    broken: Any = raising(err, when, getattr(where, step))
    monkeypatch.setattr(where, step, staticmethod(broken) if step == "to_json" else broken)
    between = request(encode(odd), EXPLAIN | {"x-target": "0"} if step in ("explain", "parse_target") else HOST)
    first, answer, last = numbers_handler.answer([request(encode(spelled("12"))), between, request(encode(spelled("1.234")))])
    assert (text(first), text(last)) == (["12"], ["1.234"])
    assert (answer.status, answer.error) == (500, "Fault")


def test_a_picture_that_the_net_fails_at_costs_the_others_of_its_list_nothing(numbers_handler: Any) -> None:
    handler = with_net(numbers_handler, Failing())
    pictures = np.stack([spelled(each) for each in ("12", "34", "59", "56", "78")])
    first, answer, last = handler.answer([request(encode(spelled("12"))), request(npy(pictures)), request(encode(spelled("1.234")))])
    assert (text(first), text(last)) == (["12"], ["1.234"])
    assert kinds(json.loads(answer.body)) == ["read", "read", "Fault", "read", "read"]


def test_a_list_of_long_lines_is_given_up_after_its_seconds_and_small_requests_wait_no_longer(
    numbers_handler: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = Slow(0.5, monkeypatch)
    lines = v1(*[encode(spelled(LONG))] * 100)  # five lines a call: 10 s
    long = to_request({"body": lines}, HOST, {"body": "application/json"})
    answer, small = with_net(numbers_handler, net).answer([long, request(encode(spelled("12")))])
    assert text(small) == ["12"]
    told = kinds(json.loads(answer.body)["predictions"])
    count = told.count("read")
    assert told == ["read"] * count + ["Overloaded"] * (100 - count)
    assert 15 <= count <= 25
    assert net.now <= 3


def test_explanations_are_given_up_after_the_requests_seconds_too(numbers_handler: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    net = Slow(0.25, monkeypatch)
    eight = request(npy(np.stack([spelled(LONG)] * 8)), EXPLAIN)
    small, answer = with_net(numbers_handler, net).answer([request(encode(spelled("12"))), eight])
    assert text(small) == ["12"]
    told = kinds(json.loads(answer.body))
    count = told.count("read")
    assert told == ["read"] * count + ["Overloaded"] * (8 - count)
    assert 0 < count < 8


def test_an_explanation_in_a_long_line_shows_the_net_what_it_sees_there_alone(numbers_handler: Any) -> None:
    net = Spelling()
    handler = with_net(numbers_handler, net)
    for target in ("0.0", "0.100", "0.199"):
        net.calls.clear()
        (answer,) = handler.answer([request(encode(spelled(LONG)), EXPLAIN | {"x-target": target})])
        assert json.loads(answer.body)["character"] == int(target.partition(".")[2])
        assert {width for _, _, width in net.calls[1:]} <= {128, 160, 192, 224, 256}
        assert np.abs(json.loads(answer.body)["attributions"]).max() == 1  # it is at the character that is asked about
