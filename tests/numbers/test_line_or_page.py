"""When a finder is asked about a picture, and when what it finds is read line by line."""

import numpy as np
import pytest

from digitkit.readers.numbers.finder import Found
from digitkit.readers.numbers.line_or_page import is_page, may_be_page
from digitkit.readers.numbers.number import UNSURE, Number

SURE, DOUBTED = (Number("12", 12, 0.9, reason, ((0, 0),) * 4, ()) for reason in ("", UNSURE))


def picture(height: int, width: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    return np.zeros((height, width), dtype=np.uint8)


def found(left: float, top: float, right: float, bottom: float) -> Found:
    return Found(np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=np.float32))


@pytest.mark.parametrize(("height", "width"), [(31, 200), (40, 60), (100, 900)])
def test_a_low_or_a_long_picture_is_a_line_whatever_is_read_in_it(height: int, width: int) -> None:
    assert not may_be_page(picture(height, width), [])


def test_a_wide_picture_whose_line_is_read_surely_is_a_line() -> None:
    assert not may_be_page(picture(100, 300), [SURE])


@pytest.mark.parametrize(
    ("height", "width", "numbers"), [(100, 300, []), (100, 300, [SURE, DOUBTED]), (1754, 1240, [SURE])], ids=["nothing", "doubt", "high"]
)
def test_a_picture_that_may_be_a_page_is_shown_to_the_finder(height: int, width: int, numbers: list[Number]) -> None:
    assert may_be_page(picture(height, width), numbers)


def test_a_picture_in_which_nothing_is_found_is_a_line() -> None:
    assert not is_page(picture(400, 400), [])


def test_a_picture_that_one_level_line_fills_is_a_line() -> None:
    assert not is_page(picture(100, 300), [found(10, 20, 290, 80)])


SMALL, WIDE = found(10, 10, 60, 20), found(10, 20, 290, 80)
ON_ITS_HEAD = Found(WIDE.quad[[2, 3, 0, 1]])


@pytest.mark.parametrize("lines", [[SMALL], [ON_ITS_HEAD], [WIDE, WIDE]], ids=["small", "on its head", "two"])
def test_a_picture_with_a_small_a_turned_or_another_line_is_a_page(lines: list[Found]) -> None:
    assert is_page(picture(100, 300), lines)
