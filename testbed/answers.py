"""What makes an answer correct: it is well formed, and it belongs to the picture that was sent."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from digitkit.artifacts.card import FIRST_TASK
from digitkit.readers.digits.digit import LABELS, REASONS, SIDE_PX, Prediction

# Probabilities travel with 4 decimals, and on a CPU the size of a batch moves them by less than 1e-5. Two pictures of
# different digits differ by nearly 1: answers swapped within a batch lie far beyond this.
TOLERANCE = 1e-3
# Places travel with one decimal, and the size of a batch moves them by a thousandth of a pixel: one that lies between two tenths is
# rounded to either of them, which is one step of the decimal and no more.
PLACE, PLACE_TOLERANCE = "quad", 0.1 + 1e-6
SUM_TOLERANCE = 1e-2  # of ten probabilities, each rounded
ATTRIBUTION_TOLERANCE = 0.02  # attributions reach from -1 to 1; a batch moves them by less than 1e-3


@dataclass(frozen=True, slots=True)
class Refusal:
    """The clear error that a bad picture must get."""

    code: int
    type: str


@dataclass(frozen=True, slots=True)
class ExplanationAnswer:
    """Which pixels made the decision: (28, 28) rows of numbers from -1 to 1."""

    digit: int
    attributions: list[list[float]]


@dataclass(frozen=True, slots=True)
class ToldAnswer:
    """The answer of a reader for another task. Only that reader knows what the words mean, so it is only compared with later answers.

    Attributes:
        told: the JSON object.
    """

    told: dict[str, Any]


Expected: TypeAlias = Prediction | Refusal | ExplanationAnswer | ToldAnswer


class WrongAnswer(Exception):
    """An answer with wrong content; all answers with the same fault have the same message, so that Locust can count them."""


def read_json(body: bytes) -> Any:
    """The parsed body of an answer; raises WrongAnswer if it is not JSON."""
    try:
        return json.loads(body)
    except ValueError as err:
        raise WrongAnswer("malformed: no JSON") from err


def read_answer(answer: Any, task: str) -> Prediction | ToldAnswer:
    """The content of a parsed answer, by the task of the model that gave it; raises WrongAnswer if it is malformed."""
    return to_prediction(answer) if task == FIRST_TASK else to_told(answer)


def read_explanation(answer: Any, task: str) -> ExplanationAnswer | ToldAnswer:
    """The content of a parsed explanation; raises WrongAnswer if it is malformed."""
    return to_explanation(answer) if task == FIRST_TASK else to_told(answer)


def to_told(answer: Any) -> ToldAnswer:
    """The answer of any reader; raises WrongAnswer if it is not an object, or if it is an error."""
    if not isinstance(answer, dict) or not answer or {"code", "type"} <= answer.keys():
        raise WrongAnswer("malformed: no object, or an error")
    return ToldAnswer(answer)


def contradictions(answer: Any, known: Mapping[str, Any]) -> dict[str, Any]:
    """The values in a parsed answer that differ from the known right ones; the answer may hold more."""
    told = answer if isinstance(answer, dict) else {}
    return {key: told.get(key) for key, value in known.items() if not _holds(told.get(key), value)}


def _holds(found: Any, known: Any) -> bool:
    """Whether a JSON value is the known one, or an object with more in it, or a list of such."""
    if isinstance(known, Mapping):
        return isinstance(found, dict) and all(_holds(found.get(key), value) for key, value in known.items())
    if isinstance(known, list):
        return isinstance(found, list) and len(found) == len(known) and all(map(_holds, found, known))
    return bool(found == known)


def to_prediction(answer: Any) -> Prediction:
    """The prediction in the parsed JSON of an answer; other keys are ignored.

    Raises:
        WrongAnswer: it lacks a key, a value is out of range, or two of them contradict one another.
    """
    try:
        told = (answer["digit"], answer["confidence"], answer["accepted"], tuple(answer["probabilities"]))
        prediction = Prediction(*told, answer.get("reason", ""))
    except (TypeError, KeyError) as err:
        raise WrongAnswer("malformed: no object with digit, confidence, accepted and probabilities") from err
    digit, probabilities = prediction.digit, prediction.probabilities
    if type(digit) is not int or digit not in LABELS:
        raise WrongAnswer("malformed: digit is none of 0 to 9")
    if type(prediction.accepted) is not bool:
        raise WrongAnswer("malformed: accepted is neither true nor false")
    if prediction.reason not in (("",) if prediction.accepted else REASONS):
        raise WrongAnswer("malformed: reason is not why the answer is not accepted")
    if len(probabilities) != len(LABELS) or not all(map(_is_share, probabilities)) or abs(sum(probabilities) - 1) > SUM_TOLERANCE:
        raise WrongAnswer("malformed: probabilities are not ten numbers that sum to 1")
    if not _is_share(prediction.confidence) or abs(prediction.confidence - probabilities[digit]) > TOLERANCE:
        raise WrongAnswer("malformed: confidence is not the probability of the digit")
    if probabilities[digit] < max(probabilities) - TOLERANCE:
        raise WrongAnswer("malformed: digit is not the most probable one")
    return prediction


def to_explanation(answer: Any) -> ExplanationAnswer:
    """The explanation in the parsed JSON of an answer; raises WrongAnswer if it is malformed."""
    try:
        explanation = ExplanationAnswer(answer["digit"], answer["attributions"])
        pixels = np.array(explanation.attributions, dtype=np.float64)
        explains_itself = answer["target"] == explanation.digit
    except (TypeError, KeyError, ValueError) as err:
        raise WrongAnswer("malformed: no object with digit, target and attributions") from err
    if not explains_itself or pixels.shape != (SIDE_PX, SIDE_PX) or not np.abs(pixels).max() <= 1:
        raise WrongAnswer("malformed: no attributions of 28 x 28 pixels from -1 to 1 for the digit that was read")
    return explanation


def check_answers(found: Sequence[Any], expected: Sequence[Expected]) -> None:
    """Return if the parsed answers are those `expected` for their pictures, in order.

    A digit that differs from the label is not a wrong answer here: the model misreads that picture, which accuracy counts.

    Raises:
        WrongAnswer: there are too many or too few, one is malformed, or one is the answer or the error of another picture.
    """
    if len(found) != len(expected):
        raise WrongAnswer("malformed: not as many answers as pictures")
    for answer, due in zip(found, expected, strict=True):
        _check(answer, due)


def _check(answer: Any, due: Expected) -> None:
    if isinstance(due, Refusal):
        if not isinstance(answer, dict) or (answer.get("code"), answer.get("type")) != (due.code, due.type):
            raise WrongAnswer("wrong content: not the error of this bad picture")
    elif isinstance(due, ExplanationAnswer):
        explanation = to_explanation(answer)
        apart = np.abs(np.subtract(explanation.attributions, due.attributions)).max()
        if explanation.digit != due.digit or apart > ATTRIBUTION_TOLERANCE:
            raise WrongAnswer("wrong content: not the explanation that this picture got before the load")
    elif isinstance(due, ToldAnswer):
        if not _is_alike(to_told(answer).told, due.told):
            raise WrongAnswer("wrong content: not the answer that this picture got before the load")
    else:
        found = to_prediction(answer).probabilities
        if any(abs(p - q) > TOLERANCE for p, q in zip(found, due.probabilities, strict=True)):
            raise WrongAnswer("wrong content: not the answer that this picture got before the load")


def _is_alike(found: Any, due: Any, tolerance: float = TOLERANCE) -> bool:
    """Whether two JSON values are the same, except that numbers may differ by what the size of a batch changes."""
    if isinstance(due, dict):
        tolerances = {key: PLACE_TOLERANCE if key == PLACE else tolerance for key in due}
        return (
            isinstance(found, dict) and found.keys() == due.keys() and all(_is_alike(found[key], due[key], tolerances[key]) for key in due)
        )
    if isinstance(due, list):
        return (
            isinstance(found, list) and len(found) == len(due) and all(_is_alike(*pair, tolerance) for pair in zip(found, due, strict=True))
        )
    are_numbers = {type(found), type(due)} <= {int, float}
    return abs(found - due) <= tolerance if are_numbers else type(found) is type(due) and bool(found == due)


def _is_share(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1
