"""Documents through the handler: their numbers by page and place, in every form of an answer, and what an answer that breaks off says."""

import base64
import csv
import io
import json
import time
from math import inf
from typing import Any

import numpy as np
import pytest
from asked_numbers import REST, Ask, ask
from doors import encode, tensors
from lines import Spelling, spelled
from made_documents import dicom, pdf, scanned, tiff, written
from numpy.typing import NDArray
from PIL import Image

from digitkit.contract import Picture
from digitkit.documents.document import Document, DocumentPage, PageText
from digitkit.errors import DigitError
from digitkit.pictures.allowance import Allowance
from digitkit.reader import Hints
from digitkit.readers.numbers.finder import Found
from digitkit.readers.numbers.formats.format import Format
from digitkit.readers.numbers.number import LineBackend, Transcript
from digitkit.readers.numbers.pages.file_text import numbers_in_text
from digitkit.readers.numbers.pages.page_reading import turn_of
from digitkit.readers.numbers.reader import READER, LineReader
from digitkit.readers.numbers.transcribe import Terms
from digitkit.settings import Settings

__all__ = ["ask"]  # a fixture of another file

TWO = pdf(written((72, 700, "Total 1.234,50"), (72, 650, "of 12.05.2024")), written((300, 400, "page 2 of 2")))


def texts(answer: Any) -> list[tuple[int, str]]:
    assert answer.status == 200, answer.body
    return [(each["page"], each["text"]) for each in json.loads(answer.body)["numbers"]]


def test_numbers_of_a_pdf_stand_with_their_pages_as_the_file_says_them(ask: Ask) -> None:
    told = json.loads(ask(TWO).body)
    assert [(each["page"], each["text"], each["value"]) for each in told["numbers"]] == [
        (1, "1.234,50", 1234.5),
        (1, "12.05.2024", None),
        (2, "2", 2),
        (2, "2", 2),
    ]
    assert {each["confidence"] for each in told["numbers"]} == {1.0}
    assert told["pages"] == [{"page": page, "width": 1240, "height": 1754, "dpi": 150.0} for page in (1, 2)]
    (left, top), _, (right, bottom), _ = told["numbers"][0]["quad"]
    assert (left, bottom) == pytest.approx(((72 + 30.7) * 150 / 72, (842 - 700) * 150 / 72), abs=8)
    assert (right - left, bottom - top) == pytest.approx((98, 22), abs=8)


def test_a_format_is_asked_of_what_the_file_says_too(ask: Ask) -> None:
    numbers = json.loads(ask(TWO, REST | {"x-format": "date"}).body)["numbers"]
    assert [each.get("reason") for each in numbers] == ["breaks_format", None, "breaks_format", "breaks_format"]


@pytest.mark.parametrize(
    "make", [lambda a, b: tiff(a, b), lambda a, b: scanned(a, b), lambda a, b: dicom(np.stack([a, b]))], ids=["tiff", "pdf", "dicom"]
)
def test_pages_without_text_are_read_by_the_net(make: Any, ask: Ask) -> None:
    first, second = (np.kron(spelled(text), np.ones((4, 4), dtype=np.uint8)) for text in ("2041", "5817"))
    found = texts(ask(make(first, second)))
    assert [page for page, _ in found] == [1, 2] or make(first, second)[128:132] == b"DICM"  # whose levels are stretched
    if make(first, second).startswith(b"II"):
        assert found == [(1, "2041"), (2, "5817")]


def test_the_pages_that_are_asked_for_are_read_alone(ask: Ask) -> None:
    three = tiff(*(spelled(text) for text in ("12", "34", "56")))
    for asked, expected in {"2": [2], "2-": [2, 3], "1-2": [1, 2], "3-99": [3], "": [1, 2, 3]}.items():
        told = json.loads(ask(three, REST | {"x-page": asked}).body)
        assert [each["page"] for each in told["pages"]] == [each["page"] for each in told["numbers"]] == expected
    for refused in ("0", "4", "x", "2-1", "-1", "1-2-3", "9" * 9):
        answer = ask(three, REST | {"x-page": refused})
        assert (answer.status, json.loads(answer.body)["type"]) == (400, "BadRequest")


