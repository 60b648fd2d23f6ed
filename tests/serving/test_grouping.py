"""The model reads a batch in groups: small requests together and first, a long list by itself and for no longer than its own time."""

import math
import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitkit.errors import DigitError, too_late
from digitkit.serving.grouping import GROUP, groups, read_in_groups


class Clocked:
    """A model that says what it is shown, each picture after so many seconds on a clock of its own, and nothing after a deadline."""

    def __init__(self, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.seconds = 0.0, seconds
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)

    def read(self, inputs: Sequence[str], deadline: float) -> list[str | DigitError]:
        return [self._one(each) if self.now <= deadline else too_late() for each in inputs]

    def _one(self, each: str) -> str:
        self.now += self.seconds
        return each.upper()


def told(results: Sequence[str | DigitError]) -> list[str]:
    return ["late" if isinstance(each, DigitError) else each for each in results]


@given(st.lists(st.integers(0, 3 * GROUP), max_size=30))
def test_each_request_with_pictures_is_in_one_group_and_the_fewest_pictures_come_first(counts: list[int]) -> None:
    found = list(groups(counts))
    order = [i for group in found for i in group]
    assert sorted(order) == [i for i, count in enumerate(counts) if count]
    assert [counts[i] for i in order] == sorted(count for count in counts if count)
    assert all(len(group) == 1 or sum(counts[i] for i in group) <= GROUP for group in found)
    sizes = [sum(counts[i] for i in group) for group in found]
    assert all(size + counts[after[0]] > GROUP for size, after in zip(sizes, found[1:], strict=False))  # none is smaller than it must be


def test_every_result_stands_where_it_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [["a"] * 100, [], ["b"], ["c", "d"], ["e"] * 64]
    assert read_in_groups(asked, Clocked(0, monkeypatch).read, 2, math.inf) == [["A"] * 100, [], ["B"], ["C", "D"], ["E"] * 64]


def test_a_long_list_takes_its_own_time_and_its_neighbours_none_of_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Clocked(0.25, monkeypatch)
    long, small, two = read_in_groups([["a"] * 1024, ["b"], ["c"] * 2], model.read, 2, 15)
    assert (told(small), told(two)) == (["B"], ["C"] * 2)
    assert told(long) == ["A"] * 9 + ["late"] * 1015
    assert model.now == 3


def test_a_full_batch_of_small_requests_has_the_time_of_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    read = read_in_groups([["a"]] * 64, Clocked(0.1, monkeypatch).read, 2, 15)
    assert [told(each) for each in read] == [["A"]] * 64


def test_after_the_batchs_time_nothing_more_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = read_in_groups([["a"] * 100, ["b"] * 100], Clocked(1.5, monkeypatch).read, 2, 2)
    assert told(first) == ["A"] * 2 + ["late"] * 98
    assert told(second) == ["late"] * 100
