"""Lines that a finder found: their digits without the room around them, and what is read beside or across them."""

from collections.abc import Callable
from math import inf

import numpy as np
import pytest
from lines import SHADES, SIGN_PX, Spelling, spelled
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


class Choosy(Spelling):
    """Reads a text at the writing of strips that it likes, and in others another one, with half of the probability for each digit."""

    def __init__(self, likes: Callable[[NDArray[np.uint8]], bool], text: str, otherwise: str) -> None:
        super().__init__()
        self.likes, self.text, self.otherwise = likes, text, otherwise

    def __call__(self, strips: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        liked = np.array([self.likes(strip) for strip in strips])
        texts = np.where(liked, self.text, self.otherwise).tolist()
        logits, extents = super().__call__(np.stack([written_over(strip, text) for strip, text in zip(strips, texts, strict=True)]))
        return np.where(liked[:, None, None], logits, doubted(logits, 0.5)), extents


def written_over(strip: NDArray[np.uint8], text: str) -> NDArray[np.uint8]:
    """Paper with a text in the middle of what is written in a strip."""
    result, written = np.full_like(strip, PAPER), spelled(text)
    inked = np.flatnonzero(np.abs(strip[STRIP_PX // 2].astype(int) - PAPER) > SHADES)
    if len(inked):
        left = int(inked.mean() - written.shape[1] / 2) // SIGN_PX * SIGN_PX
        result[:, left : left + written.shape[1]] = written
    return result


def doubted(logits: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """Logits by which each frame with a digit has that digit with a share of the probability, and nothing otherwise."""
    found, frames = logits.copy(), np.nonzero(logits.argmax(axis=2) < BLANK)
    found[*frames, BLANK] = logits.max() + np.log(1 / share - 1)
    return found


def is_level(strip: NDArray[np.uint8]) -> bool:
    """Whether there is writing in the middle of a strip that goes along it."""
    middle = strip[STRIP_PX // 2 - 2 : STRIP_PX // 2 + 2]
    return bool(np.ptp(middle, axis=0).max() < SHADES < np.ptp(middle))


def has_room(strip: NDArray[np.uint8]) -> bool:
    """Whether there is paper over the writing of a strip."""
    return bool(np.ptp(strip[0]) < SHADES < np.ptp(strip[STRIP_PX // 2]))


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
    ("wide", "degrees", "is_short"),
    [(60, 0, True), (60, 90, True), (140, 20, True), (150, 20, False), (300, 0, False)],
    ids=["level", "upright", "four digits", "five digits", "long"],
)
def test_a_line_of_up_to_four_digits_is_short(wide: float, degrees: float, is_short: bool) -> None:
    assert line((200, 100), wide, 32, degrees).is_short is is_short


@pytest.mark.parametrize("degrees", [0, 30, 180])
def test_room_is_around_a_line_in_its_direction(degrees: float) -> None:
    assert line((70, 40), 60, 30, degrees).with_room().quad == pytest.approx(line((70, 40), 69, 39, degrees).quad, abs=1e-3)


def test_a_line_that_is_shown_upright_is_whole() -> None:
    assert line((70, 40), 60, 30, 90).upright().quad == pytest.approx(line((70, 40), 30, 60, 0).quad, abs=1e-3)
    leaning = line((70, 40), 60, 30, 45)
    assert leaning.upright().quad[[0, 2]] == pytest.approx(np.array([leaning.quad.min(axis=0), leaning.quad.max(axis=0)]), abs=1e-3)


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


def test_a_short_line_that_leans_is_read_upright_where_that_says_more() -> None:
    page, width = page_with("12", 60), spelled("12").shape[1]
    found = line((60 + width / 2, 116), width + 2 * MARGIN * FILL * STRIP_PX, STRIP_PX, 35)
    assert read(page, found, Choosy(is_level, "12", "")) == ["12"]


@pytest.mark.parametrize(("otherwise", "read_as"), [("112", ["12"]), ("", [])], ids=["digits, but not surely", "no digit"])
def test_digits_that_are_not_sure_are_read_with_room_around_them(otherwise: str, read_as: list[str]) -> None:
    page, width = page_with("123456", 20), spelled("123456").shape[1]
    found = line((20 + width / 2, 116), width + 2 * MARGIN * FILL * STRIP_PX, STRIP_PX, 0)
    assert read(page, found, Choosy(has_room, "12", otherwise)) == read_as


class Doubting(Spelling):
    """Doubts all that it reads."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def __call__(self, strips: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        logits, extents = super().__call__(strips)
        return doubted(logits, self.share), extents


@pytest.mark.parametrize(
    ("text", "share", "read_as"),
    [("1357", 0.45, ["1357"]), ("1357", 0.3, []), ("1", 0.45, ["1"])],
    ids=["four, 0.70 each, 0.24 in all", "four, 0.51 each", "one, 0.70"],
)
def test_a_number_counts_by_what_is_thought_of_each_of_its_digits(text: str, share: float, read_as: list[str]) -> None:
    page, width = page_with(text, 40), spelled(text).shape[1]
    found = line((40 + width / 2, 116), width + 2 * MARGIN * FILL * STRIP_PX, STRIP_PX, 0)
    assert read(page, found, Doubting(share)) == read_as
