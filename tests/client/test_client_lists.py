"""Many pictures through the client: all of them, in order, once, whatever happens on the way."""

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from faked import BROKEN, LATE, QUICK, Asked, Blocking, Concurrent, FakeServer, cut, faked, slow, status

import digits_client
from digits_client import BlankPicture, Digit, Options, PictureError, UnreadablePicture

BOTH = pytest.mark.parametrize("face", [Blocking, Concurrent])
TOO_MUCH = {"code": 413, "type": "TooLarge", "message": "too many pixels"}
SMALL = replace(QUICK, list_pictures=8, lists_in_flight=3)


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    with faked() as server:
        yield server


def pictures(count: int) -> list[bytes]:
    """Pictures that are all different; the first letter of each is its digit."""
    return [b"%d is number %d" % (i * 7 % 10, i) for i in range(count)]


def digits(answers: list[Any]) -> list[int | str]:
    return [answer.digit if isinstance(answer, Digit) else answer.type for answer in answers]


@BOTH
def test_nothing_is_lost_or_told_twice_while_the_server_fails(face: type[Blocking], fake: FakeServer) -> None:
    chosen = random.Random(0)
    faults = [status(503), status(500), status(507), cut, slow(0.6), None, None, None, None, None]
    fake.faults += [chosen.choice(faults) for _ in range(60)]
    sent = pictures(300)
    assert digits(face(fake.url, options=replace(SMALL, patience_s=60)).read_many(iter(sent))) == [int(picture[:1]) for picture in sent]
    assert {picture for asked in fake.asked for picture in asked.pictures} == set(sent)


@BOTH
def test_a_token_that_changes_in_the_middle_loses_nothing(face: type[Blocking], fake: FakeServer) -> None:
    tokens, sent = iter(["first", "second"]), pictures(100)
    fake.token = "first"

    def renewed(asked: Asked) -> Any:
        fake.token = "second"
        return asked.answer()

    fake.faults += [None, None, renewed]
    assert digits(face(fake.url, lambda: next(tokens), SMALL).read_many(sent)) == [int(picture[:1]) for picture in sent]


@BOTH
def test_pictures_are_taken_only_as_they_are_needed(face: type[Blocking], fake: FakeServer) -> None:
    taken, told, most = 0, 0, 0

    def source() -> Iterator[bytes]:
        nonlocal taken, most
        for picture in pictures(400):
            taken += 1
            most = max(most, taken - told)
            yield picture

    def seen() -> None:
        nonlocal told
        told += 1

    assert len(face(fake.url, options=SMALL).read_many(source(), seen)) == 400
    assert most <= SMALL.list_pictures * (2 * SMALL.lists_in_flight + 2)


@BOTH
def test_several_lists_are_in_flight_at_once(face: type[Blocking], fake: FakeServer) -> None:
    fake.faults += [slow(0.3)] * 3
    seen: list[int] = []
    face(fake.url, options=SMALL).read_many(pictures(24), lambda: seen.append(len(fake.asked)))
    assert seen[0] == 3


@BOTH
def test_an_error_stands_in_the_place_of_its_picture(face: type[Blocking], fake: FakeServer) -> None:
    sent: list[Any] = [b"1", b"rubbish", "/no/such/file.png", b"2", b"blank", 7, b"3", np.full((9, 9), 40, np.uint8)]
    found = face(fake.url, options=SMALL).read_many(sent)
    kinds = [Digit, UnreadablePicture, PictureError, Digit, BlankPicture, PictureError, Digit, Digit]
    assert [type(each) for each in found] == kinds
    assert digits(found)[::3] == [1, 2, 3]


