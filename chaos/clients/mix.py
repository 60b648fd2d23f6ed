"""Mixed traffic: requests as clients in production send them, in fixed shares, to all models of a server."""

from collections.abc import Sequence

from chaos.clients.questions import CheckedQuestion, single
from testbed.endpoints import JSON, encode_instances, explain_path, predict_path
from testbed.pictures import LabelledPicture

# Of 100 requests: single pictures, lists of 8 as JSON, explanations, pictures that cannot be read.
SHARES = {"single": 85, "list": 10, "explanation": 1, "bad": 4}
LIST = 8
CYCLE = 100


def mixed(models: Sequence[str], pictures: Sequence[LabelledPicture]) -> list[CheckedQuestion]:
    """A hundred questions for each model, with their kinds evenly spread; `pictures` are used in turn."""
    return [
        question(kind, models[i % len(models)], [pictures[(i * LIST + j) % len(pictures)] for j in range(LIST)])
        for i, kind in enumerate(kind for kind in spread() for _ in models)
    ]


def spread() -> list[str]:
    """The kinds of a hundred requests, each spaced as evenly as its share allows."""
    places = sorted((n * CYCLE / share, kind) for kind, share in SHARES.items() for n in range(share))
    return [kind for _, kind in places]


def question(kind: str, model: str, pictures: Sequence[LabelledPicture]) -> CheckedQuestion:
    """A question of one kind."""
    if kind == "single":
        return single(model, pictures[0])
    if kind == "explanation":
        return CheckedQuestion(kind, explain_path(model), pictures[0].png)
    if kind == "bad":
        return CheckedQuestion(kind, predict_path(model), pictures[0].png[:60], status=400)
    body = encode_instances([picture.png for picture in pictures])
    return CheckedQuestion(kind, predict_path(model), body, headers=f"Content-Type: {JSON}\r\n")
