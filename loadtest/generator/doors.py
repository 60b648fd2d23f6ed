"""How a case is sent through each endpoint, and how its answers are read: pure functions between cases and bytes.

From every endpoint the answers are REST's objects, one for each picture: a prediction, an explanation, or an error.
"""

from dataclasses import dataclass
from typing import Any

from loadtest.generator.traffic import Case
from testbed.answers import Expected, Refusal, ToldAnswer, WrongAnswer, read_json
from testbed.endpoints import JSON, encode_form, encode_inputs, encode_instances, explain_path, infer_path, predict_path


@dataclass(frozen=True, slots=True)
class Post:
    """A REST request and the status that its answer must have."""

    path: str
    body: bytes
    content_type: str | None
    status: int = 200


def to_rest(case: Case, model: str) -> Post:
    """A single picture as the body, several as the parts of a form."""
    if len(case.pictures) > 1:
        body, content_type = encode_form(case.pictures)
        return Post(predict_path(model), body, content_type)
    if case.kind == "explanation":
        return Post(explain_path(model), case.pictures[0], None)
    (expected,) = case.expected
    return Post(predict_path(model), case.pictures[0], None, expected.code if isinstance(expected, Refusal) else 200)


def from_rest(body: bytes, count: int) -> list[Any]:
    """The answers to `count` pictures: one picture is answered with an object, several with a list."""
    answers = read_json(body)
    return answers if count > 1 and isinstance(answers, list) else [answers]


def to_v2(case: Case, model: str) -> Post:
    """A request of the Open Inference Protocol over REST."""
    return Post(infer_path(model), encode_inputs(case.pictures), JSON)


def from_v2(body: bytes) -> list[Any]:
    try:
        return from_tensors({output["name"]: output["data"] for output in read_json(body)["outputs"]})
    except (TypeError, KeyError) as err:
        raise WrongAnswer("malformed: no outputs with name and data") from err


def to_grpc(case: Case) -> dict[str, bytes]:
    """The inputs of a request of TorchServe's own gRPC service."""
    if len(case.pictures) > 1:
        return {"data": encode_instances(case.pictures)}
    return {"data": case.pictures[0]} | ({"explain": b"true"} if case.kind == "explanation" else {})


def from_grpc(body: bytes) -> list[Any]:
    answers = read_json(body)
    predictions = answers.get("predictions") if isinstance(answers, dict) else None
    return predictions if isinstance(predictions, list) else [answers]


def from_tensors(outputs: dict[str, list[Any]]) -> list[Any]:
    """The answers in the output tensors: for each picture the values of all tensors, or its error if that text is not empty."""
    try:
        errors = outputs["error"]
        columns = {name: _rows(data, len(errors)) for name, data in outputs.items() if name != "error"}
        return [read_json(error) if error else {name: rows[i] for name, rows in columns.items()} for i, error in enumerate(errors)]
    except (TypeError, KeyError) as err:
        raise WrongAnswer("malformed: no tensor of errors beside those of an answer") from err


def in_words_of_rest(answers: list[Any], case: Case) -> list[Any]:
    """The answers of tensors as REST's objects, which another task than digits may word differently.

    Tensors may be more than the keys of such an object, and a list or an object in it is the text of a tensor.
    """
    return [_in_words_of(answer, due) for answer, due in zip(answers, case.expected, strict=False)]


def _in_words_of(answer: Any, due: Expected) -> Any:
    if not isinstance(due, ToldAnswer):
        return answer
    known = {name: (answer[name], value) for name, value in due.told.items() if name in answer}
    return {
        name: read_json(found.encode()) if isinstance(found, str) and isinstance(value, list | dict) else found
        for name, (found, value) in known.items()
    }


def _rows(data: list[Any], count: int) -> list[Any]:
    """The part of a tensor's data that belongs to each of `count` pictures: a value, or a list if there are several."""
    width = len(data) // max(1, count)
    if not data or len(data) != width * count:
        raise WrongAnswer("malformed: the tensors differ in length")
    return data if width == 1 else [data[i * width : (i + 1) * width] for i in range(count)]
