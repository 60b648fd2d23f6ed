"""Writers' own ways: shapes that are theirs, corners that they go round, pens that come and leave in a curl, sevens that they cross."""

import numpy as np
import pytest

from digitkit.readers.digits.digit import LABELS
from training.augment.pen import SHAPES
from training.data.mnist import Split
from training.glyphs import hands_of_mnist
from training.glyphs.hands_of_mnist import MnistStyles
from training.glyphs.manner import LEFT_STRAIGHT, STEPS, Manner, centred, curled
from training.glyphs.pens import PenHand, has_upstroke

CORNERED = SHAPES[7][0]


def manner(seed: int, **changed: object) -> Manner:
    """A writer whose pen comes and leaves straight, with what is changed."""
    writer = Manner(np.random.default_rng(seed))
    for name, value in changed.items():
        setattr(writer, name, value)
    return writer


def straight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.glyphs.manner.ENTRIES", 0)
    monkeypatch.setattr("training.glyphs.manner.EXITS", 0)


def test_a_writer_keeps_to_a_shape_of_his_own_which_other_writers_do_not_have(monkeypatch: pytest.MonkeyPatch) -> None:
    straight(monkeypatch)
    draw, writers = np.random.default_rng(0), [manner(seed, unsteady=0.0, loose=0.05, is_round=False) for seed in (1, 2)]
    (first,), (again,), (other,) = (writer.strokes(7, CORNERED, draw) for writer in (writers[0], *writers))
    assert np.array_equal(first, again)
    assert 0.01 < np.abs(first - other).mean() < 0.3


def test_a_corner_stays_one_point_or_is_gone_round(monkeypatch: pytest.MonkeyPatch) -> None:
    straight(monkeypatch)
    draw, corners = np.random.default_rng(0), len(centred(CORNERED)[0])
    (sharp,) = manner(1, unsteady=0.0, is_round=False).strokes(7, CORNERED, draw)
    (bent,) = manner(1, unsteady=0.0, is_round=True).strokes(7, CORNERED, draw)
    assert len(sharp) == corners and (sharp[1:] == sharp[:-1]).all(axis=1).sum() == 2
    assert len(bent) == corners - 2 and not (bent[1:] == bent[:-1]).all(axis=1).any()


def test_a_pen_leaves_in_a_curl_only_where_that_makes_no_other_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.glyphs.manner.ENTRIES", 0)
    monkeypatch.setattr("training.glyphs.manner.EXITS", 1)
    writer, draw = manner(1, is_round=False), np.random.default_rng(0)
    for digit in LABELS:
        shape = SHAPES[digit][0]
        more = len(writer.strokes(digit, shape, draw)[-1]) - len(centred(shape)[-1])
        assert more == (0 if digit in LEFT_STRAIGHT else STEPS)


def test_a_curl_goes_on_from_the_end_of_a_stroke_in_steps_of_one_length() -> None:
    stroke = np.array([[-0.4, 0.0], [0.4, 0.0]])
    curl = curled(stroke, 0.1, np.random.default_rng(3))
    assert np.array_equal(curl[:2], stroke)
    assert np.linalg.norm(np.diff(curl[1:], axis=0), axis=1) == pytest.approx([0.1] * STEPS)


def test_a_zero_may_be_low_and_a_one_keeps_the_width_of_its_shape() -> None:
    writers = [manner(seed) for seed in range(200)]
    assert {writer.wide[1] for writer in writers} == {1.0}
    lows = np.array([writer.tall[0] < 0.8 for writer in writers])
    assert 0.08 < lows.mean() < 0.4


def test_some_writers_cross_the_sevens_of_mnist(mnist_test: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    ink = {}
    for crossed in (0, 1):
        monkeypatch.setattr(hands_of_mnist, "CROSSED", crossed)
        hand, draw = MnistStyles(mnist_test).writer(np.random.default_rng(5)), np.random.default_rng(6)
        ink[crossed] = [np.count_nonzero(hand.digit(digit, draw).strokes > 90) for digit in (7, 7, 3)]
    assert ink[1][0] > 1.05 * ink[0][0] and ink[1][1] > 1.05 * ink[0][1]
    assert ink[1][2] == pytest.approx(ink[0][2], rel=0.3)


def test_a_pen_writes_each_digit_cropped_to_its_ink_and_never_the_same() -> None:
    draw = np.random.default_rng(0)
    for digit in LABELS:
        signs = [PenHand(draw).digit(digit, draw).strokes for _ in range(20)]
        assert all(strokes.max() > 150 and strokes[0].any() and strokes[-1].any() for strokes in signs)
        assert len({strokes.tobytes() for strokes in signs}) == 20


def test_who_writes_ones_with_an_upstroke_crosses_the_sevens_in_every_shape() -> None:
    draw = np.random.default_rng(0)
    hands = [PenHand(draw) for _ in range(200)]
    crossing = [hand for hand in hands if has_upstroke(hand.shapes[1])]
    assert 60 < len(crossing) < 180
    assert all("/" in shape for hand in crossing for shape in (hand.shapes[7], *hand.alphabet[7]))
    assert any("/" not in hand.shapes[7] for hand in hands)
    assert not has_upstroke("50,0 50,100") and has_upstroke("15,30 55,0 55,0 55,100")
