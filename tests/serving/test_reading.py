"""Requests are read in turns: a long list makes no small neighbour wait for its time, and is given up where its own is over."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from questions import NoNet

from digitkit.errors import DigitError, Overloaded
from digitkit.readers.digits import reader, recognise
from digitkit.serving import reading
from digitkit.serving.bodies.body import Sources, as_it_is
from digitkit.serving.reading import Reading, read_in_turns
from digitkit.settings import Limits

Clock = Callable[[Iterator[float]], None]


@pytest.fixture
def tick(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A function that has each look at the clock find it so many seconds later than the last one."""

    def every(seconds: float) -> None:
        times = count()
        monkeypatch.setattr(reading.time, "perf_counter", lambda: next(times) * seconds)

    return every


def asked(pictures: list[Any], limits: Limits, deadline: float = math.inf) -> list[Any]:
    read = read_in_turns([Reading(Sources(few, as_it_is), "many") for few in pictures], reader.READER, limits, NoNet(), deadline)
    return [each if isinstance(each, DigitError) else each.pictures for each in read]


def kinds(pictures: Any) -> str:
    """A letter for each picture: r for read, o for Overloaded."""
    return "".join("o" if isinstance(picture, Overloaded) else "r" for picture in pictures)


def test_the_pictures_of_every_request_come_back_in_order(ten_digits: NDArray[np.uint8], limits: Limits) -> None:
    lists = [[ten_digits[i % 10] for i in range(length)] for length in (1, 300, 7, 0, 64, 65)]
    for few, found in zip([*lists, np.stack(lists[1])], asked([*lists, np.stack(lists[1])], limits), strict=True):
        assert len(few) == len(found)
        assert all(np.array_equal(given.canvases, [picture]) for given, picture in zip(found, few, strict=True))


def test_a_small_request_is_read_before_what_is_left_of_a_long_one(
    ten_digits: NDArray[np.uint8], limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[int] = []
    monkeypatch.setattr(recognise, "as_canvas", lambda picture: order.append(int(picture[0, 0])) or picture)
    long, small, two = ([np.full((28, 28), mark, dtype=np.uint8)] * length for mark, length in ((9, 200), (1, 1), (2, 2)))
    asked([long, small, two], limits)
    assert order[:3] == [9, 1, 2]
    assert order.index(9, 8 + 2) > max(i for i, mark in enumerate(order) if mark == 2)
    assert order[-100:] == [9] * 100


def test_what_is_left_of_a_list_whose_time_is_over_is_refused_in_its_place(
    ten_digits: NDArray[np.uint8], limits: Limits, tick: Callable[[float], None]
) -> None:
    tick(0.01)  # three looks at the clock for each picture
    long, small = asked([[ten_digits[3]] * 1024, [ten_digits[7]]], replace(limits, request_seconds=2))
    assert kinds(small) == "r"
    assert kinds(long).rstrip("o") == "r" * kinds(long).count("r")
    assert 60 <= kinds(long).count("r") <= 67
    told = f"time was over after {kinds(long).count('r')} of the request's 1024 pictures; send the rest again, in smaller lists"
    assert {str(picture) for picture in long if isinstance(picture, Overloaded)} == {told}


def test_a_request_is_told_of_its_own_seconds_and_not_of_its_neighbours(
    ten_digits: NDArray[np.uint8], limits: Limits, tick: Callable[[float], None]
) -> None:
    tick(0.01)
    lists = [[ten_digits[3]] * 60 for _ in range(5)]  # 1.8 s each, 9 s together
    assert [kinds(few) for few in asked(lists, replace(limits, request_seconds=2))] == ["r" * 60] * 5


def test_after_the_batchs_time_what_is_unread_is_refused_as_a_whole_and_what_is_begun_in_place(
    ten_digits: NDArray[np.uint8], limits: Limits, tick: Callable[[float], None]
) -> None:
    tick(0.01)
    begun, unread = asked([[ten_digits[3]] * 100, [ten_digits[7]]], limits, deadline=0.025)
    assert kinds(begun) == "r" + "o" * 99
    assert isinstance(unread, Overloaded)
    assert f"the batch has taken {limits.batch_seconds} s" in str(unread)
