"""Pictures of lines with the numbers that stand in them, and what share of them is read right as a whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitkit.artifacts.card import check_card
from digitkit.errors import DigitError
from digitkit.pictures.allowance import Allowance
from digitkit.reader import Hints
from digitkit.readers.numbers.number import Transcript, digits_of
from digitkit.readers.numbers.reader import READER, NumbersReader
from digitkit.settings import Settings
from training.evaluate.exams.exam import Figure
from training.evaluate.served import MODEL_CONFIG

LEFT_BY_FORMAT = 0.1  # the most that should be left of the errors once a format is known
PRECISE = 0.99  # the share of answers that must be right among those that coverage counts


@dataclass(frozen=True, slots=True)
class NumberExam:
    """N encoded pictures that a row of a table is about.

    Attributes:
        part: which of the pictures that there are these are, in words.
        truths: the digits of each picture, those of all its numbers after each other, without separators; "" where there is no number,
            and any accepted number is wrong.
        goal: what the share that is read right should reach; of pictures without a number, the most that is accepted.
        coverage: what share should be answered so surely that PRECISE of the answers are right, None where that is not measured.
        form: a format that all numbers obey, by which they are read a second time; "" where none is known.
    """

    name: str
    part: str
    files: Sequence[bytes]
    truths: Sequence[str]
    goal: float | None
    coverage: float | None = None
    form: str = ""

    @property
    def is_error(self) -> bool:
        return not any(self.truths)


@dataclass(frozen=True, slots=True)
class NumberReadings:
    """What was read in N pictures.

    Attributes:
        texts: the numbers of each picture, between them a space.
        digits: the digits of all numbers.
        accepted: (N,), whether there is a number and all are accepted.
        confidences: (N,), of the least sure number, 0 where there is none.
    """

    texts: list[str]
    digits: list[str]
    accepted: NDArray[np.bool_]
    confidences: NDArray[np.float64]


class NumberPictures:
    """Reads encoded pictures as a worker does that serves numbers."""

    def __init__(self, weights: Path) -> None:
        """Raises CardError or SettingsError."""
        check_card(weights)
        self.settings = Settings.read(MODEL_CONFIG)
        self.recogniser = NumbersReader().load(weights, self.settings, None)

    def read(self, files: Sequence[bytes], form: str = "") -> NumberReadings:
        """What is read in pictures, of which the format `form` is known."""
        numbers = [found.numbers if (found := self.transcript(file, form)) else () for file in files]
        return NumberReadings(
            [" ".join(number.text for number in each) for each in numbers],
            ["".join(digits_of(number.text) for number in each) for each in numbers],
            np.array([bool(each) and all(not number.reason for number in each) for each in numbers], dtype=np.bool_),
            np.array([min((number.confidence for number in each), default=0.0) for each in numbers]),
        )

    def transcript(self, file: bytes, form: str = "") -> Transcript | None:
        """The numbers of a picture; None where it is refused."""
        limits = self.settings.limits
        try:
            picture = READER.open_file(file, limits, Allowance(limits.request_pixels))
            given = READER.prepare(picture, READER.parse_hints(Hints(form)))
        except DigitError:
            return None
        (result,) = self.recogniser.read([given], inf)
        return None if isinstance(result, DigitError) else result


def wrong(exam: NumberExam, readings: NumberReadings) -> NDArray[np.bool_]:
    """Of each picture whether it is read wrong, (N,)."""
    if exam.is_error:
        return readings.accepted
    return np.array([read != truth for read, truth in zip(readings.digits, exam.truths, strict=True)], dtype=np.bool_)


def figures(exam: NumberExam, readings: NumberReadings) -> list[Figure]:
    """The lines of the table about an exam."""
    is_wrong = wrong(exam, readings)
    failed, count = float(np.mean(is_wrong)) if len(is_wrong) else 0.0, len(exam.files)
    if exam.is_error:
        return [Figure(exam.name, exam.part, failed, count, exam.goal, is_error=True)]
    unaccepted = float(np.mean(~readings.accepted))
    found = [Figure(exam.name, exam.part, 1 - failed, count, exam.goal, unaccepted=unaccepted)]
    if exam.coverage is not None:
        found.append(
            Figure(
                f"{exam.name}: answered at {PRECISE:.0%} right", exam.part, coverage(is_wrong, readings.confidences), count, exam.coverage
            )
        )
    return found


def left_by_format(exam: NumberExam, is_wrong: NDArray[np.bool_], with_format: NumberReadings) -> Figure:
    """What share of the errors are left once the exam's format is known."""
    left = int(wrong(exam, with_format).sum()) / max(1, int(is_wrong.sum()))
    return Figure(f"{exam.name}: errors left with {exam.form}", exam.part, left, len(exam.files), LEFT_BY_FORMAT, is_error=True)


def coverage(is_wrong: NDArray[np.bool_], confidences: NDArray[np.float64]) -> float:
    """The largest share of the answers, the surest ones, of which PRECISE are right."""
    order = np.argsort(-confidences, kind="stable")
    right = np.cumsum(~is_wrong[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(right >= PRECISE)
    return float((enough[-1] + 1) / len(order)) if len(enough) else 0.0
