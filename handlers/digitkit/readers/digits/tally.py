"""What a worker counts of its predictions: how many of each digit, how sure, how many not accepted, and how far they have drifted."""

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from digitkit.counting.drift import WINDOW, Drift, Reference
from digitkit.counting.histogram import Histogram
from digitkit.reader import Series
from digitkit.readers.digits.digit import LABELS, REASONS, Prediction
from digitkit.readers.digits.recognise import Given
from digitkit.readers.digits.statistics import STATISTICS, mean_ink

CONFIDENCES: Final = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1.0)


class Tally:
    """The counts since they were last drained."""

    def __init__(self, reference: Reference) -> None:
        self.has_reference = bool(reference)
        # Arrays: five seconds of 10,000 pictures are handed on in 1.5 ms; from lists it took 4.8.
        self._digits = array("B")
        self._confidences = array("f")
        self._inks = array("f")  # of the first pictures: drift looks at no more than WINDOW
        self._reasons = Counter[str]()  # of those that were not accepted
        self._histogram = Histogram(CONFIDENCES)
        self._drift = Drift(STATISTICS, reference)

    def add(self, read: Sequence[tuple[Given, Prediction]]) -> None:
        if len(self._inks) < WINDOW:
            self._inks.frombytes(mean_ink([prediction.canvas for _, prediction in read]).tobytes())
        self._digits.fromlist([prediction.digit for _, prediction in read])
        self._confidences.fromlist([prediction.confidence for _, prediction in read])
        self._reasons.update([prediction.reason for _, prediction in read if not prediction.accepted])

    def drain(self) -> list[Series]:
        digits, confidences, inks = np.array(self._digits), np.array(self._confidences), np.array(self._inks)
        self._drift.add(digits[: len(inks)], confidences[: len(inks)], inks)
        self._histogram.observe_all(confidences)
        counted: list[Series] = [("not_accepted_total", f"reason:{reason}", self._reasons[reason]) for reason in REASONS]
        counted += [("predictions_total", f"digit:{digit}", (digits == digit).sum()) for digit in LABELS]
        counted += self._histogram.series("confidence")
        self._reasons.clear()
        self._histogram.empty()
        for numbers in (self._digits, self._confidences, self._inks):
            del numbers[:]
        return counted

    def gauges(self) -> Iterator[Series]:
        for statistic, index in self._drift.indices().items():
            yield "drift_psi", f"statistic:{statistic}", round(index, 4)

    def has_drifted(self, result: Prediction) -> bool:
        if not self._drift.is_large:  # as nearly always; measuring the ink takes longer than all else that choosing does
            return False
        return self._drift.has(result.digit, result.confidence, float(mean_ink([result.canvas])[0]))
