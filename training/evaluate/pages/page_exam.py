"""Pictures with several numbers, and what share of them is found, what share is read right, and how much is read that is not there."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Picture
from digitkit.readers.numbers.finder import Found
from digitkit.readers.numbers.number import Number, digits_of
from training.evaluate.exams.exam import Figure
from training.evaluate.lines.number_exam import NumberPictures

FALSE = 0.5  # most numbers for each page that are accepted and not there
OVERLAP = 0.5  # a number is found where a line shares this much of the union with it, or has its middle


@dataclass(frozen=True, slots=True)
class Wanted:
    """A number that should be read in a picture.

    Attributes:
        digits: any of these readings is right.
        quad: its corners (4, 2) in pixels, None where they are not known.
    """

    digits: tuple[str, ...]
    quad: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class PageExam:
    """N encoded pictures that rows of a table are about.

    Attributes:
        part: which of the pictures that there are these are, in words.
        wanted: what should be read in each picture.
        goal: what the share that is read right should reach: of the numbers where `by_number`, otherwise of the pictures.
        is_complete: whether nothing else is in the pictures, so that every other accepted number is false.
        in_words: whether what is wanted are the words of a page, of which a number may have several: `312/`, `426-`, `8000`.
    """

    name: str
    part: str
    files: Sequence[bytes]
    wanted: Sequence[Sequence[Wanted]]
    goal: float
    by_number: bool = False
    is_complete: bool = False
    in_words: bool = False


@dataclass(frozen=True, slots=True)
class PageReading:
    """What was found and read in a picture."""

    found: Sequence[Found]
    numbers: Sequence[Number]


class PagePictures(NumberPictures):
    """Reads encoded pictures as a worker does that serves numbers, and keeps what its finder found."""

    def __init__(self, weights: Path) -> None:
        """Raises CardError, SettingsError, or ValueError where no finder lies beside the weights."""
        super().__init__(weights)
        if self.recogniser.finder is None:
            raise ValueError(f"no finder{weights.suffix} lies beside {weights}: without one every picture is one line")
        self.finder, self.found = self.recogniser.finder, list[Found]()
        self.recogniser = replace(self.recogniser, finder=self._find)

    def reading(self, file: bytes) -> PageReading:
        """The numbers of a picture: those of its one line, or of all lines that the finder finds."""
        self.found = []
        transcript = self.transcript(file)
        return PageReading(self.found, transcript.numbers if transcript else ())

    def _find(self, picture: Picture) -> list[Found]:
        self.found = self.finder(picture)
        return self.found


def figures(exam: PageExam, readings: Sequence[PageReading]) -> list[Figure]:
    """The lines of the table about an exam."""
    pairs = [*zip(exam.wanted, readings, strict=True)]
    right = [read_right(wanted, reading) for wanted, reading in pairs]
    numbers = sum(map(len, exam.wanted))
    if exam.by_number:
        rows = [Figure(f"{exam.name}: read right", exam.part, sum(map(sum, right)) / numbers, numbers, exam.goal)]
    else:
        rows = [Figure(f"{exam.name}: all read right", exam.part, float(np.mean([all(each) for each in right])), len(right), exam.goal)]
    if exam.in_words:
        joined = sum(sum(words_right(wanted, reading)) for wanted, reading in pairs)
        rows.append(Figure(f"{exam.name}: in numbers read right", exam.part, joined / numbers, numbers, None))
    placed = [(each, reading) for wanted, reading in pairs for each in wanted if each.quad is not None]
    if placed:
        share = sum(is_found(each.quad, reading.found) for each, reading in placed if each.quad is not None) / len(placed)
        rows.append(Figure(f"{exam.name}: found", exam.part, share, len(placed), None))
    if exam.is_complete:
        accepted = sum(sum(number.accepted for number in reading.numbers) for reading in readings)
        told = sum(sum(accepted_right(wanted, reading)) for wanted, reading in pairs)
        false = (accepted - told) / len(pairs)
        rows.append(Figure(f"{exam.name}: accepted and false, for each page", exam.part, false, len(pairs), FALSE, is_error=True))
    return rows


def read_right(wanted: Sequence[Wanted], reading: PageReading) -> list[bool]:
    """Of each wanted number whether it was read, each reading counting once."""
    left = [digits_of(number.text) for number in reading.numbers]
    return [_take(left, each.digits) for each in wanted]


def accepted_right(wanted: Sequence[Wanted], reading: PageReading) -> list[bool]:
    """Of each wanted number whether it was read and accepted."""
    left = [digits_of(number.text) for number in reading.numbers if number.accepted]
    return [_take(left, each.digits) for each in wanted]


def words_right(wanted: Sequence[Wanted], reading: PageReading) -> list[bool]:
    """Of each wanted word whether it was read, by itself or with those beside it as one number whose digits are theirs in a row."""
    right, left = [False] * len(wanted), list[str]()
    for number in reading.numbers:
        quad = np.array(number.quad, dtype=np.float32)
        along = quad[1] - quad[0]
        inside = [
            (float(middle @ along), i)
            for i, each in enumerate(wanted)
            if each.quad is not None and _holds(quad, middle := each.quad.mean(axis=0))
        ]
        own = [i for _, i in sorted(inside)]
        if own and "".join(wanted[i].digits[0] for i in own) == number.digits:
            for i in own:
                right[i] = True
        else:
            left.append(number.digits)
    return [done or _take(left, each.digits) for done, each in zip(right, wanted, strict=True)]


def _holds(quad: NDArray[np.float32], point: NDArray[np.float32]) -> bool:
    return cv2.pointPolygonTest(quad, (float(point[0]), float(point[1])), False) >= 0


def _take(left: list[str], digits: Sequence[str]) -> bool:
    """Take one of several readings out of those that are left; whether there was one."""
    for each in digits:
        if each in left:
            left.remove(each)
            return True
    return False


def is_found(quad: NDArray[np.float32], found: Sequence[Found]) -> bool:
    """Whether a line was found where a number is."""
    middle, area = quad.mean(axis=0), cv2.contourArea(quad)
    for each in found:
        if _holds(each.quad, middle):
            return True
        shared = cv2.intersectConvexConvex(quad, each.quad)[0]
        if shared > OVERLAP * (area + cv2.contourArea(each.quad) - shared):
            return True
    return False
