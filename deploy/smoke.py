"""Is the running server right? `python -m deploy.smoke` asks both models for ten digits, and for one broken picture."""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import requests

from deploy import asking
from deploy.server import MODELS, REQUEST_TIMEOUT_S, Server, ServerError
from deploy.settings.config import to_port
from digitkit.pictures.codec import encode_png
from testbed.endpoints import predict_path
from testbed.pictures import DATA_ROOT, LabelledCanvases, PicturesError, load_canvases


class SmokeError(Exception):
    """The server answers, but not as it should."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What both models answered for one test picture."""

    index: int
    label: int
    digits: dict[str, int]
    confidences: dict[str, float]


def read_test_pictures(server: Server, test: LabelledCanvases, indices: list[int]) -> list[Reading]:
    """The answers of both models for some test pictures; raises SmokeError for an answer that is none."""
    readings = []
    for i in indices:
        answers = {model: ask(server, model, encode_png(test.pictures[i])) for model in MODELS}
        digits = {model: int(answer["digit"]) for model, answer in answers.items()}
        readings.append(Reading(i, int(test.labels[i]), digits, {model: float(answer["confidence"]) for model, answer in answers.items()}))
    return readings


def ask(server: Server, model: str, body: bytes, expected_status: int = 200) -> dict[str, float]:
    """The JSON answer of a model for a picture."""
    url = server.inference + predict_path(model)
    response = asking.ask(url, body, headers=server.headers(), timeout_s=REQUEST_TIMEOUT_S)
    if response.status_code != expected_status:
        raise SmokeError(f"{url} answered {response.status_code}, expected {expected_status}: {response.text[:200]}")
    answer: dict[str, float] = response.json()
    return answer


def check(server: Server, test: LabelledCanvases) -> str:
    """One line of what is right; raises SmokeError where fewer than nine of ten digits are."""
    ping = asking.ask(f"{server.inference}/ping", headers=server.headers(), timeout_s=REQUEST_TIMEOUT_S)
    if ping.json().get("status") != "Healthy":
        raise SmokeError(f"/ping answered {ping.status_code}: {ping.text[:200]}")
    readings = read_test_pictures(server, test, list(range(10)))
    for model in MODELS:
        right = sum(reading.digits[model] == reading.label for reading in readings)
        if right < 9:
            raise SmokeError(f"{model} reads {right} of the first 10 test pictures right; 9 are the least")
        ask(server, model, encode_png(test.pictures[0])[:60], expected_status=400)
    return f"smoke: healthy; {' and '.join(MODELS)} read ten digits and refuse a truncated picture with 400"


def main() -> None:
    parser = argparse.ArgumentParser(prog="deploy.smoke", description=__doc__)
    parser.add_argument("--port", type=to_port, default="")
    parser.add_argument("--data-root", type=Path, default=DATA_ROOT)
    flags = parser.parse_args()
    try:
        print(check(Server(flags.port), load_canvases(flags.data_root)))
    except (ServerError, SmokeError, PicturesError, requests.RequestException) as err:
        sys.exit(f"{parser.prog}: {err}")


if __name__ == "__main__":
    main()
