"""Logits become predictions; the arithmetic is torch's."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from digitkit.readers.digits.classify import classify, digit_score, in_chunks, read, softmax
from digitkit.readers.digits.digit import Prediction

RANDOM = np.random.default_rng(0)
LOGITS = {
    "usual": RANDOM.normal(0, 3, (200, 10)).astype(np.float32),
    "all alike": np.zeros((2, 10), dtype=np.float32),
    "all low": RANDOM.normal(-20, 3, (50, 10)).astype(np.float32),
    "far from each other": RANDOM.uniform(-80, 80, (200, 10)).astype(np.float32),
    "so low that exponentials overflow": RANDOM.uniform(-2000, -200, (20, 10)).astype(np.float32),
    "so high that exponentials overflow": RANDOM.uniform(200, 2000, (20, 10)).astype(np.float32),
}


def predict(logits: NDArray[np.float32], min_score: float) -> list[Prediction]:
    """What classify answers where the model gives `logits`, one canvas a picture."""
    empty = np.zeros((28, 28), dtype=np.uint8)
    return classify([[empty]] * len(logits), lambda _: logits, min_score)


@pytest.fixture(params=LOGITS)
def logits(request: pytest.FixtureRequest) -> NDArray[np.float32]:
    """(N, 10) of one kind."""
    return LOGITS[request.param]


def test_softmax_is_torchs(logits: NDArray[np.float32]) -> None:
    expected = torch.from_numpy(logits).double().softmax(dim=1).numpy()
    np.testing.assert_allclose(softmax(logits), expected, rtol=1e-4, atol=1e-7)


def test_digit_score_is_what_an_eleventh_class_with_logit_zero_leaves(logits: NDArray[np.float32]) -> None:
    eleven = torch.cat([torch.from_numpy(logits).double(), torch.zeros(len(logits), 1).double()], dim=1)
    expected = eleven.softmax(dim=1)[:, :10].sum(dim=1).numpy()
    np.testing.assert_allclose(digit_score(logits), expected, rtol=1e-4, atol=1e-7)


def test_digit_is_the_highest_logit_and_confidence_its_probability(logits: NDArray[np.float32]) -> None:
    probabilities = torch.from_numpy(logits).softmax(dim=1)
    predictions = predict(logits, 0.5)
    assert [p.digit for p in predictions] == probabilities.argmax(dim=1).tolist()
    np.testing.assert_allclose([p.confidence for p in predictions], probabilities.amax(dim=1).numpy(), rtol=1e-4)
    for prediction in predictions:
        assert len(prediction.probabilities) == 10
        assert prediction.probabilities[prediction.digit] == prediction.confidence
        assert sum(prediction.probabilities) == pytest.approx(1, abs=1e-5)


def test_predictions_are_plain_numbers_that_json_can_write() -> None:
    (prediction,) = predict(LOGITS["all alike"][:1], 0.5)
    assert type(prediction.digit) is int
    assert type(prediction.accepted) is bool
    assert {type(p) for p in prediction.probabilities} == {float}


@pytest.mark.parametrize(("logit", "min_score", "accepted"), [(-3, 0.5, False), (-2, 0.5, True), (-2, 0.9, False), (9, 0.9, True)])
def test_prediction_is_accepted_from_the_least_score_on(logit: float, min_score: float, accepted: bool) -> None:
    # Ten logits of -2 are 10 * exp(-2) : 1 for a digit, 57 %; of -3, 33 %.
    (prediction,) = predict(np.full((1, 10), logit, dtype=np.float32), min_score)
    assert prediction.accepted is accepted


def test_least_score_of_0_accepts_all_and_of_1_only_the_certain() -> None:
    rows = np.array([[-50] * 10, [50] * 10], dtype=np.float32)
    assert [p.accepted for p in predict(rows, 0)] == [True, True]
    assert [p.accepted for p in predict(rows, 1)] == [False, True]


def test_canvases_are_classified_in_order_by_one_call_of_the_model() -> None:
    seen = []

    def run(canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
        seen.append((canvases.shape, canvases.dtype.name))
        return np.eye(10, dtype=np.float32)[canvases[:, 0, 0]] * 9

    canvases = [np.full((28, 28), digit, dtype=np.uint8) for digit in (3, 1, 4)]
    assert [p.digit for p in classify([[canvas] for canvas in canvases], run, 0.5)] == [3, 1, 4]
    assert seen == [((3, 28, 28), "uint8")]


def test_no_canvases_cost_no_call_of_the_model() -> None:
    def run(canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
        raise AssertionError("the model was called")

    assert classify([], run, 0.5) == []


def by_first_pixel(canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A model that answers with the digit in the tens of a canvas's first pixel, the surer the higher its ones."""
    tens, ones = np.divmod(canvases[:, 0, 0], 10)
    logits = np.full((len(canvases), 10), -3, dtype=np.float32)
    logits[np.arange(len(canvases)), tens] = ones
    return logits


def firsts(predictions: Sequence[Prediction]) -> list[int]:
    """The first pixel of the canvas that each prediction was read from."""
    return [int(prediction.canvas[0, 0]) for prediction in predictions]


def few(*firsts: int) -> list[NDArray[np.uint8]]:
    """Canvases with these first pixels."""
    return [np.full((28, 28), first, dtype=np.uint8) for first in firsts]


def test_of_a_pictures_canvases_the_surest_is_answered() -> None:
    predictions = classify([few(35), few(41, 58), few(69, 72), few(85)], by_first_pixel, 0.5)
    assert [p.digit for p in predictions] == [3, 5, 6, 8]
    assert firsts(predictions) == [35, 58, 69, 85]
    alone = classify([few(35), few(58), few(69), few(85)], by_first_pixel, 0.5)
    assert [p.probabilities for p in predictions] == [p.probabilities for p in alone]


def test_surest_counts_whether_it_is_a_digit_at_all() -> None:
    def run(canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
        doubtful_three = [-40.0] * 3 + [-4.0] + [-40.0] * 6  # all but certain among ten digits, 2 % a digit
        likely_seven = [0.0] * 7 + [4.0] + [0.0] * 2
        return np.array([doubtful_three, likely_seven], dtype=np.float32)

    (prediction,) = classify([few(1, 2)], run, 0.0)
    assert (prediction.digit, firsts([prediction])) == (7, [2])


def test_a_picture_is_as_likely_a_digit_as_the_least_likely_of_its_canvases() -> None:
    readings = read([few(39), few(39, 40), few(40, 39)], by_first_pixel)
    low, high = digit_score(by_first_pixel(np.stack(few(40, 39))))
    assert readings.scores.tolist() == [high, low, low]
    assert low < high


@pytest.mark.parametrize(("count", "parts"), [(1, [1]), (16, [16]), (17, [9, 8]), (50, [13, 13, 12, 12]), (64, [16] * 4)])
def test_many_canvases_are_asked_for_in_parts_of_nearly_one_size_and_in_order(count: int, parts: list[int]) -> None:
    asked: list[int] = []

    def run(canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
        asked.append(len(canvases))
        return canvases[:, 0, :10].astype(np.float32)

    canvases = RANDOM.integers(0, 256, (count, 28, 28), dtype=np.uint8)
    assert np.array_equal(in_chunks(run, 16)(canvases), canvases[:, 0, :10])
    assert asked == parts
