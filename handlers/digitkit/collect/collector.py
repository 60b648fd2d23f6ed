"""Which answers a worker keeps the picture of. A request never waits for it: what it chooses goes through a short queue to one thread."""

import logging
import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from digitkit.collect.sample import to_sample
from digitkit.collect.sample_store import BYTES, DAY, DUPLICATE, KEPT, MINUTE, Caps, SampleStore, StoreError, StorePlace
from digitkit.contract import Picture
from digitkit.errors import DigitError
from digitkit.reader import Observation, Series
from digitkit.settings import Collecting

NOT_ACCEPTED, UNSURE, DRIFTING, RANDOM = REASONS = ("not_accepted", "unsure", "drifting", "random")  # why a picture is kept
QUEUE, STORE = "queue", "store"  # why it is not, beside what the store says
CAUSES: Final = (QUEUE, STORE, DUPLICATE, MINUTE, DAY, BYTES)
WAITING: Final = 64  # pictures that wait for the thread
WAITING_BYTES: Final = 32_000_000  # of them all: a picture of 24 million pixels waits alone
# Seconds for which nothing is sent to the store after it says this: asking it again for each picture would tell the same.
PAUSES: Final = {MINUTE: 1.0, DAY: 60.0, STORE: 5.0}
UPKEEP_S: Final = 600.0  # between two looks for pictures that are too old
REMEMBERED: Final = 1000  # pictures that the store has: one that comes again and again costs a hash, and no transaction

log = logging.getLogger(__name__)


class Chosen(NamedTuple):
    """A picture that is to be kept, and what its record will say."""

    picture: Picture
    reason: str
    answer: dict[str, Any]


class Collector:
    """Keeps pictures of one worker. Every method may be called from any thread.

    Args:
        knobs: which pictures, and how many.
        task: of the model.
        answering: the columns of an answer that are the same for all: model and version.
        guard: runs a step, and returns the refusal of what nobody foresaw, which it has logged.
    """

    def __init__(self, knobs: Collecting, task: str, answering: Mapping[str, str], guard: Callable[..., str | DigitError]) -> None:
        self._knobs, self._task, self._answering, self._guard = knobs, task, answering, guard
        self._caps = Caps(knobs.minute_pictures, knobs.day_pictures, knobs.store_bytes)
        self._queue = queue.Queue[Chosen](WAITING)
        self._lock = threading.Lock()
        self._waiting_bytes = 0
        self._kept, self._dropped = Counter[str](), Counter[str]()
        self._paused, self._paused_until = "", 0.0
        self._store: SampleStore | None = None
        self._repeats = Counter[str]()  # by the hash of a picture that the store has, how often it came since the store was told
        self._is_failing = False
        threading.Thread(target=self._run, name="collect", daemon=True).start()

    def offer(self, request_id: str, seen: Observation, has_drifted: Callable[[], bool]) -> None:
        """Have a picture kept, if it is one of those that the knobs choose and there is room for it; returns at once.

        Args:
            has_drifted: says whether it is of a kind that drifts; asked where nothing else has it kept.
        """
        reason = self._reason(seen, has_drifted)
        if not reason:
            return
        if time.monotonic() < self._paused_until:
            self._count(self._dropped, self._paused)
            return
        with self._lock:
            has_room = self._waiting_bytes + seen.picture.nbytes <= WAITING_BYTES
            self._waiting_bytes += seen.picture.nbytes if has_room else 0
        logits = None if seen.logits is None else [round(value, 4) for value in seen.logits.tolist()]
        # A picture that is part of a larger array would keep all of it in memory.
        picture = seen.picture if seen.picture.base is None else seen.picture.copy()
        said = {"label": seen.label, "confidence": seen.confidence, "accepted": seen.accepted, "reason": seen.reason, "logits": logits}
        try:
            if not has_room:
                raise queue.Full
            self._queue.put_nowait(Chosen(picture, reason, {**self._answering, **said, "request_id": request_id, "asked_at": time.time()}))
        except queue.Full:
            with self._lock:
                self._waiting_bytes -= seen.picture.nbytes if has_room else 0
            self._count(self._dropped, QUEUE)

    def _reason(self, seen: Observation, has_drifted: Callable[[], bool]) -> str:
        """Why a picture is kept, "" where it is not."""
        if self._knobs.not_accepted and not seen.accepted:
            return NOT_ACCEPTED
        if seen.confidence < self._knobs.below_confidence:
            return UNSURE
        if self._knobs.drifting and has_drifted():
            return DRIFTING
        return RANDOM if random.random() < self._knobs.share else ""

    def drain(self) -> Iterator[Series]:
        """What was kept and what was not since the last time."""
        with self._lock:
            kept, dropped = self._kept, self._dropped
            self._kept, self._dropped = Counter(), Counter()
        yield from (("collected_total", f"reason:{reason}", kept[reason]) for reason in REASONS)
        yield from (("collect_dropped_total", f"cause:{cause}", dropped[cause]) for cause in CAUSES)

    def _count(self, counts: Counter[str], what: str) -> None:
        with self._lock:
            counts[what] += 1

    def _run(self) -> None:
        """The thread: keep what is chosen, one after the other, and see now and then to what is too old."""
        upkeep_at = 0.0
        while True:
            if time.monotonic() >= upkeep_at:
                self._guard(self._in_store, self._see_to_age)
                upkeep_at = time.monotonic() + UPKEEP_S
            try:
                chosen = self._queue.get(timeout=max(0.0, upkeep_at - time.monotonic()))
            except queue.Empty:
                continue
            became = self._guard(self._in_store, partial(self._keep, chosen))
            became = STORE if isinstance(became, DigitError) else became
            with self._lock:
                self._waiting_bytes -= chosen.picture.nbytes
            if became in PAUSES:
                self._paused, self._paused_until = became, time.monotonic() + PAUSES[became]
            self._count(*((self._kept, chosen.reason) if became == KEPT else (self._dropped, became)))

    def _keep(self, chosen: Chosen, store: SampleStore) -> str:
        sample = to_sample(chosen.picture, self._knobs.side_pixels, task=self._task, reason=chosen.reason, answer=chosen.answer)
        if sample.sha256 in self._repeats:
            self._repeats[sample.sha256] += 1
            return DUPLICATE
        became = store.keep(sample, self._caps)
        if became in (KEPT, DUPLICATE):
            if len(self._repeats) >= REMEMBERED:
                self._tell_repeats(store)
            self._repeats[sample.sha256] = 0
        return became

    def _tell_repeats(self, store: SampleStore) -> None:
        """Have the store count what came again, and forget which pictures it has: some may have been deleted since."""
        repeats, self._repeats = +self._repeats, Counter()
        store.count_again(repeats)

    def _see_to_age(self, store: SampleStore) -> str:
        self._tell_repeats(store)
        store.expire(self._knobs.days)
        return KEPT

    def _in_store(self, step: Callable[[SampleStore], str]) -> str:
        """What a step says of the store; STORE where that cannot be used, which is logged once until it can."""
        try:
            if self._store is None:
                opened = SampleStore(StorePlace(self._knobs.store, self._knobs.records, self._knobs.pictures))
                opened.sweep()
                self._store = opened
            said = step(self._store)
        except StoreError as err:
            if not self._is_failing:
                log.warning("pictures are not kept for now: %s", err)
            self._is_failing = True
            return STORE
        self._is_failing = False
        return said
