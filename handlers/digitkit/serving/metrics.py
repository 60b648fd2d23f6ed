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
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from digitkit.contract import LABELS, Canvas, Prediction
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
from digitkit.serving.drift import WINDOW, Drift, Reference
from digitkit.serving.histogram import Histogram
from digitkit.serving.wire import Model

# As often as deploy/monitoring asks: what is handed on are 100 to 190 lines, which Java parses.
FLUSH_S: Final = 5.0
SECONDS: Final = (
    0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0,
)  # fmt: skip
COUNTS: Final = tuple(2.0**power for power in range(11))
CONFIDENCES: Final = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1.0)
BOUNDS: Final = {
    "decode_seconds": SECONDS,
    "canvas_seconds": SECONDS,
    "inference_seconds": SECONDS,
    "handler_seconds": SECONDS,
    "batch_requests": COUNTS,
    "request_pictures": COUNTS,
    "confidence": CONFIDENCES,
}
ERRORS: Final = (
    BadRequest, UnreadablePicture, TooLarge, UnsupportedMedia, BlankPicture, Fault, Overloaded, NotLoaded, OutOfMemory,
)  # fmt: skip
PROVIDERS: Final = ("cpu", "cuda", "tensorrt")

log = logging.getLogger(__name__)


class Clock(NamedTuple):
    """When the steps of a batch were done, by time.perf_counter(), and how long its canvases took in all, in seconds.

    Decoding and canvases take turns, a request at a time: what is left of the time until `ready` is decoding's.
    """

    started: float
    ready: float
    inferred: float
    canvas_s: float


class Metrics:
    """The counts of one worker since it last handed them on. Every method may be called from any thread.

    Args:
        model: that it serves.
        place: the device or the provider that it runs on.
        fell_back: whether it runs on the CPU where TorchServe assigned it a GPU and the settings would have taken it.
        reference: of the model's card; an empty one leaves drift out.
    """

    def __init__(self, model: Model, *, place: str, fell_back: bool, reference: Reference) -> None:
        self._labels = f"model_name:{model.name},model_version:{model.version}"
        self._host = socket.gethostname()
        self._worker = f"worker:{worker_number(sys.argv)}"
        self._lock = threading.Lock()
        self._is_due = False
        self._histograms = {name: Histogram(bounds) for name, bounds in BOUNDS.items()}
        self._busy_s = 0.0
        # Arrays: five seconds of 10,000 pictures are handed on in 1.5 ms; from lists it took 4.8.
        self._digits = array("B")
        self._confidences = array("f")
        self._not_accepted = 0
        self._pictures = array("I")  # in each request
        self._inks = array("f")  # of the first of them: drift looks at no more than WINDOW
        self._errors = dict.fromkeys(ERRORS, 0)
        self._drift = Drift(reference)
        if not reference:
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
        results: Sequence[Sequence[Prediction | DigitError] | DigitError],
        pictures: Sequence[Sequence[Canvas]],
        predicted: Sequence[Prediction | DigitError],
        clock: Clock,
    ) -> None:
        """Count a batch that has been answered; FLUSH_S after the first one, what was counted is handed on.

        Args:
            results: what became of each picture of each request, or why a request is refused as a whole.
            pictures: the canvases of each that the model was asked about, in order.
            predicted: what it said of each of them.
            clock: of its steps.
        """
        now = time.perf_counter()
        handler_s = now - clock.started
        counts = [len(each) for each in results if not isinstance(each, DigitError) and each]
        read = [(few, each) for few, each in zip(pictures, predicted, strict=True) if not isinstance(each, DigitError)]
        with self._lock:
            observe = self._histograms
            observe["decode_seconds"].observe(clock.ready - clock.started - clock.canvas_s)
            observe["handler_seconds"].observe(handler_s)
            observe["batch_requests"].observe(len(results))
            if clock.canvas_s:
                observe["canvas_seconds"].observe(clock.canvas_s)
            if pictures:
                observe["inference_seconds"].observe(clock.inferred - clock.ready)
            if len(counts) < len(results) or sum(counts) > len(read):
                self._count_errors(results)
            self._busy_s += handler_s
            if len(self._inks) < WINDOW:
                chosen = [canvases[prediction.reading] for canvases, prediction in read]
                self._inks.frombytes(mean_ink(chosen).tobytes())
            self._digits.fromlist([prediction.digit for _, prediction in read])
            self._confidences.fromlist([prediction.confidence for _, prediction in read])
            self._not_accepted += sum(not prediction.accepted for _, prediction in read)
            self._pictures.fromlist(counts)
            self._call_later()

    def _count_errors(self, results: Sequence[Sequence[Prediction | DigitError] | DigitError]) -> None:
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
        digits, confidences, inks = np.array(self._digits), np.array(self._confidences), np.array(self._inks)
        self._histograms["confidence"].observe_all(confidences)
        self._histograms["request_pictures"].observe_all(np.array(self._pictures))
        self._drift.add(digits[: len(inks)], confidences[: len(inks)], inks)
        counts = [("worker_busy_seconds_total", self._worker, self._busy_s), ("not_accepted_total", "", self._not_accepted)]
        counts += [("predictions_total", f"digit:{digit}", (digits == digit).sum()) for digit in LABELS]
        counts += [("errors_total", f"type:{error.__name__},code:{error.status}", count) for error, count in self._errors.items()]
        for name, histogram in self._histograms.items():
            counts += [(name + suffix, f"le:{bound}" if bound else "", value) for suffix, bound, value in histogram.series()]
            histogram.empty()
        self._busy_s, self._not_accepted, self._errors = 0.0, 0, dict.fromkeys(ERRORS, 0)
        for numbers in (self._digits, self._confidences, self._pictures, self._inks):
            del numbers[:]
        yield from (self._line("counter", name, value, labels) for name, labels, value in counts if value or every)
        for statistic, index in self._drift.indices().items():
            yield self._line("gauge", "drift_psi", round(index, 4), self._worker, f"statistic:{statistic}")
        if memory := resident_bytes():
            yield self._line("gauge", "worker_resident_bytes", memory, self._worker)

    def _line(self, kind: str, name: str, value: float, *labels: str) -> str:
        """A metric as TorchServe's frontend reads it; the labels stand in the order of metrics.yaml."""
        where = ",".join([self._labels, *filter(None, labels)])
        unit = "seconds" if "seconds" in name else "bytes" if "bytes" in name else "count"
        return f"[METRICS]digits_{name}.{unit}:{float(value)}|#{where}|#type:{kind.upper()}|#hostname:{self._host},{int(time.time())}"


def mean_ink(canvases: Sequence[Canvas]) -> NDArray[np.float32]:
    """The mean of each canvas, (N,), 0 to 255. OpenCV takes 2 us for 64 of them, NumPy 15; np.stack 21, np.concatenate 8."""
    if not canvases:
        return np.empty(0, dtype=np.float32)
    flat = np.concatenate(canvases).reshape(len(canvases), -1)
    return np.asarray(cv2.reduce(flat, 1, cv2.REDUCE_AVG, dtype=cv2.CV_32F)[:, 0], dtype=np.float32)


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
