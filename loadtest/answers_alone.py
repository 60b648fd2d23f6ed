"""The answers that a server gives before the load, one request at a time, so that no batch can mix requests up."""

import ssl
from collections.abc import Sequence
from typing import Any

import requests

from deploy.asking import ask
from deploy.machine.local import client
from digitkit.artifacts.card import FIRST_TASK
from testbed.answers import WrongAnswer, read_answer, read_explanation
from testbed.endpoints import encode_form, explain_path, predict_path

TIMEOUT_S = 30.0
PICTURES_A_REQUEST = 250  # 1,000 pictures are answered in 1 to 2 s; one at a time they take 5 to 28 s
EXPLANATIONS_A_REQUEST = 1  # one of a number takes half a second on a busy machine, and a request has few seconds for all of its own


class ServerRefused(Exception):
    """The server cannot be reached, or already answers the first requests wrongly."""


def auth_headers(token: str) -> dict[str, str]:
    """The header that carries the token; empty for a server that runs without tokens."""
    return {"Authorization": f"Bearer {token}"} if token else {}


def ask_alone(host: str, model: str, token: str, pictures: Sequence[bytes], *, task: str = FIRST_TASK, ca: str = "") -> list[Any]:
    """The parsed answers to encoded `pictures`, in order, asked one request at a time.

    Args:
        task: the model's, by which its answers are checked.
    Raises:
        ServerRefused: no server at `host`, a certificate that none in the file `ca` has signed (nor a public authority, if no file
            is named), a wrong token, no such model, another status than 200, or a malformed answer.
    """
    with _session(token, ca) as session:
        answers = _ask_all(session, host, predict_path(model), pictures, PICTURES_A_REQUEST)
    try:
        for answer in answers:
            read_answer(answer, task)
    except WrongAnswer as err:
        raise ServerRefused(f"{host} gives no valid answers for {model} ({err})") from err
    return answers


def explain_alone(host: str, model: str, token: str, pictures: Sequence[bytes], *, task: str = FIRST_TASK, ca: str = "") -> list[Any]:
    """The parsed explanations of `pictures`, in order, asked one request at a time; raises ServerRefused like ask_alone."""
    with _session(token, ca) as session:
        answers = _ask_all(session, host, explain_path(model), pictures, EXPLANATIONS_A_REQUEST)
    try:
        for answer in answers:
            read_explanation(answer, task)
    except WrongAnswer as err:
        raise ServerRefused(f"{host} gives no valid explanations for {model} ({err})") from err
    return answers


def check_management(management: str, model: str, token: str, *, ca: str = "") -> None:
    """Return if the management API at `management` describes the model; raises ServerRefused otherwise."""
    try:
        with _session(token, ca) as session:
            response = ask(f"{management}/models/{model}", headers={}, timeout_s=TIMEOUT_S, session=session)
    except requests.RequestException as err:
        raise ServerRefused(f"{management} {_reason(err)}; MANAGEMENT=… names the management API") from err
    if response.status_code != 200:
        raise ServerRefused(
            f"{management} answers {response.status_code} for {model}, not 200; MANAGEMENT_TOKEN=… must be its management token"
        )


def _session(token: str, ca: str) -> requests.Session:
    session = client(ca)  # without proxies, as Locust's own client
    session.headers.update(auth_headers(token))
    return session


def _reason(error: requests.RequestException) -> str:
    """Why there was no answer, and what to do if a certificate is not trusted."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"is not trusted ({cause.verify_message}); DIGITS_CA=ca.pem names the CA that signed its certificate"
        cause = cause.__cause__ or cause.__context__
    return f"cannot be reached ({type(error).__name__})"


def _ask_all(session: requests.Session, host: str, path: str, pictures: Sequence[bytes], at_once: int) -> list[Any]:
    answers: list[Any] = []
    for start in range(0, len(pictures), at_once):
        answers += _ask(session, host, path, pictures[start : start + at_once])
    return answers


def _ask(session: requests.Session, host: str, path: str, pictures: Sequence[bytes]) -> list[Any]:
    """The parsed answers to the pictures of one request; the server answers one picture with an object, several with a list."""
    body, content_type = encode_form(pictures)
    headers = {"Content-Type": content_type}
    try:
        response = ask(host + path, body, headers=headers, timeout_s=TIMEOUT_S, session=session)
    except requests.RequestException as err:
        raise ServerRefused(f"{host} {_reason(err)}; HOST=… names another server") from err
    if "InvalidKeyException" in response.text:
        raise ServerRefused(f"{host} refuses the token; TOKEN=… must be its inference token, and not expired")
    if response.status_code != 200:
        raise ServerRefused(f"{host} answers {response.status_code} on {path}, not 200; is this model served there?")
    try:
        answers = response.json()
    except ValueError as err:
        raise ServerRefused(f"{host} answers no JSON on {path}") from err
    answers = answers if isinstance(answers, list) else [answers]
    if len(answers) != len(pictures):
        raise ServerRefused(f"{host} gives {len(answers)} answers for {len(pictures)} pictures on {path}")
    return answers
