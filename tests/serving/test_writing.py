"""Results become answers, in the form that was asked for."""

import json

import pytest

from digitkit.errors import BadRequest, BlankPicture, DigitError, TooLarge
from digitkit.readers.digits.digit import Prediction
from digitkit.readers.digits.reader import READER
from digitkit.serving.reading import Form, Question
from digitkit.serving.writing import Model, write_answer, write_error

SEVEN = Prediction(7, 0.90002, True, (0.0, 0.0, 0.0, 0.09996, 0.0, 0.0, 0.0, 0.90002, 0.00001, 0.00001))
DOUBTFUL_ONE = Prediction(1, 0.4, False, (0.1, 0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.0, 0.0, 0.0), "unsure")
BLANK = BlankPicture("no ink: the page is empty")

MODEL = Model("digits", "1.0")


def asked(form: Form = "one", accept: str = "") -> Question:
    return Question((), form, accept)  # an answer is written from the results, not from the pictures


def test_one_picture_is_answered_with_one_object() -> None:
    answer = write_answer(asked(), [SEVEN], MODEL, READER)
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert json.loads(answer.body) == {
        "digit": 7,
        "confidence": 0.9,
        "accepted": True,
        "probabilities": [0.0, 0.0, 0.0, 0.1, 0.0, 0.0, 0.0, 0.9, 0.0, 0.0],
    }


def test_many_pictures_are_answered_with_a_list_in_order() -> None:
    answer = write_answer(asked("many"), [SEVEN, BLANK, DOUBTFUL_ONE], MODEL, READER)
    assert (answer.status, answer.content_type) == (200, "application/json")
    first, second, third = json.loads(answer.body)
    assert (first["digit"], first["accepted"]) == (7, True)
    assert second == {"code": 422, "type": "BlankPicture", "message": "no ink: the page is empty"}
    assert (third["digit"], third["accepted"], third["reason"]) == (1, False, "unsure")


def test_tensors_say_why_a_picture_is_not_accepted() -> None:
    answer = json.loads(write_answer(asked("v2"), [SEVEN, BLANK, DOUBTFUL_ONE], MODEL, READER).body)
    outputs = {output["name"]: output for output in answer["outputs"]}
    assert outputs["reason"] == {"name": "reason", "datatype": "BYTES", "shape": [3], "data": ["", "", "unsure"]}
    assert outputs["accepted"]["data"] == [True, False, False]


def test_single_bad_picture_has_its_own_status() -> None:
    answer = write_answer(asked(), [BLANK], MODEL, READER)
    assert (answer.status, answer.content_type) == (422, "application/json")
    assert json.loads(answer.body) == {"code": 422, "type": "BlankPicture", "message": "no ink: the page is empty"}


def test_text_answer_is_the_bare_digit() -> None:
    answer = write_answer(asked(accept="text/plain"), [SEVEN], MODEL, READER)
    assert (answer.status, answer.content_type, answer.body) == (200, "text/plain", b"7")


def test_refusal_is_json_for_a_client_that_wants_text_too() -> None:
    answer = write_answer(asked(accept="text/plain"), [BLANK], MODEL, READER)
    assert (answer.status, answer.content_type) == (422, "application/json")
    assert json.loads(answer.body)["type"] == "BlankPicture"


@pytest.mark.parametrize("error", [BadRequest("x"), TooLarge("x"), BLANK])
def test_refused_request_is_answered_in_torchserves_form(error: DigitError) -> None:
    answer = write_error(error)
    assert (answer.status, answer.content_type) == (error.status, "application/json")
    assert json.loads(answer.body) == {"code": error.status, "type": type(error).__name__, "message": str(error)}
