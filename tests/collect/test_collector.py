"""What a worker keeps: the pictures that the knobs choose, never at the cost of an answer."""

import logging
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import HANDLERS
from samples import eventually, files_in, knobs, opened
from sqlalchemy import select

from digitkit.collect import collector as module
from digitkit.collect.collector import Collector
from digitkit.collect.sample_store import SampleStore
from digitkit.collect.schema import PICTURES
from digitkit.reader import Observation
from digitkit.serving.guard import Guard
from digitkit.settings import Collecting

ANSWERING = {"model": "digits", "version": "1.0"}


def seen(number: int = 0, *, confidence: float = 0.99, accepted: bool = True) -> Observation:
    pixels = np.random.default_rng(number).integers(0, 256, (28, 28), dtype=np.uint8)
    return Observation(pixels, "7", confidence, accepted, "" if accepted else "unsure", np.arange(10, dtype=np.float32))


class Counted:
    """A collector, and the sum of what it has counted so far."""

    def __init__(self, chosen: Collecting) -> None:
        self.collector = Collector(chosen, "digits", ANSWERING, Guard())
        self.counts = Counter[str]()

    def offer(self, *observations: Observation, has_drifted: bool = False) -> None:
        for each in observations:
            self.collector.offer("an-id", each, lambda: has_drifted)

    def update(self) -> Counter[str]:
        for _, label, value in self.collector.drain():
            self.counts[label.partition(":")[2]] += int(value)
        return +self.counts

    def has(self, **expected: int) -> None:
        """Wait until these are the counts, by reason or cause."""
        eventually(lambda: dict(self.update()) == expected)


@pytest.fixture(autouse=True)
def log_reaches_pytest(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)


def test_a_picture_is_kept_for_the_first_reason_that_holds(tmp_path: Path) -> None:
    counted = Counted(knobs(tmp_path))
    counted.offer(seen(0, accepted=False, confidence=0.1), seen(1, confidence=0.5), seen(2))
    counted.has(not_accepted=1, unsure=1, random=1)
    assert len(files_in(tmp_path)) == 3


def test_every_picture_of_a_kind_that_drifts_is_kept_if_the_knob_says_so(tmp_path: Path) -> None:
    counted = Counted(knobs(tmp_path, share=0.0))
    counted.offer(seen(0, accepted=False), seen(1), seen(2), has_drifted=True)
    counted.has(not_accepted=1, drifting=2)
    ignoring = Counted(knobs(tmp_path, share=0.0, drifting=False))
    ignoring.offer(seen(3), has_drifted=True)
    assert ignoring.collector._queue.empty()


def test_what_no_knob_chooses_is_not_kept_and_no_store_is_filled(tmp_path: Path) -> None:
    counted = Counted(knobs(tmp_path, share=0.0, not_accepted=False, below_confidence=0.5))
    counted.offer(seen(0), seen(1, accepted=False), seen(2, confidence=0.4))
    counted.has(unsure=1)


def test_about_as_many_are_kept_at_random_as_the_share_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.random, "random", np.random.default_rng(0).random)
    collector = Collector(knobs(tmp_path, share=0.1), "digits", ANSWERING, Guard())
    reasons = Counter(collector._reason(seen(), lambda: False) for _ in range(5000))
    assert 430 < reasons["random"] < 570
    assert set(reasons) == {"random", ""}


def test_a_duplicate_is_counted_and_kept_once(tmp_path: Path) -> None:
    counted = Counted(knobs(tmp_path))
    counted.offer(seen(), seen(), seen())
    counted.has(random=1, duplicate=2)
    assert len(files_in(tmp_path)) == 1


def test_what_comes_again_is_told_to_the_store_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 2)
    counted = Counted(knobs(tmp_path))
    counted.offer(*(seen(number) for number in (0, 0, 0, 1, 2)))
    counted.has(random=3, duplicate=2)
    with opened(tmp_path) as store, store.reading() as connection:
        assert sorted(connection.execute(select(PICTURES.c.seen)).scalars()) == [1, 1, 3]


def test_over_a_cap_nothing_is_asked_of_the_store_for_a_while(tmp_path: Path) -> None:
    counted = Counted(knobs(tmp_path, minute_pictures=1))
    counted.offer(seen(0), seen(1))
    counted.has(random=1, minute=1)
    counted.offer(*(seen(number) for number in range(2, 102)))
    counted.has(random=1, minute=101)


def test_a_queue_that_is_full_costs_the_picture_and_no_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    may_go_on = threading.Event()
    keep = SampleStore.keep

    def slow(store: SampleStore, *given: Any) -> str:
        may_go_on.wait()
        return keep(store, *given)

    monkeypatch.setattr(SampleStore, "keep", slow)
    counted = Counted(knobs(tmp_path))
    pictures = [seen(number) for number in range(module.WAITING + 20)]
    started = time.perf_counter()
    counted.offer(*pictures)
    assert time.perf_counter() - started < 0.5
    may_go_on.set()
    eventually(lambda: counted.update().total() == len(pictures))
    assert counted.counts["queue"] >= 19


def test_large_pictures_wait_only_as_long_as_they_fit_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING_BYTES", 1000)
    counted = Counted(knobs(tmp_path))
    counted.offer(seen()._replace(picture=np.zeros((100, 100), dtype=np.uint8)))
    counted.has(queue=1)
    counted.offer(seen())
    counted.has(queue=1, random=1)


def test_a_picture_of_a_large_array_does_not_keep_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    collector = Collector(knobs(tmp_path), "digits", ANSWERING, Guard())
    chosen: list[Any] = []
    monkeypatch.setattr(collector._queue, "put_nowait", chosen.append)
    collector.offer("", seen()._replace(picture=np.zeros((1000, 28, 28), dtype=np.uint8)[3]), lambda: False)
    assert chosen[0].picture.base is None


def test_a_store_that_cannot_be_used_is_logged_once_until_it_can(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(module.PAUSES, "store", 0.0)
    folder = tmp_path / "store"
    folder.write_text("in the way")
    counted = Counted(knobs(folder))
    for number in range(3):
        counted.offer(seen(number))
        counted.has(store=number + 1)
    assert len([record for record in caplog.records if "pictures are not kept for now" in record.message]) == 1
    folder.unlink()
    counted.offer(seen(4))
    counted.has(store=3, random=1)


def test_a_corrupt_store_is_counted_and_the_worker_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "records.sqlite").write_bytes(bytes(range(256)) * 64)
    counted = Counted(knobs(tmp_path))
    counted.offer(seen())
    counted.has(store=1)
    assert "file is not a database" in caplog.text


def test_an_unforeseen_fault_costs_its_picture_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    keep = SampleStore.keep
    faults = [KeyError("unforeseen")]

    def faulty(store: SampleStore, *given: Any) -> str:
        if faults:
            raise faults.pop()
        return keep(store, *given)

    monkeypatch.setattr(SampleStore, "keep", faulty)
    monkeypatch.setitem(module.PAUSES, "store", 0.0)
    counted = Counted(knobs(tmp_path))
    counted.offer(seen(0), seen(1))
    counted.has(store=1, random=1)
    assert "KeyError" in caplog.text


def test_a_worker_that_keeps_nothing_imports_no_database() -> None:
    script = "import digit_handler, sys; print({'sqlalchemy', 'fsspec', 'sqlite3'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", script], cwd=HANDLERS, capture_output=True, text=True, check=True, timeout=60).stdout
    assert told.strip() == "set()"
