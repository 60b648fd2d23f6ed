"""What measures the cost of metrics: a machine that drifts changes no ratio, and "without" records nothing at all."""

import time
from pathlib import Path

import httpx
import numpy as np
import pytest
from served import free_port, started

from bench.metrics_cost import START, STOP, interval, ratios, switchable, worker_of
from deploy.server import Server
from digitkit.pictures.codec import encode_png
from digitkit.serving.metrics import FLUSH_S
from training.data import mnist


def test_a_machine_that_grows_faster_step_by_step_changes_no_ratio() -> None:
    speed = np.linspace(5_000, 9_000, 9)
    turns = np.stack([speed, 1e6 / speed], axis=1)
    turns[1::2] *= [0.97, 1.05]
    found = ratios(turns)
    assert found[:, 0] == pytest.approx(np.full(4, 0.97))
    assert found[:, 1] == pytest.approx(np.full(4, 1.05), rel=0.01)  # 1 / speed is no straight line


def test_the_interval_holds_the_median_and_narrows_with_more_rounds() -> None:
    rng = np.random.default_rng(0)
    few, many = (interval(rng.normal(0.98, 0.02, size)) for size in (8, 800))
    assert few[0] < 0.98 < few[1]
    assert many[0] < 0.98 < many[1]
    assert many[1] - many[0] < (few[1] - few[0]) / 3


@pytest.mark.server
def test_a_worker_records_until_it_is_told_to_stop_and_from_when_it_is_told_to_start(
    store: Path, tmp_path: Path, mnist_test: mnist.Split
) -> None:
    (tmp_path / "store").mkdir()
    switchable(store / "digits_onnx.mar", tmp_path / "store" / "digits_onnx.mar")
    server = Server(free_port(), tmp_path / "store", tmp_path, models=("digits_onnx",))
    with started(server):
        worker = worker_of(server)
        with httpx.Client(base_url=server.inference, headers=server.headers()) as client:

            def send(requests: int) -> None:
                for _ in range(requests):
                    assert client.post("/predictions/digits_onnx", content=encode_png(mnist_test.pictures[0])).status_code == 200

            def counted() -> int:
                lines = httpx.get(f"{server.metrics}/metrics").text.splitlines()
                return int(sum(float(line.split()[-1]) for line in lines if line.startswith("digits_confidence_count")))

            def counted_at_last(expected: int) -> int:
                """The count once it is what is expected, or after a flush and a second."""
                deadline = time.monotonic() + FLUSH_S + 1
                while (found := counted()) != expected and time.monotonic() < deadline:
                    time.sleep(0.05)
                return found

            send(3)
            assert counted_at_last(3) == 3
            worker.send_signal(STOP)
            send(5)
            time.sleep(FLUSH_S + 1)
            assert counted() == 3
            worker.send_signal(START)
            send(2)
            assert counted_at_last(5) == 5
