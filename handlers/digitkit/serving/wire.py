"""Requests become questions, predictions become answers: both directions side by side.

A row is what TorchServe hands to a handler for one request: its parameters by name, a raw body under "body". What a body
may hold is read in body.py, its pictures in reading.py.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from digitkit.contract import LABELS, Prediction
from digitkit.errors import BadRequest, DigitError, TooLarge
from digitkit.readers.digits.explain import Explanation, overlay
from digitkit.serving.body import NPY_MAGIC, Sources, as_it_is, check_count, kind_of, parse_json, read_instances, read_npy, read_tensor
from digitkit.serving.reading import Question, Reading
from digitkit.serving.request import JSON, JSON_LENGTH, Request
from digitkit.settings import Limits

PLAIN: Final = "text/plain"
PNG: Final = "image/png"
FIELDS_ONLY: Final = "application/x-www-form-urlencoded"  # TorchServe hands on the fields of such a form, and no body
BODY_NAMES: Final = ("body", "data")  # where TorchServe puts a raw body: REST, gRPC

TEXTS: Final = tuple(str(i / 10000) for i in range(10001))  # the numbers from 0 to 1 with four places, as answers have them

REFUSED: Final = Prediction(-1, 0.0, False, (0.0,) * len(LABELS))  # in the place of a refused picture in V2's tensors

FIELDS: Final = ('"instances" (KServe V1)', '"inputs" (Open Inference Protocol)')


@dataclass(frozen=True, slots=True)
class Model:
    """Who answers."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: the HTTP status, the Content-Type and the body; for the log, the number of pictures and the error's type."""

    status: int
    content_type: str
    body: bytes
    pictures: int = 0
    error: str = ""


def open_request(request: Request, limits: Limits) -> Reading:
    """The pictures of one request, by whichever door they came; none of them is decoded yet.

    Raises:
        DigitError: the request as a whole is refused. A bad picture among several stands in its place instead.
    """
    row, headers = request.row, request.headers
    accept = headers.get("accept", "").split(",", 1)[0].split(";", 1)[0].strip().lower()
    if headers.get("content-type", "").startswith("multipart/"):
        parts = [value for name, value in row.items() if request.types.get(name)]  # a query's parameter has no type
        check_count(len(parts), limits)
        if not parts:  # TorchServe hands on a part without one as text
            raise BadRequest("the form has no part with a file name; give each picture's part one, as curl -F name=@file does")
        return Reading(Sources(parts, as_it_is), "many" if len(parts) > 1 else "one", accept=accept)
    body = next((row[name] for name in BODY_NAMES if name in row), b"")
    if isinstance(body, str):  # TorchServe decodes text/*; what counts is the content
        body = body.encode()
    if isinstance(body, bytes | bytearray):
        return _open_bytes(body, headers, limits, accept)
    return _open_json(body, b"", limits)


def _open_bytes(body: bytes | bytearray, headers: Mapping[str, str], limits: Limits, accept: str) -> Reading:
    """A body that TorchServe left as it came: a picture, a NumPy file, or JSON under another Content-Type."""
    if not body and headers.get("content-type", "").startswith(FIELDS_ONLY):
        raise BadRequest(f"a body of type {FIELDS_ONLY} holds no file; send the picture under another type, as curl -T file does")
    if not body:
        raise BadRequest("the body is empty; send a picture as the body, or one in each part of multipart/form-data")
    if len(body) > limits.body_bytes:
        raise TooLarge(f"the body is {len(body)} bytes, the limit is {limits.body_bytes}")
    if body.startswith(NPY_MAGIC):
        sources, is_list = read_npy(body, limits)
        return Reading(sources, "many" if is_list else "one", accept=accept)
    length = headers.get(JSON_LENGTH)
    if length:
        if not length.isdecimal() or len(length) > len(str(len(body))) or int(length) > len(body):
            raise BadRequest(f"the header {JSON_LENGTH} must be a number up to the {len(body)} bytes of the body")
        return _open_json(parse_json(body[: int(length)]), body[int(length) :], limits)
    if body[:64].lstrip()[:1] == b"{" or headers.get("content-type", "").startswith(JSON):
        return _open_json(parse_json(body), b"", limits)
    return Reading(Sources([body], as_it_is), "one", accept=accept)


def _open_json(body: Any, binary: bytes | bytearray, limits: Limits) -> Reading:
    fields = [field for field in ("instances", "inputs") if isinstance(body, dict) and field in body]
    if len(fields) != 1:
        found = f"an object with {' and '.join(fields) or 'neither'}" if isinstance(body, dict) else kind_of(body)
        raise BadRequest(f"the JSON body is {found}; it must be an object with either {' or '.join(FIELDS)}")
    if "instances" in body:
        return Reading(read_instances(body, limits), "v1")
    name = body.get("id")
    if name is not None and not isinstance(name, str):
        raise BadRequest("the request's id must be a string")
    return Reading(read_tensor(body, binary, limits), "v2", id=name)


