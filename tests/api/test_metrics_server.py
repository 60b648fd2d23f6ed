"""What TorchServe tells Prometheus after requests that are known, and what is left of it when a worker dies."""

import re
import time
from collections.abc import Callable

import httpx
import numpy as np
import psutil
import pytest
import yaml
from conftest import ROOT
from served import MODELS, workers

from deploy.server import Server
from digitkit.pictures.codec import encode_png
from digitkit.serving.metrics import FLUSH_S
from training.data import mnist

pytestmark = pytest.mark.server

SAMPLE = re.compile(r"(\w+)\{(.*),\} (\S+)")
WAIT_S = 30.0

Scrape = dict[tuple[str, ...], float]  # by name and labels, "digit=7"; Hostname left out


def scrape(server: Server) -> Scrape:
    found: Scrape = {}
    for line in httpx.get(f"{server.metrics}/metrics").text.splitlines():
        sample = SAMPLE.fullmatch(line)
        assert sample or line.startswith("#"), line
        if sample:
            labels = re.findall(r'(\w+)="([^"]*)"', sample[2])
            found[(sample[1], *(f"{name}={value}" for name, value in labels if name != "Hostname"))] = float(sample[3])
    return found


def until(server: Server, is_there: Callable[[Scrape], bool]) -> Scrape:
    """The first scrape in which something is there."""
    deadline = time.monotonic() + WAIT_S
    while not is_there(found := scrape(server)):
        assert time.monotonic() < deadline, f"not there after {WAIT_S:.0f} s"
        time.sleep(0.1)
    return found


def of(model: str, name: str, *labels: str) -> tuple[str, ...]:
    return (f"digits_{name}", f"model_name={model}", "model_version=1.0", *labels)


@pytest.fixture(scope="module")
def settled(server: Server) -> None:
    """Wait until everything that the tests of other files have asked is handed on."""
    time.sleep(2 * FLUSH_S)


@pytest.fixture
def before(server: Server, settled: None) -> Scrape:
    """What stands there; each test of this file waits itself until all that it has asked is counted."""
    return scrape(server)


def test_every_declared_metric_stands_there_and_nothing_else(before: Scrape) -> None:
    declared = yaml.safe_load((ROOT / "metrics.yaml").read_text())
    names = {metric["name"] for section in declared.values() for kind in section.values() for metric in kind}
    seldom = {"digits_drift_psi", "Requests4XX", "Requests5XX", "ts_inference_requests_total"}
    seldom |= {"ts_inference_latency_microseconds", "ts_queue_latency_microseconds"}  # known from the first of their kind on
    of_numbers = {name for name in names if name.startswith("digits_number")}  # which no model of this server reads
    kept = {name for name in names if name.startswith("digits_collect")}  # this server keeps no picture
    told = {name for name, *_ in before}
    assert of_numbers and kept
    assert told <= names - of_numbers - kept
    assert names - of_numbers - kept - told <= seldom


@pytest.mark.parametrize("model", MODELS)
def test_known_requests_are_counted_exactly(
    model: str, server: Server, client: httpx.Client, before: Scrape, mnist_test: mnist.Split
) -> None:
    pictures = [encode_png(p) for p in mnist_test.pictures[:12]]
    digits = [client.post(f"/predictions/{model}", content=picture).json()["digit"] for picture in pictures]
    parts = {"a": pictures[0], "b": b"no picture", "c": pictures[1]}
    digits += [answer["digit"] for answer in client.post(f"/predictions/{model}", files=parts).json() if "digit" in answer]
    blank = encode_png(np.full((40, 40), 255, dtype=np.uint8))
    assert client.post(f"/predictions/{model}", content=blank).status_code == 422
    counted = of(model, "batch_requests_sum")
    after = until(server, lambda found: found[counted] == before[counted] + 14)
    added = {key: value - before.get(key, 0) for key, value in after.items() if key[1:2] == (f"model_name={model}",)}

    for digit in range(10):
        assert added[of(model, "predictions_total", f"digit={digit}")] == digits.count(digit)
    errors = {key[3:]: value for key, value in added.items() if key[0] == "digits_errors_total" and value}
    assert errors == {("type=UnreadablePicture", "code=400"): 1, ("type=BlankPicture", "code=422"): 1}
    assert added[of(model, "confidence_count")] == len(digits) == 14
    assert (added[of(model, "request_pictures_sum")], added[of(model, "request_pictures_count")]) == (16, 14)
    assert added[of(model, "request_pictures_bucket", "le=1.0")] == 13
    assert added[of(model, "request_pictures_bucket", "le=4.0")] == added[of(model, "request_pictures_bucket", "le=+Inf")] == 14
    batches = added[of(model, "handler_seconds_count")]
    assert batches == added[of(model, "batch_requests_count")] == added[of(model, "handler_seconds_bucket", "le=+Inf")] == 14
    steps = [added[of(model, f"{step}_seconds_sum")] for step in ("decode", "canvas", "inference")]
    assert 0 < min(steps) < sum(steps) < added[of(model, "handler_seconds_sum")]
    assert added[of(model, "canvas_seconds_count")] == 14  # a blank picture takes its time too


def test_buckets_rise_with_their_bound_and_end_with_the_count(before: Scrape) -> None:
    for key, count in before.items():
        if key[0].endswith("_count"):
            name = key[0].removesuffix("_count") + "_bucket"
            buckets = {k[-1].removeprefix("le="): value for k, value in before.items() if k[:3] == (name, *key[1:3])}
            rising = [buckets[bound] for bound in sorted(buckets, key=float)]
            assert len(rising) > 10
            assert rising == sorted(rising)
            assert rising[-1] == count


def starts(found: Scrape) -> float:
    """Of all workers, those that were scaled away too."""
    return sum(value for key, value in found.items() if key[0] == "digits_worker_starts_total")


def test_a_worker_that_is_started_anew_goes_on_counting(
    server: Server, client: httpx.Client, before: Scrape, mnist_test: mnist.Split
) -> None:
    running = workers(server)
    for pid in running:
        psutil.Process(pid).kill()
    assert len(running) == len(MODELS)
    restarted = until(server, lambda found: starts(found) == starts(before) + len(running))
    assert not set(running) & set(workers(server))
    for model in MODELS:
        predictions = of(model, "confidence_count")
        assert restarted[predictions] == before[predictions]
        assert client.post(f"/predictions/{model}", content=encode_png(mnist_test.pictures[0])).status_code == 200
        until(server, lambda found, key=predictions: found[key] == before[key] + 1)  # type: ignore[misc]
