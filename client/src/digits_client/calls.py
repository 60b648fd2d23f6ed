"""The calls of a client as exchanges: which request each sends, and what it makes of the reply."""

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

from digits_client.errors import StrangeAnswer
from digits_client.inputs import Picture, prepare
from digits_client.lists import to_body
from digits_client.results import Digit, Explanation, NumbersFound, to_digit, to_explanation, to_numbers
from digits_client.trying import Exchange, Patience, Reply, Send, ask

PNG = "image/png"

Template: TypeAlias = str | Mapping[str, Any]  # the name of one that the server has, or one of your own as docs/numbers.md has it


def predict_path(model: str) -> str:
    """Where a model reads; it may be followed by a version, as digits/1.0."""
    return f"/predictions/{model}"


def explain_path(model: str) -> str:
    return f"/explanations/{model}"


def ask_digit(picture: Picture, *, model: str, patience_s: float) -> Exchange[Digit]:
    """The digit in a picture."""
    return to_digit(_told((yield from _ask(predict_path(model), picture, {}, patience_s))))


def ask_numbers(document: Picture, known: dict[str, str], *, model: str, patience_s: float) -> Exchange[NumbersFound]:
    """The numbers in a picture or document, of which the headers `known` say what is known beforehand."""
    return to_numbers(_told((yield from _ask(predict_path(model), document, known, patience_s))))


def known_beforehand(format: str | None, template: Template | None, pages: str | int | None, words: str | None) -> dict[str, str]:
    """The headers that say what is known of a document's numbers."""
    layout = template if template is None or isinstance(template, str) else json.dumps(template)
    said = {"X-Format": format, "X-Template": layout, "X-Page": None if pages is None else str(pages), "X-Words": words}
    return {name: value for name, value in said.items() if value}


def ask_explanation(picture: Picture, *, model: str, target: int | None, patience_s: float) -> Exchange[Explanation]:
    """Which pixels speak for a digit, the one that was read if no target is given."""
    return to_explanation(_told((yield from _ask(explain_path(model), picture, _target(target), patience_s))))


def ask_drawing(picture: Picture, *, model: str, target: int | None, patience_s: float) -> Exchange[bytes]:
    """The same as a PNG of 280 x 280 pixels."""
    reply = yield from _ask(explain_path(model), picture, {**_target(target), "Accept": PNG}, patience_s)
    return reply.body


def _ask(path: str, picture: Picture, headers: dict[str, str], patience_s: float) -> Exchange[Reply]:
    body, kind = to_body([prepare(picture)], forms=False)
    return (yield from ask(Send(path, body, {"Content-Type": kind, **headers}), Patience(patience_s)))


def _target(target: int | None) -> dict[str, str]:
    return {} if target is None else {"X-Target": str(target)}


def _told(reply: Reply) -> Any:
    try:
        return json.loads(reply.body)
    except ValueError as err:
        raise StrangeAnswer("the answer is no JSON") from err
