"""From pictures to predictions with the eye: which canvases are read, what is refused and what is not, and why it is not accepted."""

import time
from functools import partial
from math import inf

import numpy as np
import pytest
from eyes import never, trusting
from numpy.typing import NDArray

from digitkit.contract import Run
from digitkit.errors import BlankPicture, DigitError, Overloaded
from digitkit.pictures.eye import Eye, Sight
from digitkit.pictures.look import LOOK_PX
from digitkit.readers.digits import recognise as module
from digitkit.readers.digits.canvas import NARROWED, to_canvases
from digitkit.readers.digits.digit import BOX_PX, Prediction
from digitkit.readers.digits.recognise import SLICE, Given, prepare, recognise, seen_canvas

Digits = NDArray[np.uint8]
Kinds = tuple[float, float, float]
PAPER = 255


def page(digit: Digits, margin: int = 20) -> NDArray[np.uint8]:
    """A light page with a dark digit."""
    return np.uint8(PAPER) - np.pad(digit, margin)


def sure(canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A model that takes whatever it sees for a 7."""
    return np.tile(np.array([0] * 7 + [12] + [0] * 2, dtype=np.float32), (len(canvases), 1))


def doubtful(canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A model that takes nothing for a digit."""
    return np.full((len(canvases), 10), -9, dtype=np.float32)


def saying(*kinds: Kinds) -> Eye:
    """An eye that says this of the pictures, in turn, and sees a box of ink that fills most of each look."""

    def eye(looks: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        inks = np.zeros_like(looks)
        inks[:, 8:56, 16:48] = 255
        return inks, np.array([kinds[i % len(kinds)] for i in range(len(looks))], dtype=np.float32)

    return eye


def read(picture: NDArray[np.uint8], eye: Eye, *, run: Run = sure, min_score: float = 0.7) -> Prediction | DigitError:
    (answer,) = recognise([prepare(picture)], run, eye, min_score)
    return answer


@pytest.mark.parametrize(
    ("kinds", "reason"),
    [
        ((0.0, 1.0, 0.0), ""),
        ((0.0, 0.3, 0.7), "several_digits"),
        ((0.9, 0.1, 0.0), "no_digit"),
        ((0.7, 0.3, 0.0), "unsure"),
        ((0.05, 0.5, 0.45), ""),
        ((0.45, 0.05, 0.5), "several_digits"),
    ],
)
def test_an_answer_says_why_it_is_not_accepted(kinds: Kinds, reason: str, ten_digits: Digits) -> None:
    answer = read(page(ten_digits[3]), saying(kinds))
    assert isinstance(answer, Prediction)
    assert (answer.digit, answer.accepted, answer.reason) == (7, not reason, reason)
    one, several = 1 - max(kinds[0], kinds[2]), kinds[2]
    assert answer.score == pytest.approx(1 - several if several >= 0.5 else one ** (1 / 3), abs=1e-3)


def test_what_the_model_takes_for_no_digit_is_not_accepted_whatever_the_eye_says(ten_digits: Digits) -> None:
    answer = read(page(ten_digits[3]), saying((0.0, 1.0, 0.0)), run=doubtful)
    assert isinstance(answer, Prediction)
    assert (answer.accepted, answer.reason) == (False, "no_digit")


def test_a_canvas_is_read_as_it_is_and_never_looked_at(ten_digits: Digits) -> None:
    given = [prepare(picture) for picture in (*ten_digits, *(PAPER - ten_digits))]
    assert [len(each.canvases) for each in given] == [1] * 20
    answers = recognise(given, sure, never, 0.6)
    for answer, canvas in zip(answers, [*ten_digits] * 2, strict=True):
        assert isinstance(answer, Prediction)
        np.testing.assert_array_equal(answer.canvas, canvas)


def test_the_likeliest_of_the_rules_canvases_and_the_eyes_is_read(ten_digits: Digits) -> None:
    picture = page(ten_digits[3])
    (by_rules,) = to_canvases(picture)
    by_eye = seen_canvas(Sight(saying((0, 1, 0))(np.zeros((1, LOOK_PX, LOOK_PX), np.uint8))[0][0], 0.0, 0.0), picture)
    for liked in (by_rules, by_eye):
        answer = read(picture, saying((0.0, 1.0, 0.0)), run=partial(likes, liked))
        assert isinstance(answer, Prediction)
        np.testing.assert_array_equal(answer.canvas, liked)


def likes(liked: NDArray[np.uint8], canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The logits of a model that takes one canvas for a 7 and every other for no digit."""
    return np.where((canvases == liked).all(axis=(1, 2))[:, np.newaxis], sure(canvases), doubtful(canvases))


def test_a_picture_of_one_grey_is_refused_before_anybody_looks() -> None:
    for spread in (0, 5):
        picture = np.full((60, 60), PAPER, dtype=np.uint8)
        picture[30, 30] -= spread
        with pytest.raises(BlankPicture, match="no ink: no two pixels"):
            prepare(picture)


@pytest.fixture
def faint(monkeypatch: pytest.MonkeyPatch) -> Given:
    """What is given of a page on which the rules find no ink."""

    def refuse(_: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
        raise BlankPicture("no ink that the rules find")

    monkeypatch.setattr(module, "to_canvases", refuse)
    return prepare(page(np.full((28, 28), 9, dtype=np.uint8)))


@pytest.mark.parametrize("eye", [saying((0.6, 0.4, 0.0)), saying((0.0, 0.4, 0.6)), trusting], ids=["none", "several", "no ink"])
def test_the_rules_refusal_stands_where_the_eye_sees_no_digit_either(eye: Eye, faint: Given) -> None:
    assert recognise([faint], sure, eye, 0.6) == [faint.refusal]
    assert faint.refusal is not None
    assert faint.refusal.status == 422


def test_a_digit_that_the_eye_alone_sees_is_read(faint: Given) -> None:
    (answer,) = recognise([faint], sure, saying((0.1, 0.9, 0.0)), 0.6)
    assert isinstance(answer, Prediction)
    assert (answer.digit, answer.accepted) == (7, True)


def test_where_the_eye_sees_no_ink_the_rules_canvas_is_read(ten_digits: Digits) -> None:
    picture = page(ten_digits[3])
    answer = read(picture, trusting)
    assert isinstance(answer, Prediction)
    np.testing.assert_array_equal(answer.canvas, to_canvases(picture)[0])


def test_each_answer_stands_in_its_place(ten_digits: Digits, faint: Given) -> None:
    given = [Given([ten_digits[3]]), faint, faint._replace(refusal=None, canvases=[ten_digits[1]]), Given([ten_digits[5]])]
    first, second, third, last = recognise(given, sure, saying((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)), 0.6)
    assert isinstance(first, Prediction) and isinstance(last, Prediction) and isinstance(third, Prediction)
    assert second is faint.refusal
    np.testing.assert_array_equal(first.canvas, ten_digits[3])
    np.testing.assert_array_equal(last.canvas, ten_digits[5])
    assert [first.accepted, third.accepted, last.accepted] == [True] * 3


def test_after_the_deadline_what_is_not_looked_at_is_refused_in_its_place_and_canvases_are_read(
    ten_digits: Digits, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([0.0, 1.0, 2.0])  # at the start of each part
    monkeypatch.setattr(time, "perf_counter", lambda: next(times))
    looked_at, canvas = prepare(page(ten_digits[3])), prepare(ten_digits[5])
    answers = recognise([canvas, *[looked_at] * (2 * SLICE + 1), canvas], sure, saying((0.0, 1.0, 0.0)), 0.6, deadline=0.5)
    assert [isinstance(answer, Overloaded) for answer in answers] == [False] * (1 + SLICE) + [True] * (SLICE + 1) + [False]
    assert {answer.status for answer in answers if isinstance(answer, DigitError)} == {503}


def test_with_no_time_at_all_the_eye_is_not_asked(ten_digits: Digits) -> None:
    (answer,) = recognise([prepare(page(ten_digits[3]))], sure, never, 0.6, deadline=time.perf_counter() - 1)
    assert isinstance(answer, Overloaded)
    assert recognise([], sure, never, 0.6, inf) == []


@pytest.mark.parametrize(
    ("shape", "width"), [((16, 16), NARROWED), ((32, 32), NARROWED), ((33, 33), 1.0), ((200, 200), 1.0), ((16, 15), 15 / 16)]
)
def test_a_digit_that_fills_a_small_square_was_stretched_to_it_and_is_narrowed(shape: tuple[int, int], width: float) -> None:
    ink = np.zeros((LOOK_PX, LOOK_PX), dtype=np.uint8)
    ink[:, : LOOK_PX * shape[1] // shape[0]] = 255
    canvas = seen_canvas(Sight(ink, 0.0, 0.0), np.full(shape, PAPER, dtype=np.uint8))
    rows, columns = canvas.any(axis=1).sum(), canvas.any(axis=0).sum()
    assert (rows, columns) == (BOX_PX, round(width * BOX_PX))


def test_a_digit_with_room_around_it_in_a_small_square_keeps_its_shape() -> None:
    ink = np.zeros((LOOK_PX, LOOK_PX), dtype=np.uint8)
    ink[4:60, 4:60] = 255
    canvas = seen_canvas(Sight(ink, 0.0, 0.0), np.full((16, 16), PAPER, dtype=np.uint8))
    assert (canvas.any(axis=1).sum(), canvas.any(axis=0).sum()) == (BOX_PX, BOX_PX)