def test_a_table_has_page_and_place_and_a_drawing_is_of_the_page_that_is_asked_for(ask: Ask) -> None:
    rows = list(csv.DictReader(io.StringIO(ask(TWO, REST | {"accept": "text/csv"}).body.decode())))
    assert [(row["page"], row["text"]) for row in rows] == [("1", "1.234,50"), ("1", "12.05.2024"), ("2", "2"), ("2", "2")]
    assert all(float(row["x1"]) < float(row["x2"]) for row in rows)
    drawn = [np.asarray(Image.open(io.BytesIO(ask(TWO, REST | {"accept": "image/png", "x-page": page}).body))) for page in ("1", "2")]
    green = [np.argwhere((picture == (0, 140, 60)).all(axis=2)).mean(axis=0)[0] / len(picture) for picture in drawn]
    assert (green[0] < 0.25, green[1] > 0.45) == (True, True)


def test_tensors_and_lists_take_documents_as_they_take_pictures(ask: Ask) -> None:
    data = base64.b64encode(TWO).decode()
    listed = json.loads(ask({"instances": [{"data": data, "page": 2}, data]}).body)["predictions"]
    assert [len(each["numbers"]) for each in listed] == [2, 4]
    body = {"inputs": [{"name": "x", "datatype": "BYTES", "shape": [1], "data": [data]}], "parameters": {"page": "1"}}
    told = tensors(json.loads(ask(body).body))
    assert (told["text"], [page["page"] for page in json.loads(told["pages"][0])]) == (["1.234,50"], [1])