def write_answer(question: Question, results: Sequence[Prediction | DigitError], model: Model) -> Answer:
    """The answer to a question, `results` being in the order of its pictures."""
    count = len(results)
    if question.form == "v2":
        return _json(_tensors(question, results, model), count)
    if question.form == "one":
        (result,) = results
        if isinstance(result, DigitError):
            return write_error(result, count)
        if question.accept == PLAIN:
            return Answer(200, PLAIN, str(result.digit).encode(), count)
        return Answer(200, JSON, _text(result).encode(), count)
    texts = f"[{', '.join(map(_text, results))}]"
    return Answer(200, JSON, (texts if question.form == "many" else f'{{"predictions": {texts}}}').encode(), count)


def write_explanation(question: Question, results: Sequence[Explanation | DigitError]) -> Answer:
    """The explanations of a question's pictures, `results` being in their order; of one picture a PNG, if that is preferred."""
    objects = [_error_object(r) if isinstance(r, DigitError) else _explanation_object(r) for r in results]
    count = len(results)
    if question.form in ("v1", "v2"):
        return _json({"explanations": objects}, count)
    if question.form == "many":
        return _json(objects, count)
    (result,) = results
    if isinstance(result, DigitError):
        return write_error(result, count)
    if question.accept == PNG:
        return Answer(200, PNG, overlay(result.canvas, result.attributions), count)
    return _json(objects[0], count)


def write_refusal(error: DigitError, request: Request, model: Model) -> Answer:
    """The answer to a request that is refused as a whole.

    Open Inference Protocol over gRPC carries tensors only, and TorchServe's worker dies of anything else: one row, refused.
    """
    body = request.row.get("body")
    if request.is_grpc and isinstance(body, dict):  # over gRPC TorchServe parses no other body
        answer = write_answer(Question((error,), "v2", id=str(body.get("id", ""))), [error], model)
        return replace(answer, pictures=0, error=error.type)
    return write_error(error)


def write_error(error: DigitError, pictures: int = 0) -> Answer:
    return Answer(error.status, JSON, json.dumps(_error_object(error)).encode(), pictures, error.type)


def with_error_key(answer: Answer) -> Answer:
    """A refusal as clients of KServe's protocols read it: its message stands under "error" too."""
    refusal = json.loads(answer.body)
    return replace(answer, body=json.dumps(refusal | {"error": refusal["message"]}).encode())


def _json(content: Any, pictures: int) -> Answer:
    return Answer(200, JSON, json.dumps(content).encode(), pictures)


def _text(result: Prediction | DigitError) -> str:
    """The JSON object of one result. A prediction's is put together from the texts of its numbers: 1.6 us, where json takes 6.4."""
    if isinstance(result, DigitError):
        return json.dumps(_error_object(result))
    confidence, *probabilities = [TEXTS[int(10000 * p + 0.5)] for p in (result.confidence, *result.probabilities)]
    return (
        f'{{"digit": {result.digit}, "confidence": {confidence}, "accepted": {"true" if result.accepted else "false"}, '
        f'"probabilities": [{", ".join(probabilities)}]}}'
    )


def _explanation_object(explanation: Explanation) -> dict[str, Any]:
    return {
        "digit": explanation.digit,
        "target": explanation.target,
        "method": explanation.method,
        "attributions": explanation.attributions.round(4).tolist(),
    }


def _error_object(error: DigitError) -> dict[str, Any]:
    return {"code": error.status, "type": error.type, "message": str(error)}


def _tensors(question: Question, results: Sequence[Prediction | DigitError], model: Model) -> dict[str, Any]:
    """A V2 answer: a tensor for each field of a prediction. A refused picture has digit -1, and its error in "error"."""
    rows = [REFUSED if isinstance(r, DigitError) else r for r in results]
    errors = [json.dumps(_error_object(r)) if isinstance(r, DigitError) else "" for r in results]
    probabilities = [round(p, 4) for row in rows for p in row.probabilities]
    count = len(rows)
    outputs = [
        {"name": "digit", "datatype": "INT64", "shape": [count], "data": [row.digit for row in rows]},
        {"name": "confidence", "datatype": "FP32", "shape": [count], "data": [round(row.confidence, 4) for row in rows]},
        {"name": "accepted", "datatype": "BOOL", "shape": [count], "data": [row.accepted for row in rows]},
        {"name": "probabilities", "datatype": "FP32", "shape": [count, len(LABELS)], "data": probabilities},
        {"name": "error", "datatype": "BYTES", "shape": [count], "data": errors},
    ]
    answer = {"model_name": model.name, "model_version": model.version, "outputs": outputs}
    return answer if question.id is None else answer | {"id": question.id}
