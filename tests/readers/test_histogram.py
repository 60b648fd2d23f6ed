"""Histograms, compared with NumPy's own counting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitkit.counting.histogram import Histogram

BOUNDS = (0.001, 0.01, 0.1, 0.5, 1.0)


def by_numpy(values: list[float]) -> dict[str, float]:
    """What Prometheus wants to know of values: how many lie at or below each bound, and above."""
    array = np.array(values)
    buckets = {str(bound): float((array <= bound).sum()) for bound in BOUNDS}
    return buckets | {"+Inf": float(len(values)), "sum": float(array.sum()), "count": float(len(values))}


def told(histogram: Histogram) -> dict[str, float]:
    return {labels.removeprefix("le:") or name.removeprefix("_"): value for name, labels, value in histogram.series("")}


@given(st.lists(st.one_of(st.floats(0, 2), st.sampled_from(BOUNDS)), max_size=40))
def test_buckets_sum_and_count_are_numpys(values: list[float]) -> None:
    histogram = Histogram(BOUNDS)
    for value in values:
        histogram.observe(value)
    found = told(histogram)
    expected = by_numpy(values)
    assert abs(found.pop("sum") - expected.pop("sum")) < 1e-9
    assert found == expected


@given(st.lists(st.floats(0, 2, width=32), max_size=40))
def test_many_at_once_are_counted_as_one_by_one(values: list[float]) -> None:
    one_by_one, at_once = Histogram(BOUNDS), Histogram(BOUNDS)
    for value in values:
        one_by_one.observe(value)
    at_once.observe_all(np.array(values, dtype=np.float32))
    expected, found = told(one_by_one), told(at_once)
    assert found.pop("sum") == pytest.approx(expected.pop("sum"), rel=1e-12)  # they are added in another order
    assert found == expected


def test_an_emptied_histogram_starts_anew() -> None:
    histogram = Histogram(BOUNDS)
    histogram.observe(0.05)
    histogram.empty()
    assert set(told(histogram).values()) == {0}
