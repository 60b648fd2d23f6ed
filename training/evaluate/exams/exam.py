"""Pictures with their right answers, and what share of them is read right: one row of a table."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from digitkit.readers.digits.digit import LABELS
from training.evaluate.picture_reader import PictureReader, Readings

WIDTH = 140  # of the table, in characters, which is wider than a console that is none is taken for


@dataclass(frozen=True, slots=True)
class Exam:
    """N encoded pictures that a row of a table is about.

    Attributes:
        part: which of the pictures that there are these are, in words; "" for all of them.
        truths: (N,), the digit; or NO_DIGIT, a label above nine, where no answer should be accepted.
        goal: what the share should reach, None where there is no goal.
        is_error: the row tells the share that fails, which `goal` is the most of; else the share that does not.
        uncut: for each picture an easier one of the same digit. Where given, only those count whose easier one is read right.
    """

    name: str
    part: str
    files: Sequence[bytes]
    truths: NDArray[np.integer]
    goal: float | None
    is_error: bool = False
    uncut: Sequence[bytes] | None = None

    def failed(self, readings: Readings) -> NDArray[np.bool_]:
        """Of each picture whether it is read wrong: another digit, a refusal, or an accepted answer where there is no digit."""
        return np.where(self.truths < len(LABELS), readings.digits != self.truths, readings.accepted)


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table.

    Attributes:
        value: a share, 0 to 1.
        pictures: how many it was measured on.
        goal: the least that `value` should be, or the most where it is an error.
        unaccepted: the share of digits that were refused or not accepted, None where there are no digits.
    """

    name: str
    part: str
    value: float
    pictures: int
    goal: float | None
    is_error: bool = False
    unaccepted: float | None = None

    @property
    def is_reached(self) -> bool:
        if self.goal is None:
            return True
        shown = round(self.value, 4)  # as the table has it, so that no row says that 98.16 % falls short of 98.16 %
        return shown <= self.goal if self.is_error else shown >= self.goal


@dataclass(frozen=True, slots=True)
class ExamResult:
    """An exam, what was read in its pictures, and which of them failed, (N,)."""

    exam: Exam
    readings: Readings
    failed: NDArray[np.bool_]

    def figure(self) -> Figure:
        exam, has_digits = self.exam, self.exam.truths < len(LABELS)
        failed = float(np.mean(self.failed)) if len(self.failed) else 0.0
        unaccepted = float(np.mean(~self.readings.accepted[has_digits])) if has_digits.any() else None
        value = failed if exam.is_error else 1 - failed
        return Figure(exam.name, exam.part, value, len(self.failed), exam.goal, exam.is_error, unaccepted)


def sit(exam: Exam, reader: PictureReader) -> ExamResult:
    """Read an exam's pictures, of exams with easier ones those whose easier one is read right."""
    if exam.uncut is not None:
        known = reader.read(exam.uncut).digits == exam.truths
        files = [file for file, is_known in zip(exam.files, known, strict=True) if is_known]
        exam = Exam(exam.name, exam.part, files, exam.truths[known], exam.goal, exam.is_error)
    readings = reader.read(exam.files)
    return ExamResult(exam, readings, exam.failed(readings))


def show(figures: Iterable[Figure], title: str) -> None:
    """Print the table of figures with their goals beside them."""
    table = Table("set", "of it", "figure", "goal", "digits not accepted", "pictures", title=title)
    for figure in figures:
        reached = "" if figure.goal is None else " ✓" if figure.is_reached else " ✗"
        goal = "" if figure.goal is None else f"{'at most ' if figure.is_error else ''}{figure.goal:.2%}"
        unaccepted = "" if figure.unaccepted is None else f"{figure.unaccepted:.2%}"
        table.add_row(figure.name, figure.part, f"{figure.value:.2%}{reached}", goal, unaccepted, f"{figure.pictures:,}")
    Console(highlight=False, width=WIDTH).print(table)


def write(figures: Iterable[Figure], file: Path) -> None:
    """Leave the figures in a JSON file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([asdict(figure) for figure in figures], indent=2) + "\n")
