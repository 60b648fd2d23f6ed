"""How the eye looks at pictures: again where the digit is small, each in its place, and what it says of the whole picture."""

from collections.abc import Sequence

import numpy as np
import pytest
from eyes import FakeEye, never
from numpy.typing import NDArray

from digitkit.pictures.eye import CHUNK, CLOSER, Sight, see
from digitkit.pictures.look import LOOK_PX, box_of

ONE, NONE, SEVERAL = (0.0, 1.0, 0.0), (1.0, 0.0, 0.0), (0.1, 0.2, 0.7)


def night(side: int, digit: int) -> NDArray[np.uint8]:
    """A dark square picture with a bright square of `digit` pixels in its middle."""
    picture = np.zeros((side, side), dtype=np.uint8)
    start = (side - digit) // 2
    picture[start : start + digit, start : start + digit] = 255
    return picture


def heights(sights: Sequence[Sight]) -> list[int]:
    return [box_of(sight.ink)[3] for sight in sights]


def test_no_pictures_are_not_looked_at() -> None:
    assert see([], never) == []


def test_a_large_digit_is_looked_at_once_and_a_small_one_again() -> None:
    eye = FakeEye()
    (large, small) = see([night(640, 400), night(640, 100)], eye)
    assert [len(looks) for looks in eye.calls] == [2, 1]
    assert heights([large, small]) == pytest.approx([40, 0.6 * LOOK_PX], abs=4)


def test_a_tiny_digit_is_looked_at_no_more_often_than_is_allowed() -> None:
    eye = FakeEye()
    (sight,) = see([night(4000, 130)], eye)
    assert 2 <= len(eye.calls) <= 1 + CLOSER
    assert heights([sight]) == pytest.approx([0.6 * LOOK_PX], abs=6)


def test_each_picture_has_its_own_sight_whichever_are_looked_at_again() -> None:
    digits = [100, 400, 120, 300, 90, 500]
    together = see([night(640, digit) for digit in digits], FakeEye())
    alone = [see([night(640, digit)], FakeEye())[0] for digit in digits]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_array_equal(one.ink, other.ink)


def test_whether_there_are_several_is_told_by_the_first_look_and_whether_none_by_the_last() -> None:
    (sight,) = see([night(640, 100)], FakeEye(SEVERAL, NONE))
    assert (sight.none, sight.several) == pytest.approx((1.0, 0.7))
    (sight,) = see([night(640, 100)], FakeEye(NONE, SEVERAL))
    assert (sight.none, sight.several) == pytest.approx((0.1, 0.0))


@pytest.mark.parametrize(("none", "several", "one"), [(0.0, 0.0, 1.0), (0.3, 0.2, 0.7), (0.2, 0.9, 0.1), (1.0, 1.0, 0.0)])
def test_one_digit_is_as_likely_as_the_likelier_of_none_and_several_leaves(none: float, several: float, one: float) -> None:
    assert Sight(np.zeros((LOOK_PX, LOOK_PX), dtype=np.uint8), none, several).one == pytest.approx(one)


def test_the_eye_is_asked_in_chunks() -> None:
    eye = FakeEye()
    assert len(see([night(64, 40)] * (2 * CHUNK + 3), eye)) == 2 * CHUNK + 3
    assert [len(looks) for looks in eye.calls] == [CHUNK, CHUNK, 3]


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (400, 1), (3, 2000), (28, 28)])
def test_a_picture_of_any_shape_is_seen(shape: tuple[int, int]) -> None:
    picture = np.zeros(shape, dtype=np.uint8)
    picture[0, shape[1] // 2] = 255
    (sight,) = see([picture], FakeEye())
    assert sight.ink.shape == (LOOK_PX, LOOK_PX)


def test_where_no_ink_is_seen_nothing_is_left_to_look_at() -> None:
    (sight,) = see([night(640, 0)], FakeEye(NONE))
    assert sight.ink.max() == 0
    assert sight.one == 0
