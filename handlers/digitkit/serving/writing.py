"""Results become answers, in the form that the request asks for and in the words of the reader."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from digitkit.errors import DigitError
from digitkit.reader import Explanation, Reader, Result
from digitkit.serving.reading import Question
from digitkit.serving.request import JSON, Request

PNG: Final = "image/png"


@dataclass(frozen=True, slots=True)
class Model:
    """Who answers."""

    name: str
    version: str


class Answer(NamedTuple):
    """What goes back: the HTTP status, the Content-Type and the body; for the log, the number of pictures and the error's type."""

    status: int
    content_type: str
    body: bytes
    pictures: int = 0
    error: str = ""


def write_answer(question: Question, results: Sequence[Result | DigitError], model: Model, reader: Reader) -> Answer:
    """The answer to a question, `results` being in the order of its pictures."""
    count = len(results)
    if question.form == "v2":
        return _json(_tensors(question, results, model, reader), count)
    if question.form == "one":
        (result,) = results
        if isinstance(result, DigitError):
            return write_error(result, count)
        if (write := reader.media.get(question.accept)) is not None:
            return Answer(200, question.accept, write(result), count)
        return Answer(200, JSON, reader.to_json(result).encode(), count)
    texts = f"[{', '.join([_error_text(r) if isinstance(r, DigitError) else reader.to_json(r) for r in results])}]"
    return Answer(200, JSON, (texts if question.form == "many" else f'{{"predictions": {texts}}}').encode(), count)


def write_explanation(question: Question, results: Sequence[Explanation | DigitError], reader: Reader) -> Answer:
    """The explanations of a question's pictures, `results` being in their order; of one picture a PNG, if that is preferred."""
    objects = [r.told() if isinstance(r, DigitError) else reader.explanation_object(r) for r in results]
    count = len(results)
    if question.form in ("v1", "v2"):
        return _json({"explanations": objects}, count)
    if question.form == "many":
        return _json(objects, count)
    (result,) = results
    if isinstance(result, DigitError):
        return write_error(result, count)
    if question.accept == PNG:
        return Answer(200, PNG, reader.explanation_png(result), count)
    return _json(objects[0], count)


def write_refusal(error: DigitError, request: Request, model: Model, reader: Reader) -> Answer:
    """The answer to a request that is refused as a whole.

    Open Inference Protocol over gRPC carries tensors only, and TorchServe's worker dies of anything else: one row, refused.
    """
    body = request.row.get("body")
    if request.is_grpc and isinstance(body, dict):  # over gRPC TorchServe parses no other body
        answer = write_answer(Question((error,), "v2", id=str(body.get("id", ""))), [error], model, reader)
        return answer._replace(pictures=0, error=error.type)
    return write_error(error)


def write_error(error: DigitError, pictures: int = 0) -> Answer:
    return Answer(error.status, JSON, _error_text(error).encode(), pictures, error.type)


def with_error_key(answer: Answer) -> Answer:
    """A refusal as clients of KServe's protocols read it: its message stands under "error" too."""
    refusal = json.loads(answer.body)
    return answer._replace(body=json.dumps(refusal | {"error": refusal["message"]}).encode())


def _json(content: Any, pictures: int) -> Answer:
    return Answer(200, JSON, json.dumps(content).encode(), pictures)


def _error_text(error: DigitError) -> str:
    return json.dumps(error.told())


def _tensors(question: Question, results: Sequence[Result | DigitError], model: Model, reader: Reader) -> dict[str, Any]:
    """A V2 answer: the reader's tensors, and "error", which holds the refusal of a picture where the others hold nothing."""
    outputs = reader.to_tensors([None if isinstance(r, DigitError) else r for r in results])
    errors = [_error_text(r) if isinstance(r, DigitError) else "" for r in results]
    outputs.append({"name": "error", "datatype": "BYTES", "shape": [len(results)], "data": errors})
    answer = {"model_name": model.name, "model_version": model.version, "outputs": outputs}
    return answer if question.id is None else answer | {"id": question.id}
