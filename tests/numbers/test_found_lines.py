"""Lines that a finder found: their digits without the room around them, and what is read beside or across them."""

from math import inf

import numpy as np
import pytest
from lines import SHADES, Spelling, spelled
from numpy.typing import NDArray

from digitkit.contract import Picture
from digitkit.pictures.line import BLANK, STRIP_PX
from digitkit.reader import Hints
from digitkit.readers.numbers.finder import Found
from digitkit.readers.numbers.number import LineBackend
from digitkit.readers.numbers.reader import READER, LineReader
from digitkit.readers.numbers.strips import FILL, MARGIN
from digitkit.readers.numbers.transcribe import Terms

PAPER = 250 - SHADES * BLANK  # the grey level on which a Spelling reads nothing


class LevelSpelling(Spelling):
    """Reads strips whose writing is level, and nothing in others."""

    def __call__(self, strips: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        is_level = np.ptp(strips[:, 8:24], axis=1).max(axis=1) < SHADES
        return super().__call__(np.where(is_level[:, None, None], strips, np.uint8(PAPER)))


def line(middle: tuple[float, float], wide: float, tall: float, degrees: float) -> Found:
    turn = np.radians(degrees)
    ahead, down = wide / 2 * np.array([np.cos(turn), np.sin(turn)]), tall / 2 * np.array([-np.sin(turn), np.cos(turn)])
    corners = [-ahead - down, ahead - down, ahead + down, -ahead + down]
    return Found((np.array(corners) + middle).astype(np.float32))


@pytest.mark.parametrize("degrees", [0, 30, 180])
def test_the_digits_of_a_line_are_without_the_room_of_a_closer_look(degrees: float) -> None:
    tall = 20 / FILL
    with_room = line((100, 50), 80 + 2 * MARGIN * 20, tall, degrees)
    assert with_room.digits == pytest.approx(line((100, 50), 80, 20, degrees).quad, abs=1e-3)


@pytest.mark.parametrize(
    ("wide", "degrees", "leans"),
    [(60, 0, False), (60, 20, True), (60, -45, True), (60, 90, False), (60, 180, False), (300, 20, False)],
    ids=["level", "falling", "rising", "upright", "on its head", "long"],
)
def test_a_short_line_between_level_and_upright_leans(wide: float, degrees: float, leans: bool) -> None:
    assert line((200, 100), wide, 32, degrees).leans is leans


def test_a_line_that_is_made_level_keeps_its_middle_and_its_sides() -> None:
    assert line((70, 40), 60, 30, 25).levelled().quad == pytest.approx(line((70, 40), 60, 30, 0).quad, abs=1e-3)


def read(page: Picture, found: Found, run: Spelling) -> list[str]:
    beside = line((page.shape[1] / 2, page.shape[0] - 20), 30, 20, 0)  # on empty paper: a page has more than one line
    reader = LineReader(LineBackend(run, "cpu"), Terms(0.0), finder=lambda picture: [found, beside])
    (transcript,) = reader.read([READER.prepare(page, READER.parse_hints(Hints()))], inf)
    assert not isinstance(transcript, Exception)
    return [number.text for number in transcript.numbers]


def page_with(text: str, left: int) -> Picture:
    page, strip = np.full((300, 200), PAPER, dtype=np.uint8), spelled(text)
    page[100 : 100 + STRIP_PX, left : left + strip.shape[1]] = strip
    return page


def test_what_stands_in_the_room_beside_a_line_is_no_number_of_it() -> None:
    page, width = page_with("12", 60), spelled("12").shape[1]
    middle = 60 + width / 2
    assert read(page, line((middle, 116), width + 2 * MARGIN * FILL * STRIP_PX, STRIP_PX, 0), Spelling()) == ["12"]
    assert read(page, line((middle + width, 116), width + 2 * MARGIN * FILL * STRIP_PX, STRIP_PX, 0), Spelling()) == []


def test_a_short_line_that_leans_is_read_level_where_that_says_more() -> None:
    page, width = page_with("12", 60), spelled("12").shape[1]
    found = line((60 + width / 2, 116), width + 2 * MARGIN * FILL * STRIP_PX, STRIP_PX, 35)
    assert read(page, found, LevelSpelling()) == ["12"]


class Doubting(Spelling):
    """Takes each of the two frames with a digit for that digit with a share of the probability, and for nothing otherwise."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def __call__(self, strips: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        logits, extents = super().__call__(strips)
        frames = np.nonzero(logits.argmax(axis=2) < BLANK)
        logits[*frames, BLANK] = logits.max() + np.log(1 / self.share - 1)
        return logits, extents


@pytest.mark.parametrize(
    ("text", "share", "read_as"),
    [("1357", 0.45, ["1357"]), ("1357", 0.3, []), ("1", 0.45, ["1"])],
    ids=["four, 0.70 each, 0.24 in all", "four, 0.51 each", "one, 0.70"],
)
def test_a_number_counts_by_what_is_thought_of_each_of_its_digits(text: str, share: float, read_as: list[str]) -> None:
    page, width = page_with(text, 40), spelled(text).shape[1]
    found = line((40 + width / 2, 116), width + 2 * MARGIN * FILL * STRIP_PX, STRIP_PX, 0)
    assert read(page, found, Doubting(share)) == read_as
