"""What flips an answer, and whether explanations point at it: with models of which it is known what they look at."""

import numpy as np
import pytest

from training.judge.faithfulness import by_chance, faithfulness, mean_faithfulness
from training.judge.flips import RADIUS_PX, flip
from training.judge.run_flips import colours


def by_corner(canvases: np.ndarray) -> np.ndarray:
    """A model that reads a 1 where there is ink in the upper left quarter, else a 0."""
    ink = canvases[:, :14, :14].astype(np.float32).sum(axis=(1, 2)) / 255
    logits = np.full((len(canvases), 10), -9.0, dtype=np.float32)
    logits[:, 0], logits[:, 1] = 4, ink
    return logits


def two_spots() -> np.ndarray:
    canvas = np.zeros((28, 28), dtype=np.uint8)
    canvas[5:8, 5:8] = canvas[20:23, 20:23] = 255
    return canvas


def test_the_ink_that_an_answer_hangs_on_is_erased_and_no_other() -> None:
    found = flip(by_corner, two_spots())
    assert found is not None
    assert (found.read, found.then) == (1, 0)
    assert not found.painted.any()
    assert not found.erased[14:].any()
    assert 5 <= found.ink < np.pi * (RADIUS_PX + 1) ** 2


def test_ink_is_painted_where_that_flips_it() -> None:
    lower = two_spots()
    lower[:14] = 0
    found = flip(by_corner, lower)
    assert found is not None
    assert (found.read, found.then) == (0, 1)
    assert found.painted[:14, :14].any()
    assert not found.erased.any()


def test_an_answer_that_nothing_turns_does_not_flip() -> None:
    def always_two(canvases: np.ndarray) -> np.ndarray:
        return np.eye(10, dtype=np.float32)[np.full(len(canvases), 2)]

    assert flip(always_two, two_spots()) is None
    assert flip(by_corner, two_spots(), target=1) is None  # it is read so already


def test_the_picture_of_a_flip_shows_both_canvases_and_what_changed_in_colour() -> None:
    found = flip(by_corner, two_spots())
    assert found is not None
    picture = colours(found)
    assert picture.shape == (28, 59, 3)
    spots = np.ptp(picture, axis=2) > 0
    assert not spots[:, :31].any()
    assert spots[5:8, 31 + 5 : 31 + 8].any()


def test_an_explanation_that_is_right_beats_one_that_is_wrong_and_chance_lies_between() -> None:
    canvas = two_spots()
    right = np.zeros((28, 28))
    right[:14, :14] = 1
    good, bad = faithfulness(by_corner, canvas, right, 1), faithfulness(by_corner, canvas, -right, 1)
    chance = by_chance(by_corner, [canvas] * 8, np.random.default_rng(0))
    assert good.deletion < chance.deletion < bad.deletion
    assert good.insertion > chance.insertion > bad.insertion


def test_the_mean_is_of_what_is_read_in_each_canvas() -> None:
    canvas = two_spots()
    explained: list[int] = []

    def explain(_: np.ndarray, target: int) -> np.ndarray:
        explained.append(target)
        return np.zeros((28, 28), dtype=np.float32)

    found = mean_faithfulness(by_corner, explain, [canvas, np.zeros_like(canvas)])
    assert explained == [1, 0]
    assert found.insertion == pytest.approx(
        np.mean([faithfulness(by_corner, each, np.zeros((28, 28)), t).insertion for each, t in ((canvas, 1), (np.zeros_like(canvas), 0))])
    )
