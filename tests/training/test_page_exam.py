"""Exams of whole pictures: what counts as found, as read right, and as false."""

import json
from math import inf
from pathlib import Path

import cv2
import numpy as np
import pytest

from digitkit.pictures.codec import encode_png
from digitkit.reader import Hints
from digitkit.readers.numbers.finder import Found
from digitkit.readers.numbers.number import UNSURE, Number, Transcript
from digitkit.readers.numbers.reader import READER
from digitkit.settings import Settings
from training.evaluate.pages.page_exam import (
    PageExam,
    PagePictures,
    PageReading,
    Wanted,
    accepted_right,
    figures,
    is_found,
    read_right,
    words_right,
)  # fmt: skip
from training.evaluate.pages.page_sets import PAGE_SETS
from training.evaluate.real.sets import Arrays
from training.evaluate.served import MODEL_CONFIG

RELEASED = Path(__file__).parents[2] / "training/released"


def number(text: str, reason: str = "", place: tuple[float, float, float, float] = (0, 0, 0, 0)) -> Number:
    corners = tuple((float(x), float(y)) for x, y in quad(*place))
    return Number(text, None, 0.9, reason, corners, ())


def quad(left: float, top: float, right: float, bottom: float) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=np.float32)


def arrays_of(**arrays: list[str]) -> Arrays:
    """A set of two files without content."""
    return {"files": np.zeros(4, dtype=np.uint8), "offsets": np.array([0, 2, 4])} | {name: np.array(each) for name, each in arrays.items()}


def test_a_reading_counts_once_and_separators_do_not_count() -> None:
    wanted = [Wanted(("1250",)), Wanted(("1250",)), Wanted(("7", "8"))]
    assert read_right(wanted, PageReading([], [number("12.50"), number("8")])) == [True, False, True]


def test_the_words_of_a_number_are_right_where_all_of_it_is() -> None:
    wanted = [Wanted(("8000",), quad(80, 0, 130, 20)), Wanted(("312",), quad(0, 0, 40, 20)), Wanted(("426",), quad(44, 0, 78, 20))]
    right, wrong = ([number(text, place=(0, 0, 130, 20))] for text in ("312/426-8000", "312/426-800"))
    assert words_right(wanted, PageReading([], right)) == [True] * 3
    assert words_right(wanted, PageReading([], wrong)) == [False] * 3
    apart = [number("312", place=(0, 0, 40, 20)), number("8000", place=(300, 0, 340, 20)), number("42", place=(44, 0, 78, 20))]
    assert words_right(wanted, PageReading([], apart)) == [True, True, False]
    exam = PageExam("forms", "even", [b""], [wanted], 0.95, by_number=True, in_words=True)
    assert [row.value for row in figures(exam, [PageReading([], right)])] == [0, 1, 0]


def test_only_accepted_readings_are_right_where_false_ones_are_counted() -> None:
    assert accepted_right([Wanted(("7",))], PageReading([], [number("7", UNSURE)])) == [False]


@pytest.mark.parametrize(
    ("line", "found"),
    [(quad(0, 0, 100, 20), True), (quad(45, 5, 55, 15), True), (quad(60, 0, 100, 20), False), (quad(0, 40, 100, 60), False)],
    ids=["the same", "in its middle", "a part", "another"],
)
def test_a_number_is_found_by_a_line_over_its_middle(line: np.ndarray[tuple[int, int], np.dtype[np.float32]], found: bool) -> None:
    assert is_found(quad(0, 0, 100, 20), [Found(line)]) is found


def test_figures_tell_what_is_read_what_is_found_and_what_is_false() -> None:
    wanted = [[Wanted(("12",), quad(0, 0, 50, 20)), Wanted(("34",), quad(0, 30, 50, 50))]]
    reading = PageReading([Found(quad(0, 0, 50, 20))], [number("12"), number("99"), number("55", UNSURE)])
    exam = PageExam("forms", "even", [b""], wanted, 0.97, by_number=True, is_complete=True)
    right, found, false = figures(exam, [reading])
    assert (right.value, right.pictures, right.goal) == (0.5, 2, 0.97)
    assert (found.value, found.pictures) == (0.5, 2)
    assert (false.value, false.is_error) == (1, True)