def test_a_page_that_cannot_be_read_says_so_in_its_place(ask: Ask) -> None:
    one = spelled("2041")
    data = bytearray(tiff(one, one, one))
    data[len(data) // 2 - 60 : len(data) // 2] = b"\xff" * 60
    told = json.loads(ask(bytes(data)).body)
    kinds = [page.get("error", {}).get("type", "") for page in told["pages"]]
    assert len(kinds) == 3
    assert [each["page"] for each in told["numbers"]] == [i for i, kind in enumerate(kinds, start=1) if not kind]


def test_an_empty_page_of_a_document_is_no_error(ask: Ask) -> None:
    white = np.full((40, 100), 255, dtype=np.uint8)
    told = json.loads(ask(tiff(white, spelled("12"))).body)
    assert ([each["page"] for each in told["numbers"]], len(told["pages"])) == ([2], 2)
    assert json.loads(ask(pdf(b"")).body)["reason"] == "no_number"


def pages_of(count: int, seconds: float) -> Document:
    """A document whose pages take so long to open."""

    def opened(index: int, deadline: float) -> DocumentPage:
        time.sleep(seconds)
        return DocumentPage(spelled(str(index + 1)))

    return Document(count, opened)


def test_a_document_that_takes_too_long_says_which_pages_it_has(ask: Ask) -> None:
    reader = LineReader(LineBackend(Spelling(), "cpu"), Terms(0.8), seconds=0.3)
    known = READER.parse_hints(Hints())
    found, other = reader.read([READER.prepare(pages_of(9, 0.1), known), READER.prepare(pages_of(2, 0.0), known)], inf)
    assert isinstance(found, Transcript)
    assert isinstance(other, Transcript)
    told = json.loads(READER.to_json(found))
    read = [page["page"] for page in told["pages"] if "error" not in page]
    assert 1 <= len(read) <= 4
    assert read == [each["page"] for each in told["numbers"]]
    errors = [page["error"] for page in told["pages"] if "error" in page]
    assert len(read) + len(errors) == 9
    assert (errors[0]["code"], errors[0]["type"]) == (503, "Overloaded")
    assert f"ask for the pages from {read[-1] + 1} on" in errors[0]["message"]
    assert [number.page for number in other.numbers] == [1, 2]


def test_after_the_batchs_deadline_no_page_is_opened() -> None:
    reader = LineReader(LineBackend(Spelling(), "cpu"), Terms(0.8))
    (found,) = reader.read([READER.prepare(pages_of(3, 0.0), READER.parse_hints(Hints()))], time.perf_counter() - 1)
    assert isinstance(found, DigitError)
    assert found.status == 503


def test_documents_are_read_in_turns_a_page_of_each_at_a_time() -> None:
    order: list[tuple[str, int]] = []

    def document(name: str, count: int) -> Document:
        def opened(index: int, deadline: float) -> DocumentPage:
            order.append((name, index))
            return DocumentPage(spelled("1"))

        return Document(count, opened)

    reader, known = LineReader(LineBackend(Spelling(), "cpu"), Terms(0.8)), READER.parse_hints(Hints())
    reader.read([READER.prepare(document(name, count), known) for name, count in (("a", 3), ("b", 1))], inf)
    assert order == [("a", 0), ("b", 0), ("a", 1), ("a", 2)]


def found_at(*quads: list[list[float]]) -> Any:
    return lambda picture: [Found(np.array(quad, dtype=np.float32)) for quad in quads]


def page_of_lines() -> Picture:
    page = np.full((400, 300), 250, dtype=np.uint8)
    page[40:72, 20 : 20 + spelled("12").shape[1]] = spelled("12")
    page[200:232, 100 : 100 + spelled("345").shape[1]] = spelled("345")
    return page


def box(left: float, top: float, right: float, bottom: float) -> list[list[float]]:
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


FIRST, SECOND = box(20, 40, 40, 72), box(100, 200, 128, 232)


def test_lines_that_are_found_on_a_page_are_read_each_by_itself_where_they_are() -> None:
    reader = LineReader(LineBackend(Spelling(), "cpu"), Terms(0.8), finder=found_at(FIRST, SECOND))
    given = READER.prepare(Document(1, lambda index, deadline: DocumentPage(page_of_lines())), READER.parse_hints(Hints()))
    (found,) = reader.read([given], inf)
    assert isinstance(found, Transcript)
    assert [number.text for number in found.numbers] == ["12", "345"]
    for number, quad in zip(found.numbers, (FIRST, SECOND), strict=True):
        assert np.mean(number.quad, axis=0) == pytest.approx(np.mean(quad, axis=0), abs=3)


def test_a_line_that_the_file_holds_as_text_is_not_read_again() -> None:
    text = PageText("12", np.array([(20, 40, 29, 72), (30, 40, 40, 72)], dtype=np.float32))
    reader = LineReader(LineBackend(Spelling(), "cpu"), Terms(0.8), finder=found_at(FIRST, SECOND))
    given = READER.prepare(Document(1, lambda index, deadline: DocumentPage(page_of_lines(), None, text)), READER.parse_hints(Hints()))
    (found,) = reader.read([given], inf)
    assert isinstance(found, Transcript)
    assert [(number.text, number.view is None) for number in found.numbers] == [("12", True), ("345", False)]


def test_a_page_is_searched_without_the_text_that_the_file_holds(settings: Settings) -> None:
    searched: list[Picture] = []
    reader = LineReader(LineBackend(Spelling(), "cpu"), Terms(0.8), finder=lambda picture: [*map(searched.append, [picture])][1:])
    ruled = written((72, 700, "Total 1.234,50")) + b"72 400 200 4 re f\n"
    known = READER.parse_hints(Hints())
    (found,) = reader.read([READER.prepare(READER.open_file(pdf(ruled), settings.limits, Allowance(0, pages=1)), known)], inf)
    assert isinstance(found, Transcript) and [number.text for number in found.numbers] == ["1.234,50"]
    rows = np.flatnonzero((searched[0] < 128).any(axis=1))
    assert (rows.min(), rows.max()) == pytest.approx(((842 - 404) * 150 / 72, (842 - 400) * 150 / 72), abs=2)


@pytest.mark.parametrize(("degrees", "expected"), [(0, 0), (7, 0), (90, 90), (180, 180), (-90, 270), (-45.5, 270)])
def test_the_turn_of_a_page_is_that_of_its_writing(degrees: float, expected: int) -> None:
    ahead = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))]) * 50
    down = np.array([-ahead[1], ahead[0]]) / 5
    quad = tuple((float(x), float(y)) for x, y in ((0, 0), ahead, ahead + down, down))
    assert turn_of([quad, quad]) == expected
    assert turn_of([]) == 0


