"""The numbers of a picture in the words of an answer: JSON, plain text, CSV, and the tensors of the Open Inference Protocol."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any, Final

from digitkit.readers.numbers.explain import CharacterExplanation
from digitkit.readers.numbers.number import Number, Quad, Transcript

PAGE: Final = 1  # of a picture, which has one
COLUMNS: Final = ("text", "digits", "value", "confidence", "accepted", "reason", "x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4")


def to_json(transcript: Transcript) -> str:
    """The JSON object of a picture's numbers; without an accepted one among them, it says why."""
    height, width = transcript.picture.shape
    whole = {"reason": transcript.reason} if not transcript.numbers else {}
    answer = {"numbers": [number_object(each) for each in transcript.numbers]} | whole
    return json.dumps(answer | {"pages": [{"width": width, "height": height}]})


def number_object(number: Number) -> dict[str, Any]:
    """The JSON object of one number."""
    characters = [{"text": each.text, "confidence": round(each.confidence, 4), "quad": corners(each.quad)} for each in number.characters]
    told = {"text": number.text, "value": number.value, "digits": number.digits, "confidence": round(number.confidence, 4)}
    reason = {"reason": number.reason} if number.reason else {}
    return told | {"accepted": number.accepted} | reason | {"page": PAGE, "quad": corners(number.quad), "characters": characters}


def corners(quad: Quad) -> list[list[float]]:
    """A quad as lists of [x, y], to a tenth of a pixel."""
    return [[round(x, 1), round(y, 1)] for x, y in quad]


def to_text(transcript: Transcript) -> bytes:
    """The numbers, one a line."""
    return "\n".join(each.text for each in transcript.numbers).encode()


def to_csv(transcript: Transcript) -> bytes:
    """A table with a row for each number, under COLUMNS."""
    buffer = io.StringIO()
    table = csv.writer(buffer)
    table.writerow(COLUMNS)
    for each in transcript.numbers:
        told = (each.text, each.digits, "" if each.value is None else each.value, round(each.confidence, 4))
        places = [side for corner in corners(each.quad) for side in corner]
        table.writerow([*told, str(each.accepted).lower(), each.reason, *places])
    return buffer.getvalue().encode()


def to_tensors(transcripts: Sequence[Transcript | None]) -> list[dict[str, Any]]:
    """A tensor for each field of a picture's best number, and one with all its numbers as JSON; a refused picture has none."""
    best = [None if each is None else each.best for each in transcripts]
    reasons = ["" if each is None else each.reason for each in transcripts]
    everything = [json.dumps([] if each is None else [number_object(number) for number in each.numbers]) for each in transcripts]
    fields: list[tuple[str, str, list[Any]]] = [
        ("text", "BYTES", [each.text if each else "" for each in best]),
        ("digits", "BYTES", [each.digits if each else "" for each in best]),
        ("confidence", "FP32", [round(each.confidence, 4) if each else 0.0 for each in best]),
        ("accepted", "BOOL", [bool(each and each.accepted) for each in best]),
        ("reason", "BYTES", reasons),
        ("numbers", "BYTES", everything),
    ]
    return [{"name": name, "datatype": datatype, "shape": [len(best)], "data": data} for name, datatype, data in fields]


def explanation_object(explanation: CharacterExplanation) -> dict[str, Any]:
    """The JSON object of an explanation."""
    return {
        "text": explanation.text,
        "number": explanation.number,
        "character": explanation.character,
        "method": explanation.method,
        "quad": corners(explanation.quad),
        "attributions": explanation.attributions.round(4).tolist(),
    }