def test_a_picture_is_right_only_where_all_its_numbers_are() -> None:
    exam = PageExam("screens", "even", [b"", b""], [[Wanted(("1",)), Wanted(("2",))], [Wanted(("3",))]], 0.9)
    (row,) = figures(exam, [PageReading([], [number("1")]), PageReading([], [number("3")])])
    assert (row.value, row.pictures) == (0.5, 2)


def test_litres_are_right_cut_or_rounded_with_any_decimals() -> None:
    (exam,) = PAGE_SETS["fuel_display_143.npz"](arrays_of(labels=["33", "7"]), "development")
    ((wanted,),) = exam.wanted
    assert {"33", "3301", "3399", "3250", "325", "334"} <= set(wanted.digits)
    assert not {"34", "3200", "3400", "3249"} & set(wanted.digits)


def test_forms_know_the_corners_of_each_number() -> None:
    truth = [json.dumps([["1,250.00", [0, 0, 10, 0, 10, 5, 0, 5]]])] * 2
    (exam,) = PAGE_SETS["forms_40.npz"](arrays_of(truth=truth), "quoted")
    ((wanted,),) = exam.wanted
    assert wanted.digits == ("125000",)
    assert wanted.quad is not None and wanted.quad.tolist() == [[0, 0], [10, 0], [10, 5], [0, 5]]


def test_the_sides_of_a_slash_in_a_note_are_one_number() -> None:
    (exam,) = PAGE_SETS["uses_handwritten_notes.npz"](arrays_of(labels=["111\n61", "5"]), "development")
    assert exam.wanted == [[Wanted(("11161",))]]


def test_business_forms_know_the_words_with_digits_and_their_places() -> None:
    arrays = arrays_of(
        labels=["312/\n8000", "7"], boxes=[json.dumps([["312/", 1, 2, 30, 12], ["Tel", 0, 0, 1, 1], ["8000", 32, 2, 60, 12]]), ""]
    )
    (exam,) = PAGE_SETS["uses_forms_dates.npz"](arrays, "development")
    assert [each.digits for each in exam.wanted[0]] == [("312",), ("8000",)]
    assert exam.wanted[0][1].quad is not None
    assert exam.wanted[0][1].quad.tolist() == quad(32, 2, 60, 12).tolist()


def test_of_identity_documents_those_without_boxes_are_whole() -> None:
    (exam,) = PAGE_SETS["uses_id_documents.npz"](arrays_of(labels=["12\n<34", "5"], boxes=["", "[[]]"]), "development")
    assert [[each.digits for each in wanted] for wanted in exam.wanted] == [[("12",), ("34",)]]


def test_a_page_is_read_as_a_worker_reads_it_and_what_the_finder_found_is_kept() -> None:
    page = np.full((500, 700), 240, dtype=np.uint8)
    for y, text in ((120, "1947"), (300, "306.25")):
        cv2.putText(page, text, (200, y), cv2.FONT_HERSHEY_SIMPLEX, 1.2, 20, 3, cv2.LINE_AA)
    pictures = PagePictures(RELEASED / "numbers.pt")
    reading, refused = pictures.reading(encode_png(page)), pictures.reading(b"no picture")
    served = READER.load(RELEASED / "numbers.pt", Settings.read(MODEL_CONFIG), None)
    (transcript,) = served.read([READER.prepare(page, READER.parse_hints(Hints()))], inf)
    assert isinstance(transcript, Transcript)
    assert tuple(reading.numbers) == transcript.numbers
    assert [number.text for number in reading.numbers] == ["1947", "306.25"]
    assert len(reading.found) == 2
    assert refused == PageReading([], ())
