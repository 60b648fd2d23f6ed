"""From pictures to numbers, with a net that reads what a picture spells."""

import time

import numpy as np
import pytest
from lines import Spelling, spelled
from numpy.typing import NDArray

from digitkit.errors import Overloaded
from digitkit.reader import Hints
from digitkit.readers.numbers.looks import SLICE_PX
from digitkit.readers.numbers.number import Transcript
from digitkit.readers.numbers.reader import READER
from digitkit.readers.numbers.transcribe import Asked, Terms, edges_of, transcribe

TERMS = Terms(0.8)


def asked(picture: NDArray[np.uint8], form: str = "") -> Asked:
    given: Asked = READER.prepare(picture, READER.parse_hints(Hints(form)))
    return given


def read(text: str, form: str = "", terms: Terms = TERMS) -> Transcript:
    (found,) = transcribe([asked(spelled(text), form)], Spelling(), terms)
    assert isinstance(found, Transcript)
    return found


@pytest.mark.parametrize(
    ("line", "numbers"),
    [
        ("20417", ["20417"]), ("1.234,56", ["1.234,56"]), ("*20417*12/05/24*", ["20417", "12/05/24"]), ("* 1 234 *", ["1 234"]),
        ("**", []), ("*-*.", []), ("-12.50", ["-12.50"]), ("7*7", ["7", "7"]), ("0" * 50, ["0" * 50]),
    ],
)  # fmt: skip
def test_what_stands_between_other_signs_is_a_number_each(line: str, numbers: list[str]) -> None:
    found = read(line)
    assert [number.text for number in found.numbers] == numbers
    assert all(number.accepted and number.confidence > 0.99 for number in found.numbers)
    assert found.reason == ("" if numbers else "no_number")


def test_a_number_says_its_digits_and_what_it_is_worth() -> None:
    (number,) = read("1.234,56").numbers
    assert (number.digits, number.value) == ("123456", 1234.56)
    (number,) = read("12/05").numbers
    assert (number.digits, number.value) == ("1205", None)


def test_a_number_that_breaks_its_format_is_told_and_not_accepted() -> None:
    (first, second) = read("*20417*12/05/24*", "date").numbers
    assert (first.text, first.accepted, first.reason) == ("20417", False, "breaks_format")
    assert (second.text, second.accepted, second.reason) == ("12/05/24", True, "")


def test_a_number_below_the_threshold_is_unsure() -> None:
    (number,) = read("20417", terms=Terms(1.0)).numbers
    assert (number.accepted, number.reason) == (False, "unsure")
    warm, cool = (read("20417", terms=Terms(0.8, temperature)).numbers[0].confidence for temperature in (2.0, 1.0))
    assert warm == pytest.approx(cool**0.5)


def test_numbers_and_characters_are_where_they_stand_in_the_picture() -> None:
    picture = spelled("*204*")
    (number,) = read("*204*").numbers
    middles = [np.mean([x for x, _ in character.quad]) for character in number.characters]
    assert middles == pytest.approx([14, 22, 30], abs=1)  # each character is 4 columns of 8
    assert {round(y / len(picture), 2) for _, y in number.quad} == {0.1, 0.9}
    assert number.quad[0][0] == pytest.approx(number.characters[0].quad[0][0])
    assert number.quad[1][0] == pytest.approx(number.characters[-1].quad[1][0])


def test_characters_end_where_the_next_begin_and_a_lone_one_is_no_wider_than_a_character() -> None:
    assert edges_of(np.array([10.0, 20.0, 40.0]), 30.0) == pytest.approx([2.5, 15, 30, 47.5])
    assert edges_of(np.array([10.0]), 20.0) == pytest.approx([3.0, 17.0])


def test_an_answer_does_not_depend_on_what_else_is_in_the_batch() -> None:
    lines = ["20417", "*1*2*", "9" * 40, "1", "20417"]
    run = Spelling()
    together = transcribe([asked(spelled(line)) for line in lines], run, TERMS)
    assert together == [read(line) for line in lines]
    assert len({shape[2] for shape in run.calls}) == len(run.calls)  # each width is asked for once


def test_the_net_is_shown_few_columns_at_a_time() -> None:
    run = Spelling()
    transcribe([asked(spelled("2" * 30)) for _ in range(100)], run, TERMS)
    assert all(count * width <= SLICE_PX for count, _, width in run.calls)
    assert sum(count for count, _, _ in run.calls) == 100


def test_after_the_deadline_pictures_are_refused() -> None:
    found = transcribe([asked(spelled("1")), asked(spelled("2"))], Spelling(), TERMS, time.perf_counter() - 1)
    assert [type(each) for each in found] == [Overloaded, Overloaded]


def test_no_pictures_ask_nothing_of_the_net() -> None:
    run = Spelling()
    assert transcribe([], run, TERMS) == []
    assert run.calls == []


def test_a_picture_is_looked_at_three_times_at_most() -> None:
    """The net goes on saying that its text is small, as it does of a page that is full of it."""

    class Small(Spelling):
        def __call__(self, strips: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            logits, extents = super().__call__(strips)
            extents[..., 1] = 0.5
            return logits, extents

    run = Small()
    transcribe([asked(spelled("20417"))], run, TERMS)
    assert len(run.calls) == 3


def test_the_best_number_is_the_surest_that_is_accepted() -> None:
    found = read("*20417*12/05/24*", "date")
    assert found.best is not None
    assert found.best.text == "12/05/24"
    assert read("*").best is None