def laid(text: str, across: float = 10) -> PageText:
    """A text whose signs are so many pixels apart, in lines."""
    boxes: list[tuple[float, float, float, float]] = []
    x = y = 0.0
    for sign in text:
        boxes.append((x, y, x + 8, y + 12))
        x, y = (0.0, y + 20) if sign == "\n" else (x + across, y)
    return PageText(text, np.array(boxes, dtype=np.float32))


WRITTEN: dict[str, list[str]] = {
    "Total: 1.234,50 EUR": ["1.234,50"],
    "12.05.2024 14:30": ["12.05.2024", "14:30"],
    "4539 1488 0343 6467": ["4539 1488 0343 6467"],
    "1\u202f234,50": ["1 234,50"],
    "\u2212 5": ["5"],
    "\u22125,00": ["-5,00"],
    "in 2024.": ["2024"],
    "INV-2031": ["2031"],
    "(-2031)": ["-2031"],
    "12\n34": ["12", "34"],
    "9\ufffd\ufffd and 7": ["7"],
    "A4, no number - none": ["4"],
    "..., - / :": [],
    "\u0663\u0664": [],
}


@pytest.mark.parametrize(("text", "expected"), WRITTEN.items(), ids=ascii)
def test_numbers_in_text_begin_and_end_where_people_end_them(text: str, expected: list[str]) -> None:
    numbers = numbers_in_text(laid(text), Format(), 3)
    assert [number.text for number in numbers] == expected
    assert {number.page for number in numbers} <= {3}
    assert all("".join(character.text for character in number.characters) == number.text for number in numbers)


def test_cells_of_a_table_are_numbers_of_their_own() -> None:
    text = laid("12 34")
    apart = text.boxes.copy()
    apart[3:, [0, 2]] += 60
    assert [number.text for number in numbers_in_text(PageText(text.signs, apart), Format(), 1)] == ["12", "34"]


def test_a_number_that_stands_upright_on_its_side_is_framed_in_its_direction() -> None:
    text = laid("123")
    upward = text.boxes[:, [1, 0, 3, 2]] * np.float32([1, -1, 1, -1]) + 100
    boxes: NDArray[np.float32] = np.hstack([np.minimum(upward[:, :2], upward[:, 2:]), np.maximum(upward[:, :2], upward[:, 2:])])
    (number,) = numbers_in_text(PageText("123", boxes), Format(), 1)
    assert turn_of([number.quad]) == 270


def test_an_explanation_of_what_was_not_looked_at_is_refused(ask: Ask) -> None:
    answer = ask(TWO, REST | {"explain": "True"})
    assert (answer.status, json.loads(answer.body)["type"]) == (400, "BadRequest")
    seen = ask(tiff(spelled("12"), spelled("34")), REST | {"explain": "True", "x-target": "1.0"})
    assert json.loads(seen.body)["text"] == "3"


def test_a_picture_may_be_asked_for_its_only_page(ask: Ask) -> None:
    assert texts(ask(encode(spelled("12")), REST | {"x-page": "1"})) == [(1, "12")]
    assert ask(encode(spelled("12")), REST | {"x-page": "2"}).status == 400
