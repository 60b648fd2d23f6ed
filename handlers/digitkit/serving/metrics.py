"""What a worker counts, and how it gets to TorchServe's /metrics.

TorchServe's own histograms start at 5 ms, and every metric of a request is a line of text that Java parses. So a worker counts
by itself, and five seconds later hands on what was added: as counters, which Java sums over all workers and keeps when one of them
dies. A histogram is the counters of its buckets. docs/metrics.md says what each of them answers.
"""

import logging
import os
import re
import socket
import sys
import threading
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from digitkit.counting.histogram import Histogram
from digitkit.errors import (
    BadRequest,
    BlankPicture,
    DigitError,
    Fault,
    NotLoaded,
    OutOfMemory,
    Overloaded,
    TooLarge,
    UnreadablePicture,
    UnsupportedMedia,
)
from digitkit.reader import Input, Result, Series, Statistics
from digitkit.serving.writing import Model

# As often as deploy/monitoring asks: what is handed on are 100 to 190 lines, which Java parses.
FLUSH_S: Final = 5.0
SECONDS: Final = (
    0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0,
)  # fmt: skip
COUNTS: Final = tuple(2.0**power for power in range(11))
BOUNDS: Final = {
    "decode_seconds": SECONDS,
    "canvas_seconds": SECONDS,
    "inference_seconds": SECONDS,
    "handler_seconds": SECONDS,
    "batch_requests": COUNTS,
    "request_pictures": COUNTS,
}
ERRORS: Final = (
    BadRequest, UnreadablePicture, TooLarge, UnsupportedMedia, BlankPicture, Fault, Overloaded, NotLoaded, OutOfMemory,
)  # fmt: skip
PROVIDERS: Final = ("cpu", "cuda", "tensorrt")

log = logging.getLogger(__name__)


class Clock(NamedTuple):
    """When the steps of a batch were done, by time.perf_counter(), and how long its canvases took in all, in seconds.

    Decoding and canvases, as the reader's preparing is called in metrics, take turns, a request at a time: what is left of the time
    until `ready` is decoding's.
    """

    started: float
    ready: float
    inferred: float
    written: float
    canvas_s: float


