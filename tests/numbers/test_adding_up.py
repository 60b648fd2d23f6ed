"""Sums as witnesses: of the ways to read their fields, the likeliest ones together that add up win, if they are likely enough."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import product
from math import inf, prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lines import frames_of

from digitkit.readers.numbers.formats.format import parse_format
from digitkit.readers.numbers.looks import Look
from digitkit.readers.numbers.number import CheckedSum, Number, ReadField, View
from digitkit.readers.numbers.pages.adding_up import FieldReading, adding_up
from digitkit.readers.numbers.pages.sums import check_sums, parse_sums
from digitkit.readers.numbers.transcribe import Asked, Terms, numbers_in
from digitkit.readers.numbers.weighing import WORTH

AMOUNT = parse_format("amount")
ACCEPTED = 0.95  # from this confidence on
NOWHERE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
SEVEN_OR_ONE = {"7": 0.9, "1": 0.1}


def seen(*signs: str | Mapping[str, float]) -> ReadField:
    """A field on page 2 whose frames show these signs, each between blanks."""
    frames = frames_of(*signs)
    view = View(np.zeros((32, 4 * len(frames)), dtype=np.uint8), 4 * len(frames), np.eye(2, 3))
    look = Look(view, frames, np.tile(np.array([0.1, 0.9], dtype=np.float32), (len(frames), 1)))
    (number,) = numbers_in(look, Asked(view.strip, view, AMOUNT), Terms(ACCEPTED)).numbers
    return ReadField(replace(number, page=2), 2, NOWHERE)


def summed(sums: str, until: float = inf, **fields: ReadField) -> tuple[dict[str, Number], tuple[CheckedSum, ...]]:
    """The numbers in fields after their sums, and these."""
    asked, forms = parse_sums(sums, fields), dict.fromkeys(fields, AMOUNT)
    read, checked = check_sums(asked, fields, forms, min_confidence=ACCEPTED, until=until)
    return {name: each.number for name, each in read.items() if each.number is not None}, checked


def texts(numbers: Mapping[str, Number]) -> list[str]:
    return [each.text for each in numbers.values()]


def test_the_likeliest_other_reading_that_makes_a_sum_hold_wins_and_says_what_was_given_up() -> None:
    numbers, (checked,) = summed("total=net+tax", net=seen(SEVEN_OR_ONE, "5"), tax=seen("4"), total=seen("1", "9"))
    assert (texts(numbers), checked.holds, checked.amount) == (["15", "4", "19"], True, Decimal(19))
    net = numbers["net"]
    assert net.confidence == pytest.approx(0.1 * WORTH / (0.1 * WORTH + 0.9), rel=1e-3)
    assert (net.accepted, net.page, net.value) == (True, 2, 15)
    assert [each.confidence for each in net.characters] == pytest.approx([0.1, 1], rel=1e-3)
    assert all(each.accepted for each in numbers.values())


def test_the_total_or_several_fields_may_be_what_was_misread() -> None:
    numbers, _ = summed("total=net+tax", net=seen("1", "5"), tax=seen("4"), total=seen(SEVEN_OR_ONE, "9"))
    assert texts(numbers) == ["15", "4", "19"]
    unsure = {"7": 0.7, "1": 0.3}
    numbers, _ = summed("total=net+tax", net=seen(unsure, "5"), tax=seen(unsure), total=seen("1", "6"))
    assert (texts(numbers), [each.accepted for each in numbers.values()]) == (["15", "1", "16"], [True] * 3)


def test_a_reading_that_is_too_unlikely_is_not_taken_and_none_of_the_fields_is_accepted() -> None:
    numbers, (checked,) = summed("total=net", net=seen({"7": 0.9998, "1": 0.0002}, "5"), total=seen("1", "5"))
    assert (texts(numbers), checked.holds) == (["75", "15"], False)
    assert {each.reason for each in numbers.values()} == {"breaks_sum"}


def test_of_two_ways_that_are_as_likely_none_is_taken() -> None:
    either = {"1": 0.6, "2": 0.4}
    numbers, (checked,) = summed("total=net+tax", net=seen(either), tax=seen(either), total=seen("3"))
    assert (texts(numbers), checked.holds) == (["1", "1", "3"], False)


def test_an_unsure_number_is_accepted_in_a_sum_that_holds() -> None:
    unsure = seen({"7": 0.6, "1": 0.4}, "5")
    assert unsure.number is not None
    assert unsure.number.reason == "unsure"
    numbers, _ = summed("total=net+tax", net=unsure, tax=seen("4"), total=seen("7", "9"))
    assert (texts(numbers), numbers["net"].accepted) == (["75", "4", "79"], True)


def test_what_a_sum_that_holds_says_is_not_read_otherwise_for_one_that_does_not() -> None:
    fields = {"a": seen(SEVEN_OR_ONE), "b": seen("2"), "c": seen("9"), "d": seen("1", "0")}
    numbers, checked = summed("d=a+c;c=a+b", **fields)
    assert (texts(numbers), [each.holds for each in checked]) == (["7", "2", "9", "10"], [False, True])
    numbers, checked = summed("d=a+c", **fields)
    assert (texts(numbers), [each.holds for each in checked]) == (["1", "2", "9", "10"], [True])


def test_a_field_that_is_in_a_sum_twice_is_read_in_one_way() -> None:
    numbers, (checked,) = summed("total=net+net", net=seen(SEVEN_OR_ONE), total=seen("8"))
    assert (texts(numbers), checked.holds) == (["7", "8"], False)


def test_after_its_time_nothing_is_read_otherwise_and_what_holds_is_still_told() -> None:
    fields = {"net": seen(SEVEN_OR_ONE, "5"), "tax": seen("4"), "total": seen("1", "9"), "other": seen("4")}
    numbers, checked = summed("total=net+tax;other=tax", until=0, **fields)
    assert (texts(numbers), [each.holds for each in checked]) == (["75", "4", "19", "4"], [False, True])


def number_of(text: str, confidence: float) -> Number:
    return Number(text, None, confidence, "", NOWHERE, ())


WAYS = st.lists(st.tuples(st.integers(0, 9), st.floats(0.01, 1)), min_size=1, max_size=4)


@given(WAYS, st.lists(WAYS, min_size=1, max_size=3))
def test_it_finds_what_trying_all_combinations_finds(total: list[tuple[int, float]], items: list[list[tuple[int, float]]]) -> None:
    fields = [[FieldReading(number_of(str(worth), sure), Decimal(worth)) for worth, sure in ways] for ways in (total, *items)]
    every: list[tuple[Any, ...]] = [each for each in product(*fields) if each[0].amount == sum(one.amount for one in each[1:])]
    likely = [prod(one.number.confidence for one in each) for each in every]
    found = adding_up(fields[0], fields[1:])
    assert (found is None) == (not every)
    if found is not None:
        assert (found.likely, found.together) == (pytest.approx(max(likely)), pytest.approx(sum(likely)))
        assert prod(each.confidence for each in found.numbers) == pytest.approx(found.likely)
        assert int(found.numbers[0].text) == sum(int(each.text) for each in found.numbers[1:])


def test_a_sum_of_very_many_fields_is_found_by_following_the_likeliest_amounts() -> None:
    ways = [FieldReading(number_of(str(i), 0.9 if i == 5 else 0.02), Decimal(10**i)) for i in range(8)]
    found = adding_up([FieldReading(number_of("total", 1), Decimal(62 * 10**5 + 10))], [ways] * 63)
    assert found is not None
    assert sorted(each.text for each in found.numbers[1:]) == ["1"] + ["5"] * 62
