"""What a model says of itself: TorchServe asks for it on GET /models/{model}?customized=true of the management API."""

import json
from dataclasses import asdict

from digitkit.artifacts.card import Card
from digitkit.reader import Recogniser
from digitkit.serving.request import JSON, Request
from digitkit.serving.writing import Answer


def is_describe(request: Request) -> bool:
    """Whether TorchServe asks for the description: a request without a body that carries its mark."""
    return not request.row and request.headers.get("describe") == "True"


def write_description(file: str, loaded: Recogniser, *, device: str, card: Card) -> Answer:
    """The description: what runs where, and the card of the weights or the graph.

    Args:
        file: the name of the weights or the graph.
        loaded: the model.
        device: that the settings ask for.
        card: of the file.
    """
    content = {
        "loaded": True,
        "file": file,
        "device": device,
        "runs_on": loaded.place,
        "explains_by": loaded.method,
        "card": asdict(card),
    }
    return Answer(200, JSON, json.dumps(content).encode())
