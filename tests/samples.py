"""Pictures that are kept, for tests of the store and of what is built on it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from digitkit.collect.sample import Sample, to_sample
from digitkit.collect.sample_store import Caps, SampleStore, StorePlace
from digitkit.settings import Collecting

CAPS = Caps(minute_pictures=1000, day_pictures=1000, store_bytes=10**9)
NOW = 1_800_000_000.0  # a time at which tests keep pictures


def sample(number: int, *, reason: str = "random", task: str = "digits", **changed: Any) -> Sample:
    """A picture like no other, and what a model read of it."""
    answer = {
        **{"model": "digits", "version": "1.0", "asked_at": NOW, "request_id": f"request-{number}"},
        **{"label": str(number % 10), "confidence": 0.5, "accepted": True, "reason": "", "logits": [0.0] * 10},
    }
    pixels = np.random.default_rng(number).integers(0, 256, (28, 28), dtype=np.uint8)
    return to_sample(pixels, 512, task=task, reason=reason, answer=answer | changed)


def knobs(store: Path | str, **changed: Any) -> Collecting:
    """The section collect with a store, and everything kept."""
    given: dict[str, Any] = {
        **{"store": str(store), "records": "", "pictures": "", "share": 1.0, "not_accepted": True, "below_confidence": 0.9},
        **{"drifting": True, "minute_pictures": 1000, "day_pictures": 1000, "store_bytes": 10**9, "days": 30, "side_pixels": 512},
    }
    return Collecting(**given | changed)


@contextmanager
def opened(folder: Path, *samples: Sample) -> Iterator[SampleStore]:
    """A store with these pictures in it."""
    store = SampleStore(StorePlace(str(folder)))
    for number, each in enumerate(samples):
        store.keep(each, CAPS, NOW + number)
    try:
        yield store
    finally:
        store.close()


def everything_in(folder: Path) -> bytes:
    """All bytes of all files of a folder, to look for what should be gone."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def files_in(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.rglob("*.png"))


def eventually(is_so: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until something is so; fails after some seconds."""
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.005)
