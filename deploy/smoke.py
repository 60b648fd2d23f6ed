"""Does the running server answer correctly? `python -m deploy.smoke` asks every model for a known, a truncated and ten test pictures."""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from deploy import asking
from deploy.model_list import DIGITS, ListedModel
from deploy.server import REQUEST_TIMEOUT_S, Server, ServerError
from deploy.settings.server_flags import add_server_flags
from digitkit.pictures.codec import encode_png
from testbed.answers import contradictions
from testbed.endpoints import predict_path
from testbed.pictures import DATA_ROOT, LabelledCanvases, PicturesError, load_canvases

CUT = 60  # bytes that are left of a truncated picture
LEAST_RIGHT = 9  # of the first ten test pictures


class SmokeError(Exception):
    """The server answers, but not as it should."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the models answered for one test picture."""

    index: int
    label: int
    digits: dict[str, int]


def read_test_pictures(server: Server, test: LabelledCanvases, indices: list[int]) -> list[Reading]:
    """The answers of all models that read digits to some test pictures; raises SmokeError for an error or a malformed answer."""
    readings, models = [], [model.name for model in server.known(DIGITS)]
    for i in indices:
        answers = {model: ask(server, model, encode_png(test.pictures[i])) for model in models}
        readings.append(Reading(i, int(test.labels[i]), {model: int(answer["digit"]) for model, answer in answers.items()}))
    return readings


def ask(server: Server, model: str, body: bytes, expected_status: int = 200) -> dict[str, Any]:
    """The JSON answer of a model for a picture."""
    url = server.inference + predict_path(model)
    response = asking.ask(url, body, headers=server.headers(), timeout_s=REQUEST_TIMEOUT_S)
    if response.status_code != expected_status:
        raise SmokeError(f"{url} answered {response.status_code}, expected {expected_status}: {response.text[:200]}")
    answer: dict[str, Any] = response.json()
    return answer


def check(server: Server, data_root: Path = DATA_ROOT) -> str:
    """Check every served model, and return a sentence that says what was checked.

    Args:
        data_root: the folder that holds MNIST/raw, which is only needed if a model that reads digits is served.
    Raises:
        SmokeError: an answer is wrong, or a model reads fewer than nine of ten digits correctly.
        PicturesError: MNIST's test pictures are not there.
    """
    ping = asking.ask(f"{server.inference}/ping", headers=server.headers(), timeout_s=REQUEST_TIMEOUT_S)
    if ping.json().get("status") != "Healthy":
        raise SmokeError(f"/ping answered {ping.status_code}: {ping.text[:200]}")
    known = server.known()
    for model in known:
        check_known_picture(server, model)
    models = [model.name for model in known if model.task == DIGITS]
    if models:
        check_ten_digits(models, read_test_pictures(server, load_canvases(data_root), list(range(10))))
    told = f"smoke: healthy; {listing([model.name for model in known])} read their known picture and refuse a truncated one with 400"
    return told + (f"; {listing(models)} read ten digits" if models else "")


def check_ten_digits(models: list[str], readings: list[Reading]) -> None:
    for name in models:
        right = sum(reading.digits[name] == reading.label for reading in readings)
        if right < LEAST_RIGHT:
            raise SmokeError(f"{name} reads {right} of the first 10 test pictures correctly; at least {LEAST_RIGHT} are needed")


def check_known_picture(server: Server, model: ListedModel) -> None:
    """Send a model the picture whose answer the list knows, and a truncated copy of it; raises SmokeError."""
    picture = model.probe.picture.read_bytes()
    answer = ask(server, model.name, picture)
    if wrong := contradictions(answer, model.probe.answer):
        raise SmokeError(f"{model.name} answers {wrong} for {model.probe.picture.name}, expected {dict(model.probe.answer)}")
    ask(server, model.name, picture[:CUT], expected_status=400)


def listing(names: list[str]) -> str:
    """Names in the form that a sentence needs: "a, b and c"."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def main() -> None:
    parser = argparse.ArgumentParser(prog="deploy.smoke", description=__doc__)
    add_server_flags(parser)
    parser.add_argument("--data-root", type=Path, default=DATA_ROOT)
    flags = parser.parse_args()
    try:
        print(check(Server(flags.port, models=flags.models), flags.data_root))
    except (ServerError, SmokeError, PicturesError, requests.RequestException) as err:
        sys.exit(f"{parser.prog}: {err}")


if __name__ == "__main__":
    main()