@BOTH
def test_a_list_that_is_refused_as_a_whole_is_halved_down_to_the_picture_that_is_to_blame(face: type[Blocking], fake: FakeServer) -> None:
    def too_large(asked: Asked) -> Any:
        if any(picture.startswith(b"5") for picture in asked.pictures):
            return 413, b"", {}
        return asked.answer()

    fake.faults += [too_large] * 100
    assert digits(face(fake.url, options=SMALL).read_many([b"%d" % i for i in range(8)])) == [0, 1, 2, 3, 4, "TooLarge", 6, 7]


@BOTH
def test_pictures_for_which_there_was_no_time_are_sent_again(face: type[Blocking], fake: FakeServer) -> None:
    def half(asked: Asked) -> Any:
        told = [asked.read(picture) for picture in asked.pictures]
        done = len(told) // 2
        return 200, [*told[:done], *[LATE] * (len(told) - done)], {}

    fake.faults += [half] * 3
    sent = pictures(8)
    assert digits(face(fake.url, options=SMALL).read_many(sent)) == [int(picture[:1]) for picture in sent]
    assert [len(asked.pictures) for asked in fake.asked] == [8, 4, 2, 1]


@BOTH
def test_pictures_that_are_too_much_only_together_are_sent_again(face: type[Blocking], fake: FakeServer) -> None:
    def three_at_most(asked: Asked) -> Any:
        told = [TOO_MUCH if picture.startswith(b"5") or place > 2 else asked.read(picture) for place, picture in enumerate(asked.pictures)]
        return (200, told, {}) if len(told) > 1 else (told[0].get("code", 200), told[0], {})

    fake.faults += [three_at_most] * 20
    assert digits(face(fake.url, options=SMALL).read_many([b"%d" % i for i in range(8)])) == [0, 1, 2, 3, 4, "TooLarge", 6, 7]


@BOTH
def test_what_was_read_is_handed_out_before_the_error_that_ends_it(face: type[Blocking], fake: FakeServer) -> None:
    fake.faults += [None, *[status(503)] * 1000]
    told: list[None] = []
    options = replace(SMALL, patience_s=0.3, lists_in_flight=1)
    with pytest.raises(digits_client.Overloaded):
        face(fake.url, options=options).read_many(pictures(40), lambda: told.append(None))
    assert len(told) == 8


@BOTH
def test_another_number_of_answers_is_never_taken(face: type[Blocking], fake: FakeServer) -> None:
    fake.faults.append(lambda asked: (200, [BROKEN] * 7, {}))
    with pytest.raises(digits_client.StrangeAnswer, match="7 answers came for 8 pictures"):
        face(fake.url, options=SMALL).read_many(pictures(8))


@BOTH
def test_no_pictures_are_no_request(face: type[Blocking], fake: FakeServer) -> None:
    assert face(fake.url).read_many([]) == []
    assert fake.asked == []


def test_a_list_is_left_in_the_middle_without_waiting_for_the_rest(fake: FakeServer) -> None:
    with digits_client.Client(fake.url, fake.token, options=SMALL) as client:
        answers = client.read_many(pictures(200))
        assert isinstance(next(answers), Digit)
        answers.close()
    assert len(fake.asked) < 25


def test_arrays_travel_together_only_where_each_alone_would_be_read_in_the_same_way(fake: FakeServer) -> None:
    grey, other = np.full((28, 28), 70, np.uint8), np.full((28, 28), 30, np.uint8)
    drawn, small = np.ones((28, 28), np.uint8), np.full((8, 8), 16, np.uint8)
    wrong = np.full((28, 28), -1.0)
    sent = [grey, other, drawn, drawn, grey, small, small, wrong]
    Blocking(fake.url).read_many(sent)
    assert sorted(len(asked.pictures) for asked in fake.asked) == [1, 1, 1, 1, 2, 2]


def test_a_list_has_no_more_bytes_than_it_may_have(fake: FakeServer) -> None:
    sent = [b"1" * 400] * 10
    assert len(Blocking(fake.url, options=Options(list_bytes=1000)).read_many(sent)) == 10
    assert [len(asked.pictures) for asked in fake.asked] == [2] * 5
