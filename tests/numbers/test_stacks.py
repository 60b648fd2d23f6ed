"""Digits one under the other: when they are one number, and where that is."""

from collections.abc import Sequence

import numpy as np
import pytest

from digitkit.contract import Picture
from digitkit.readers.numbers.finder import Found
from digitkit.readers.numbers.number import Character, Number, Quad, View
from digitkit.readers.numbers.pages.stacks import with_stacks
from digitkit.readers.numbers.strips import FILL, MARGIN

PAGE = np.full((400, 300), 250, dtype=np.uint8)
TALL = 20.0  # of a digit


def found_at(x: float, y: float, tall: float = TALL) -> Found:
    """A line with one digit, with the room around it."""
    half = np.array([(0.6 + 2 * MARGIN) * tall, tall / FILL]) / 2
    return Found((np.array([x, y]) + half * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])).astype(np.float32))


def read_as(text: str, quad: Quad = ((0, 0),) * 4) -> list[Number]:
    wide = quad[1][0] - quad[0][0]
    characters = tuple(
        Character(
            sign, 0.9, tuple((quad[0][0] + wide * (i + across) / len(text), y) for across, (_, y) in zip((0, 1, 1, 0), quad, strict=True))
        )
        for i, sign in enumerate(text)
    )
    view = View(np.zeros((32, 96), dtype=np.uint8), 96, np.array([[1.0, 0, 0], [0, 1.0, 0]]))
    return [Number(text, int(text), 0.8, "", quad, characters, view=view)]


def joined(places: Sequence[tuple[float, float]], digits: str, row_reads: str | None = None, tall: Sequence[float] = ()) -> list[list[str]]:
    """What is read in each line once the stacks of a page are known; a row of tiles reads as told, or as the digits."""
    heights = tall or [TALL] * len(places)
    lines = [found_at(x, y, height) for (x, y), height in zip(places, heights, strict=True)]
    result = with_stacks(PAGE, lines, [read_as(digit) for digit in digits], lambda row: read_as(row_reads or digits))
    return [[number.text for number in numbers] for numbers in result]


def test_digits_one_under_the_other_are_one_number_in_the_place_of_the_first() -> None:
    assert joined([(50, 40), (51, 70), (49, 100)], "936") == [["936"], [], []]


@pytest.mark.parametrize(
    ("places", "digits"),
    [
        ([(50, 40), (50, 70)], "93"),
        ([(50, 40), (50, 70), (50, 100)], "345"),
        ([(50, 40), (50, 70), (80, 100)], "936"),
        ([(50, 40), (50, 70), (50, 130)], "936"),
        ([(50, 40), (50, 55), (50, 70)], "936"),
        ([(50, 40), (50, 70), (50, 100), (200, 71)], "9361"),
    ],
    ids=["two", "a count", "aside", "uneven", "overlapping", "a table"],
)
def test_other_digits_stay_numbers_of_their_own(places: list[tuple[float, float]], digits: str) -> None:
    assert joined(places, digits) == [[digit] for digit in digits]


def test_digits_of_unlike_heights_stay_numbers_of_their_own() -> None:
    assert joined([(50, 40), (50, 75), (50, 110)], "936", tall=(20, 30, 20)) == [["9"], ["3"], ["6"]]


def test_where_a_row_of_them_reads_otherwise_each_digit_stays() -> None:
    assert joined([(50, 40), (50, 70), (50, 100)], "936", row_reads="93") == [["9"], ["3"], ["6"]]


def test_a_number_far_away_in_the_same_rows_is_no_table() -> None:
    assert joined([(50, 40), (50, 70), (50, 100), (290, 71)], "9361", row_reads="936") == [["936"], [], [], ["1"]]


def test_the_row_shows_each_digit_and_places_are_those_in_the_page() -> None:
    page, seen = PAGE.copy(), list[Picture]()
    for y in (40, 70, 100):
        page[y - 10 : y + 10, 45:55] = y

    def read_line(row: Picture) -> list[Number]:
        seen.append(row)
        tall, wide = row.shape
        return read_as("936", ((0.0, 0.0), (float(wide), 0.0), (float(wide), float(tall)), (0.0, float(tall))))

    lines = [found_at(50, y) for y in (40, 70, 100)]
    (number,) = with_stacks(page, lines, [read_as(digit) for digit in "936"], read_line)[0]
    (row,) = seen
    assert [int(part[row.shape[0] // 2, part.shape[1] // 2]) for part in np.array_split(row, 3, axis=1)] == [40, 70, 100]
    middles = [np.mean(character.quad, axis=0) for character in number.characters]
    assert np.array(middles) == pytest.approx(np.array([(50, 40), (50, 70), (50, 100)]), abs=1)
    assert (np.min(number.quad, axis=0)[1], np.max(number.quad, axis=0)[1]) == pytest.approx(
        (40 - TALL / FILL / 2, 100 + TALL / FILL / 2), abs=1
    )
    assert number.view is not None
    assert number.view.to_picture @ (row.shape[1] / 2, row.shape[0] / 2, 1) == pytest.approx((50, 70), abs=1)
