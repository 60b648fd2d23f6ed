"""What a worker counts of its numbers: how many are accepted or why not, how sure they are, and how many digits they have."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from digitkit.counting.histogram import Histogram
from digitkit.reader import Input, Series
from digitkit.readers.numbers.number import REASONS, Transcript

CONFIDENCES: Final = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1.0)
DIGITS: Final = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 16.0, 20.0, 30.0, 60.0)


class NumbersTally:
    """The counts since they were last drained; drift of numbers is not watched."""

    has_reference = False

    def __init__(self) -> None:
        self._accepted = 0
        self._reasons = Counter[str]()
        self._confidences, self._digits = Histogram(CONFIDENCES), Histogram(DIGITS)

    def add(self, read: Sequence[tuple[Input, Transcript]]) -> None:
        for _, transcript in read:
            if not transcript.numbers:
                self._reasons[transcript.reason] += 1
            for number in transcript.numbers:
                self._accepted += number.accepted
                if number.reason:
                    self._reasons[number.reason] += 1
                self._confidences.observe(number.confidence)
                self._digits.observe(len(number.digits))

    def drain(self) -> list[Series]:
        counted: list[Series] = [("numbers_accepted_total", "", self._accepted)]
        counted += [("not_accepted_total", f"reason:{reason}", self._reasons[reason]) for reason in REASONS]
        counted += [*self._confidences.series("confidence"), *self._digits.series("number_digits")]
        self._accepted = 0
        self._reasons.clear()
        self._confidences.empty()
        self._digits.empty()
        return counted

    def gauges(self) -> Iterator[Series]:
        return iter(())

    def has_drifted(self, result: Transcript) -> bool:
        return False
