"""Drift: the population stability index against values worked out by hand, over a window that slides."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from digitkit.counting.drift import LEAST, WINDOW, Drift, shares, stability_index
from digitkit.readers.digits.statistics import CONFIDENCE_BOUNDS, STATISTICS, reference

Pictures = tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]


def pictures(count: int, seed: int = 0) -> Pictures:
    """Digits, confidences and ink of pictures as they come on a good day."""
    rng = np.random.default_rng(seed)
    return rng.integers(10, size=count), 1 - rng.exponential(0.01, count).astype(np.float32), rng.normal(33, 8, count).astype(np.float32)


def watch(*batches: Pictures) -> dict[str, float]:
    drift = Drift(STATISTICS, reference(*pictures(5_000, seed=9)))
    for batch in batches:
        drift.add(*batch)
    return drift.indices()


def test_index_of_equal_shares_is_0() -> None:
    assert stability_index(np.array([0.3, 0.7]), np.array([0.3, 0.7])) == 0


def test_index_is_what_the_formula_gives_by_hand() -> None:
    by_hand = (0.25 - 0.5) * math.log(0.25 / 0.5) + (0.75 - 0.5) * math.log(0.75 / 0.5)  # 0.1733 + 0.1014
    assert stability_index(np.array([0.5, 0.5]), np.array([0.25, 0.75])) == pytest.approx(by_hand)
    assert by_hand == pytest.approx(0.2747, abs=1e-4)


def test_a_bound_belongs_to_the_bin_below_it_and_half_a_value_to_every_bin() -> None:
    found = shares(np.array([0.0, 1.0, 1.5, 2.0, 9.0]), [1.0, 2.0])
    assert found.tolist() == [2.5 / 6.5, 2.5 / 6.5, 1.5 / 6.5]


def test_reference_holds_ten_digits_and_tenths_of_the_ink() -> None:
    told = reference(*pictures(5_000))
    assert [len(told[name]["shares"]) for name in ("digit", "confidence", "ink")] == [10, len(CONFIDENCE_BOUNDS) + 1, 10]
    assert all(sum(known["shares"]) == pytest.approx(1, abs=1e-4) for known in told.values())
    assert told["ink"]["shares"] == pytest.approx([0.1] * 10, abs=1e-3)


def test_pictures_like_the_reference_stay_below_what_matters() -> None:
    assert max(watch(pictures(WINDOW)).values()) < 0.02


def test_nothing_is_said_of_too_few_pictures() -> None:
    assert watch(pictures(LEAST - 1)) == {}
    assert set(watch(pictures(LEAST - 1), pictures(1))) == {"digit", "confidence", "ink"}


@pytest.mark.parametrize("changed", ["digit", "confidence", "ink"])
def test_only_the_statistic_that_changed_drifts(changed: str) -> None:
    digits, confidences, inks = pictures(WINDOW)
    if changed == "digit":
        digits = np.where(digits == 0, 1, digits)  # a form without zeros
    elif changed == "confidence":
        confidences = confidences - 0.2
    else:
        inks = inks * 1.5  # a thicker pen
    found = watch((digits, confidences, inks))
    assert found.pop(changed) > 0.25
    assert max(found.values()) < 0.1


def test_the_window_forgets_what_it_has_passed() -> None:
    digits, confidences, inks = pictures(WINDOW)
    thick = (digits, confidences, inks * 1.5)
    assert watch(thick, pictures(WINDOW // 2, seed=1))["ink"] > 0.25
    assert watch(thick, pictures(WINDOW, seed=1))["ink"] < 0.02


def test_a_card_without_a_reference_leaves_drift_out() -> None:
    drift = Drift(STATISTICS, {})
    drift.add(*pictures(WINDOW))
    assert drift.indices() == {}


def test_only_what_lies_where_a_statistic_has_drifted_to_is_of_a_kind_that_drifts() -> None:
    drift = Drift(STATISTICS, reference(*pictures(5_000, seed=9)))
    digits, confidences, inks = pictures(WINDOW)
    drift.add(digits, confidences, inks)
    assert not drift.is_large
    assert not drift.has(3, 0.995, 33.0)
    drift.add(digits, confidences, np.where(np.arange(WINDOW) % 2, inks, np.float32(90.0)))
    assert drift.is_large
    assert drift.has(3, 0.995, 90.0)
    assert not drift.has(3, 0.995, 33.0)
    drift.add(digits, confidences, inks)
    assert not drift.has(3, 0.995, 90.0)


def test_without_a_reference_no_picture_is_of_a_kind_that_drifts() -> None:
    drift = Drift(STATISTICS, {})
    drift.add(*pictures(WINDOW))
    assert not drift.has(3, 0.5, 200.0)
