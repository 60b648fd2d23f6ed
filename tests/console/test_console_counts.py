"""What the server has counted, as the console tells it: read, compared with independent references, and sampled."""

import asyncio
from math import inf
from pathlib import Path

import numpy as np
import pytest
from consoles import METRICS, FakeServer, console_before

from console.counts import ModelCounts, between, percentile, read_counts, totals
from console.history import SPAN, History


def test_counts_are_read_of_each_model() -> None:
    counted = read_counts(METRICS + 'digits_batch_requests_sum{model_name="other",model_version="1.0",} 5.0\n')
    assert set(counted) == {"digits", "other"}
    digits = counted["digits"]
    assert (digits.requests, digits.seconds) == (40, {0.001: 10, 0.002: 40, inf: 40})
    assert (digits.errors, digits.rejected, digits.read) == ({"BlankPicture": 3}, {"no_digit": 2}, {"7": 37})
    assert digits.memory == {"9000": 104857600}


def test_versions_are_added_up_and_the_worker_that_drifted_furthest_counts() -> None:
    second = METRICS.replace('model_version="1.0"', 'model_version="1.1"')
    both = read_counts(METRICS + "".join(line for line in second.splitlines(keepends=True) if not line.startswith("#")))["digits"]
    assert (both.requests, both.seconds[0.001], both.errors["BlankPicture"]) == (80, 20, 6)
    assert both.drift == {"ink": 0.31}


@pytest.mark.parametrize("text", ["<html>", "digits_errors_total{model_name= 3"])
def test_what_is_no_metrics_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_counts(text)


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
def test_a_percentile_of_buckets_is_near_that_of_the_values(share: float) -> None:
    values = np.random.default_rng(7).lognormal(-5, 0.7, 20_000)
    bounds = [*np.geomspace(1e-4, 1, 200), inf]
    found = percentile({float(bound): float((values <= bound).sum()) for bound in bounds}, share)
    assert found == pytest.approx(np.quantile(values, share), rel=0.05)


def test_a_percentile_above_the_highest_bound_is_that_bound_and_of_nothing_there_is_none() -> None:
    assert percentile({1.0: 0.0, inf: 5.0}, 0.5) == 1.0
    assert percentile({}, 0.5) is None
    assert percentile({1.0: 0.0, inf: 0.0}, 0.5) is None


def test_what_happened_between_two_counts() -> None:
    earlier = ModelCounts(requests=10, seconds={0.001: 10, 0.002: 10, inf: 10}, errors={"TooLarge": 1})
    later = ModelCounts(requests=30, seconds={0.001: 10, 0.002: 30, inf: 30}, errors={"TooLarge": 2, "Fault": 4})
    assert between(earlier, later, 5.0) == {
        "rate": 4.0,
        "errors": 1.0,
        "p50": pytest.approx(1.5),
        "p95": pytest.approx(1.95),
        "p99": pytest.approx(1.99),
    }
    assert between(later, later, 5.0) == {"rate": 0.0, "errors": 0.0, "p50": None, "p95": None, "p99": None}


def test_a_server_that_was_started_anew_counts_from_zero() -> None:
    found = between(ModelCounts(requests=1000, errors={"Fault": 7}), ModelCounts(requests=20, errors={"Fault": 1}), 10.0)
    assert (found["rate"], found["errors"]) == (2.0, 0.1)


def test_totals_have_each_bucket_alone_and_a_place_for_every_digit() -> None:
    told = totals(read_counts(METRICS)["digits"])
    assert told["confidence"] == [{"to": 0.5, "count": 4}, {"to": 1.0, "count": 33}]
    assert told["read"] == [0, 0, 0, 0, 0, 0, 0, 37, 0, 0]


def test_samples_become_series_and_cards_are_asked_for_once(tmp_path: Path) -> None:
    fake = FakeServer()

    async def sampled() -> dict[str, object]:
        history = History(console_before(fake, tmp_path).upstream)
        for _ in range(SPAN + 2):
            await history.sample()
        return history.tell()

    told = asyncio.run(sampled())
    (digits, onnx) = told["models"]  # type: ignore[misc]
    assert (digits["name"], onnx["target"]) == ("digits", "onnx")
    assert digits["versions"][0]["card"]["parameters"] == 256_890
    series = told["series"]["digits"]  # type: ignore[index]
    assert (series["rate"], series["p50"], series["ago"][-1]) == ([0.0, 0.0], [None, None], 0.0)
    assert sum("customized" in request.url.params for request in fake.asked) == 2


def test_a_server_that_goes_and_comes_back_is_told_and_forgotten(tmp_path: Path) -> None:
    fake = FakeServer()

    async def sampled() -> list[str]:
        history, problems = History(console_before(fake, tmp_path).upstream), []
        for fake.is_away in (False, True, False):
            await history.sample()
            problems.append(history.problem)
        return problems

    before, away, after = asyncio.run(sampled())
    assert (before, after) == ("", "")
    assert "does not answer" in away