class Metrics:
    """The counts of one worker since it last handed them on. Every method may be called from any thread.

    Attributes:
        statistics: what its reader counts.

    Args:
        model: that it serves.
        place: the device or the provider that it runs on.
        fell_back: whether it runs on the CPU where TorchServe assigned it a GPU and the settings would have taken it.
        others: drains what is counted elsewhere.
    """

    def __init__(
        self,
        model: Model,
        *,
        place: str,
        fell_back: bool,
        statistics: Statistics,
        others: Callable[[], Iterable[Series]] = tuple,
    ) -> None:
        self._labels = f"model_name:{model.name},model_version:{model.version}"
        self._host = socket.gethostname()
        self._worker = f"worker:{worker_number(sys.argv)}"
        self._lock = threading.Lock()
        self._is_due = False
        self._histograms = {name: Histogram(bounds) for name, bounds in BOUNDS.items()}
        self._busy_s = 0.0
        self._pictures = array("I")  # in each request; handed on in a third of the time that a list takes
        self._errors = dict.fromkeys(ERRORS, 0)
        self.statistics, self._others = statistics, others
        if not statistics.has_reference:
            log.info("the card of %s has no reference: its drift is not watched", model.name)
        provider = next((name for name in PROVIDERS if name in place.lower()), "")
        told = [self._line("gauge", "worker_provider", name == provider, self._worker, f"provider:{name}") for name in PROVIDERS]
        told.append(self._line("gauge", "worker_fell_back", fell_back, self._worker))
        told.append(self._line("counter", "worker_starts_total", 1, self._worker))
        # TorchServe's worker would print a PredictionTime for every batch, with the ids of all its requests; nobody reads it.
        logging.getLogger("ts.metrics.caching_metric").setLevel(logging.WARNING)
        log.info("\n".join([*told, *self._drain(every=True)]))

    def record(
        self,
        results: Sequence[Sequence[Result | DigitError] | DigitError],
        inputs: Sequence[Input],
        read: Sequence[Result | DigitError],
        clock: Clock,
    ) -> None:
        """Count a batch that has been answered; FLUSH_S after the first one, what was counted is handed on.

        Args:
            results: what became of each picture of each request, or why a request is refused as a whole.
            inputs: those that the model was asked about, in order.
            read: what it said of each of them.
            clock: of its steps.
        """
        handler_s = clock.written - clock.started
        counts = [len(each) for each in results if not isinstance(each, DigitError) and each]
        pairs = [(given, each) for given, each in zip(inputs, read, strict=True) if not isinstance(each, DigitError)]
        with self._lock:
            observe = self._histograms
            observe["decode_seconds"].observe(clock.ready - clock.started - clock.canvas_s)
            observe["handler_seconds"].observe(handler_s)
            observe["batch_requests"].observe(len(results))
            if clock.canvas_s:
                observe["canvas_seconds"].observe(clock.canvas_s)
            if inputs:
                observe["inference_seconds"].observe(clock.inferred - clock.ready)
            if len(counts) < len(results) or sum(counts) > len(pairs):
                self._count_errors(results)
            self._busy_s += handler_s
            self.statistics.add(pairs)
            self._pictures.fromlist(counts)
            self._call_later()

    def _count_errors(self, results: Sequence[Sequence[Result | DigitError] | DigitError]) -> None:
        for result in results:
            for each in [result] if isinstance(result, DigitError) else result:
                if isinstance(each, DigitError):
                    self._errors[type(each)] += 1

    def refuse(self, error: DigitError) -> None:
        """Count a request that was refused after its pictures had been read."""
        with self._lock:
            self._errors[type(error)] += 1
            self._call_later()

    def flush(self) -> None:
        """Hand on what was counted since the last time: one write for all lines."""
        with self._lock:
            self._is_due = False
            lines = list(self._drain(every=False))
        log.info("\n".join(lines))

    def _call_later(self) -> None:
        """Flush FLUSH_S from now, unless that is on its way: an idle worker does nothing."""
        if not self._is_due:
            timer = threading.Timer(FLUSH_S, self.flush)
            timer.daemon = True
            timer.start()
            self._is_due = True

    def _drain(self, *, every: bool) -> Iterator[str]:
        """The lines of what was counted, all of which starts anew at 0; of everything, or of what has changed."""
        self._histograms["request_pictures"].observe_all(np.array(self._pictures))
        counts: list[Series] = [("worker_busy_seconds_total", self._worker, self._busy_s), *self.statistics.drain()]
        counts += [("errors_total", f"type:{error.__name__},code:{error.status}", count) for error, count in self._errors.items()]
        counts += self._others()
        for name, histogram in self._histograms.items():
            counts += histogram.series(name)
            histogram.empty()
        self._busy_s, self._errors = 0.0, dict.fromkeys(ERRORS, 0)
        del self._pictures[:]
        yield from (self._line("counter", name, value, labels) for name, labels, value in counts if value or every)
        yield from (self._line("gauge", name, value, self._worker, labels) for name, labels, value in self.statistics.gauges())
        if memory := resident_bytes():
            yield self._line("gauge", "worker_resident_bytes", memory, self._worker)

    def _line(self, kind: str, name: str, value: float, *labels: str) -> str:
        """A metric as TorchServe's frontend reads it; the labels stand in the order of metrics.yaml."""
        where = ",".join([self._labels, *filter(None, labels)])
        unit = "seconds" if "seconds" in name else "bytes" if "bytes" in name else "count"
        return f"[METRICS]digits_{name}.{unit}:{float(value)}|#{where}|#type:{kind.upper()}|#hostname:{self._host},{int(time.time())}"


def worker_number(arguments: Sequence[str]) -> str:
    """The number that TorchServe gave a worker's socket, which the worker keeps when it is started anew; "0" outside of it."""
    found = re.search(r"--sock-name \S+\.(\d+)|--port (\d+)", " ".join(arguments))
    return next(filter(None, found.groups())) if found else "0"


def resident_bytes() -> int:
    """The memory that this process holds, 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
