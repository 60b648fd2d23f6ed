"""The numbers of a picture in the words of an answer: JSON, plain text, CSV, and the tensors of the Open Inference Protocol."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from digitkit.readers.numbers.explain import CharacterExplanation
from digitkit.readers.numbers.number import NO_NUMBER, CheckedSum, Number, Quad, ReadField, SeenPage, Transcript

PLACES: Final = ("x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4")
COLUMNS: Final = ("text", "digits", "value", "confidence", "accepted", "reason", "page", *PLACES, "field")


def to_json(transcript: Transcript) -> str:
    """The JSON object of a picture's numbers, or of a document's; without any number, it says so."""
    whole = {"reason": transcript.reason} if not transcript.numbers else {}
    answer: dict[str, Any] = {"numbers": [number_object(each) for each in transcript.numbers]} | whole
    if transcript.fields is not None:
        answer["fields"] = fields_object(transcript.fields)
    if transcript.sums:
        answer["sums"] = [sum_object(each) for each in transcript.sums]
    return json.dumps(answer | {"pages": [page_object(each) for each in transcript.pages]})


def page_object(page: SeenPage) -> dict[str, Any]:
    """The JSON object of a page: what it measures, or why it was not read."""
    if page.error is not None:
        return {"page": page.number, "error": page.error.told()}
    known = {"dpi": page.dpi, "rotation": page.rotation}
    return {"page": page.number, "width": page.width, "height": page.height} | {name: value for name, value in known.items() if value}


def fields_object(fields: Mapping[str, ReadField]) -> dict[str, Any]:
    """A template's fields by name: the number of each, or that there is none, with the place where it was looked for."""
    return {
        name: number_object(read.number)
        if read.number is not None
        else {"accepted": False, "reason": NO_NUMBER, "page": read.page, "quad": corners(read.quad)}
        for name, read in fields.items()
    }


def sum_object(checked: CheckedSum) -> dict[str, Any]:
    """The JSON object of a sum: its amount is a string, so that no decimal is lost."""
    amount = None if checked.amount is None else f"{checked.amount:f}"
    return {"total": checked.total, "items": checked.items, "amount": amount, "holds": checked.holds}


def number_object(number: Number) -> dict[str, Any]:
    """The JSON object of one number."""
    characters = [{"text": each.text, "confidence": round(each.confidence, 4), "quad": corners(each.quad)} for each in number.characters]
    told = {"text": number.text, "value": number.value, "digits": number.digits, "confidence": round(number.confidence, 4)}
    reason = {"reason": number.reason} if number.reason else {}
    return told | {"accepted": number.accepted} | reason | {"page": number.page, "quad": corners(number.quad), "characters": characters}


def corners(quad: Quad) -> list[list[float]]:
    """A quad as lists of [x, y], to a tenth of a pixel."""
    return [[round(x, 1), round(y, 1)] for x, y in quad]


def to_text(transcript: Transcript) -> bytes:
    """The numbers, one a line."""
    return "\n".join(each.text for each in transcript.numbers).encode()


def to_csv(transcript: Transcript) -> bytes:
    """A table with a row for each number, under COLUMNS, with the name of its field where a template was asked for."""
    buffer = io.StringIO()
    table = csv.writer(buffer)
    table.writerow(COLUMNS)
    fields = {id(read.number): name for name, read in (transcript.fields or {}).items()}
    for each in transcript.numbers:
        told = (each.text, each.digits, "" if each.value is None else each.value, round(each.confidence, 4))
        places = [side for corner in corners(each.quad) for side in corner]
        table.writerow([*told, str(each.accepted).lower(), each.reason, each.page, *places, fields.get(id(each), "")])
    return buffer.getvalue().encode()


def to_tensors(transcripts: Sequence[Transcript | None]) -> list[dict[str, Any]]:
    """A tensor for each field of a picture's best number, and all that was read as JSON; a refused picture has none."""
    best = [None if each is None else each.best for each in transcripts]
    reasons = ["" if each is None else each.reason for each in transcripts]
    everything = [json.dumps([] if each is None else [number_object(number) for number in each.numbers]) for each in transcripts]
    named = [json.dumps({} if each is None else fields_object(each.fields or {})) for each in transcripts]
    sums = [json.dumps([] if each is None else [sum_object(asked) for asked in each.sums]) for each in transcripts]
    pages = [json.dumps([] if each is None else [page_object(page) for page in each.pages]) for each in transcripts]
    fields: list[tuple[str, str, list[Any]]] = [
        ("text", "BYTES", [each.text if each else "" for each in best]),
        ("digits", "BYTES", [each.digits if each else "" for each in best]),
        ("confidence", "FP32", [round(each.confidence, 4) if each else 0.0 for each in best]),
        ("accepted", "BOOL", [bool(each and each.accepted) for each in best]),
        ("reason", "BYTES", reasons),
        ("numbers", "BYTES", everything),
        ("fields", "BYTES", named),
        ("sums", "BYTES", sums),
        ("pages", "BYTES", pages),
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
