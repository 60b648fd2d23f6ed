"""Mixed traffic: what clients of a server in production send, in stated shares, to both models."""

import base64
import json
from collections.abc import Sequence

from chaos.questions import Question, single
from deploy.server import MODELS
from loadtest.pictures import LabelledPicture

# Of 100 requests: single pictures, lists of 8 as JSON, explanations, pictures that cannot be read.
SHARES = {"single": 85, "list": 10, "explanation": 1, "bad": 4}
LIST = 8
CYCLE = 100


def mixed(pictures: Sequence[LabelledPicture]) -> list[Question]:
    """A hundred questions for each model, its kinds spread evenly; `pictures` are used in turn."""
    return [
        question(kind, MODELS[i % len(MODELS)], [pictures[(i * LIST + j) % len(pictures)] for j in range(LIST)])
        for i, kind in enumerate(kind for kind in spread() for _ in MODELS)
    ]


def spread() -> list[str]:
    """The kinds of a hundred requests, each as evenly spaced as its share allows."""
    places = sorted((n * CYCLE / share, kind) for kind, share in SHARES.items() for n in range(share))
    return [kind for _, kind in places]


def question(kind: str, model: str, pictures: Sequence[LabelledPicture]) -> Question:
    """One question of a kind."""
    if kind == "single":
        return single(model, pictures[0])
    if kind == "explanation":
        return Question(kind, f"/explanations/{model}", pictures[0].png)
    if kind == "bad":
        return Question(kind, f"/predictions/{model}", pictures[0].png[:60], status=400)
    instances = [base64.b64encode(picture.png).decode() for picture in pictures]
    body = json.dumps({"instances": instances}).encode()
    return Question(kind, f"/predictions/{model}", body, headers="Content-Type: application/json\r\n")
