"""What a right answer is: well formed, and the one that belongs to the picture that was sent."""

import json
from typing import Any

from digitkit.contract import LABELS, Prediction

# Probabilities travel with 4 decimals, and on a CPU the size of a batch moves them by less than 1e-5. Two pictures of
# different digits differ by nearly 1: answers swapped within a batch lie far beyond this.
TOLERANCE = 1e-3
SUM_TOLERANCE = 1e-2  # of ten probabilities, each rounded


class WrongAnswer(Exception):
    """An answer with the wrong content; the message is the same for all of a kind, so that Locust can count them."""


def read_answer(body: bytes) -> Prediction:
    """The prediction in the body of an answer to one picture; raises WrongAnswer for a malformed one."""
    try:
        return to_prediction(json.loads(body))
    except ValueError as err:
        raise WrongAnswer("malformed: no JSON") from err


def to_prediction(answer: Any) -> Prediction:
    """The prediction in the parsed JSON of an answer; keys that are not its own are left unread.

    Raises:
        WrongAnswer: it lacks a key, a value is out of range, or two of them contradict one another.
    """
    try:
        prediction = Prediction(answer["digit"], answer["confidence"], answer["accepted"], tuple(answer["probabilities"]))
    except (TypeError, KeyError) as err:
        raise WrongAnswer("malformed: no object with digit, confidence, accepted and probabilities") from err
    digit, probabilities = prediction.digit, prediction.probabilities
    if type(digit) is not int or digit not in LABELS:
        raise WrongAnswer("malformed: digit is none of 0 to 9")
    if type(prediction.accepted) is not bool:
        raise WrongAnswer("malformed: accepted is neither true nor false")
    if len(probabilities) != len(LABELS) or not all(map(_is_share, probabilities)) or abs(sum(probabilities) - 1) > SUM_TOLERANCE:
        raise WrongAnswer("malformed: probabilities are not ten numbers that sum to 1")
    if not _is_share(prediction.confidence) or abs(prediction.confidence - probabilities[digit]) > TOLERANCE:
        raise WrongAnswer("malformed: confidence is not the probability of the digit")
    if probabilities[digit] < max(probabilities) - TOLERANCE:
        raise WrongAnswer("malformed: digit is not the most probable one")
    return prediction


def check_answer(body: bytes, expected: Prediction) -> None:
    """Return where `body` answers what is `expected` for its picture: the ten probabilities are the same.

    A digit that differs from the label is no fault of the answer: the model misreads that picture, and accuracy counts it.

    Raises:
        WrongAnswer: malformed, or another picture's answer.
    """
    found = read_answer(body).probabilities
    if any(abs(p - q) > TOLERANCE for p, q in zip(found, expected.probabilities, strict=True)):
        raise WrongAnswer("wrong content: not the answer that this picture got before the load")


def _is_share(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1
