"""Two models on the same pictures: shares with their intervals, McNemar's test, groups and the gap of the worst one."""

from math import comb

import numpy as np
import pytest

from training.judge.pairs import LEAST, Pair, gap, groups_of, share


def pair(both: int, lost: int, won: int, neither: int) -> Pair:
    champion = np.repeat([True, True, False, False], [both, lost, won, neither])
    challenger = np.repeat([True, False, True, False], [both, lost, won, neither])
    return Pair("all", champion, challenger)


def test_a_pair_counts_who_lost_and_who_won() -> None:
    found = pair(80, 6, 2, 12)
    assert (found.pictures, found.lost, found.won, found.drop) == (100, 6, 2, pytest.approx(0.04))


@pytest.mark.parametrize(("lost", "won"), [(6, 2), (1, 1), (0, 9), (10, 0)])
def test_the_chance_is_that_of_as_many_heads_among_the_tosses_of_a_coin(lost: int, won: int) -> None:
    tosses = lost + won
    expected = sum(comb(tosses, heads) for heads in range(lost, tosses + 1)) / 2**tosses
    assert pair(50, lost, won, 3).chance == pytest.approx(expected)


def test_models_that_agree_on_every_picture_differ_by_chance() -> None:
    assert pair(50, 0, 0, 3).chance == 1.0


def test_the_interval_is_wilsons() -> None:
    # Newcombe (1998), table I, method 3: 81 of 263.
    found = share(np.repeat([True, False], [81, 182]))
    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)


def test_a_group_that_is_too_small_is_not_counted() -> None:
    whole = pair(300, 10, 10, 10)
    groups = {"large": np.arange(330) < LEAST, "small": np.arange(330) < LEAST - 1}
    assert [(group.name, group.pictures) for group in groups_of(whole, groups)] == [("large", LEAST)]


def test_the_gap_is_that_of_the_worst_group() -> None:
    whole = np.repeat([True, False], [90, 10])
    assert gap(whole, {"good": whole[:90], "bad": whole[60:]}) == ("bad", pytest.approx(0.9 - 0.75))
