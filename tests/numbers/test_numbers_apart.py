"""Numbers with nothing but room between them, and groups of digits that are one number."""

import pytest
from lines import Spelling, spelled

from digitkit.reader import Hints
from digitkit.readers.numbers.apart import places_apart
from digitkit.readers.numbers.number import Transcript
from digitkit.readers.numbers.reader import READER
from digitkit.readers.numbers.transcribe import Terms, transcribe


def numbers(text: str, form: str = "") -> list[tuple[str, str]]:
    """The numbers that are read in a line that spells a text, each with why it is not accepted."""
    given = READER.prepare(spelled(text), READER.parse_hints(Hints(form)))
    (found,) = transcribe([given], Spelling(), Terms(0.8))
    assert isinstance(found, Transcript)
    return [(number.text, number.reason) for number in found.numbers]


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("552.65 13,816.25", ["552.65", "13,816.25"]), ("27, 1984", ["27", "1984"]), ("1: 250", ["1", "250"]),
        ("12/28/80 04:04", ["12/28/80", "04:04"]), ("28.11.2039 7", ["28.11.2039", "7"]), ("12 44.50", ["12", "44.50"]),
        ("0.99 2.79 0.39", ["0.99", "2.79", "0.39"]), ("28 11 2039 01:47", ["28 11 2039", "01:47"]), ("5.50  7", ["5.50", "7"]),
    ],
)  # fmt: skip
def test_a_complete_number_and_what_follows_it_are_two(line: str, parts: list[str]) -> None:
    assert numbers(line) == [(part, "") for part in parts]


@pytest.mark.parametrize(
    "line",
    ["4111 1111 1111 1111", "1 234,56", "24 000.50", "118 / 76", "12. 5. 1984", "305 400-6107", "0221/123 456", "1 3/4", "12 -", "- 12"],
)
def test_groups_of_digits_are_one(line: str) -> None:
    assert places_apart(line) == []


def test_what_obeys_the_format_that_is_asked_for_is_one_number() -> None:
    assert numbers("12. 5 1984", "pattern=[0-9]{2}\\. [0-9] [0-9]{4}") == [("12. 5 1984", "")]
    assert numbers("31 12:30", "pattern=[0-9]{2} [0-9]{2}:[0-9]{2}") == [("31 12:30", "")]
    assert numbers("552.65 816.25", "amount") == [("552.65", ""), ("816.25", "")]
    assert numbers("27, 1984", "length=4") == [("27", "breaks_format"), ("1984", "")]
