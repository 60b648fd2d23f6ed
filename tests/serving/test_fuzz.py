"""Mutants of every kind of request meet our own refusals and nothing else: in the wire layer, and in the running server."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
from corpus import Request, as_row, mutants, requests_of
from numpy.typing import NDArray
from questions import read_question
from served import MODELS, workers

from deploy.server import Server
from digitkit.errors import DigitError
from digitkit.serving.request import from_torchserve
from digitkit.settings import Limits

IN_PROCESS = 24_000  # 7 s
SENT = 5_000
CONNECTIONS = 16
Outcome = tuple[int, int | str | None]  # the status, and the digit of a good answer to one picture or the type of an error


@pytest.fixture(scope="module")
def corpus(ten_digits: NDArray[np.uint8]) -> list[Request]:
    return requests_of(ten_digits[7])


def outcomes(request: Request, limits: Limits) -> list[str]:
    """What becomes of each picture of a request, "canvas" or the type of its refusal."""
    row, headers = as_row(request)
    try:
        pictures = read_question(from_torchserve(row, headers), limits).pictures
    except DigitError as err:
        pictures = (err,)
    refusals = [picture if isinstance(picture, DigitError) else picture.refusal for picture in pictures]
    for picture, refusal in zip(pictures, refusals, strict=True):
        if refusal is None:
            assert {(canvas.dtype.name, canvas.shape) for canvas in picture.canvases} == {("uint8", (28, 28))}
    return ["canvas" if refusal is None else refusal.type for refusal in refusals]


def test_every_request_of_the_corpus_is_good_before_it_is_mutated(corpus: list[Request], limits: Limits) -> None:
    assert len(corpus) > 100
    for request in corpus:
        assert set(outcomes(request, limits)) <= {"canvas", "BlankPicture"}
    assert len([request for request in corpus if "canvas" in outcomes(request, limits)]) > 0.9 * len(corpus)


@pytest.mark.slow
def test_24000_mutants_raise_nothing_but_our_own_errors(corpus: list[Request], limits: Limits, capfd: pytest.CaptureFixture[str]) -> None:
    seen: Counter[str] = Counter()
    for i, request in enumerate(mutants(corpus, IN_PROCESS, seed=0)):
        try:
            seen.update(outcomes(request, limits))
        except Exception as err:
            err.add_note(f"mutant {i} of seed 0, from request {i % len(corpus)}: {request.body[:80]!r} {request.headers}")
            raise
    capfd.readouterr()  # libtiff complains on the process's own stderr
    assert seen.total() >= IN_PROCESS
    kinds = {"canvas", "UnreadablePicture", "BadRequest", "BlankPicture", "TooLarge"}
    assert kinds <= seen.keys()  # the mutants reach every part of the wire layer
    assert min(seen[kind] for kind in kinds) > 50, seen


def test_the_same_seed_gives_the_same_mutants(corpus: list[Request]) -> None:
    first, second, other = (list(mutants(corpus, 300, seed)) for seed in (1, 1, 2))
    assert first == second
    assert first != other


@pytest.mark.server
def test_5000_mutants_sent_among_good_requests_are_no_5xx_and_cost_no_good_answer(
    corpus: list[Request], server: Server, ten_pngs: list[bytes]
) -> None:
    """Every tenth request is good, over connections that stay open; each target gets half of them."""
    urls = [f"{server.inference}/predictions/{model}" for model in MODELS]
    good = [Request(png, {}) for png in ten_pngs]
    sendable = (request for request in mutants(corpus, SENT * 2, seed=1) if "".join(request.headers.values()).isascii())
    jobs = [next(sendable) if i % 10 else good[i // 10 % 10] for i in range(SENT * 10 // 9)]

    def send(part: list[Request]) -> list[Outcome]:
        with httpx.Client(headers=server.headers(), timeout=60) as client:
            return [ask(client, urls[i % 2], request) for i, request in enumerate(part)]

    before = workers(server).keys()
    expected = {png: send([request, request]) for png, request in zip(ten_pngs, good, strict=True)}
    parts = [jobs[start::CONNECTIONS] for start in range(CONNECTIONS)]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        answers = list(pool.map(send, parts))
    seen: Counter[int] = Counter()
    for part, answered in zip(parts, answers, strict=True):
        for i, (request, outcome) in enumerate(zip(part, answered, strict=True)):
            seen[outcome[0]] += 1
            assert outcome[0] < 500 or is_broken_form(request, outcome), f"{outcome} for {request.body[:200]!r} {request.headers}"
            if request.body in expected:
                assert outcome == expected[request.body][i % 2]
    assert {200, 400, 413, 422} <= seen.keys(), seen
    assert seen[500] < 0.3 * len(jobs) / len(corpus)  # of forms only, and not of every form
    assert workers(server).keys() == before


def is_broken_form(request: Request, outcome: Outcome) -> bool:
    """Whether it is TorchServe's own answer to a form whose parts it cannot tell apart: 500, and no worker sees the request."""
    is_form = request.headers.get("content-type", "").startswith("multipart/")
    return is_form and outcome in {(500, f"{name}Exception") for name in ("ErrorDataDecoder", "InternalServer", "ArrayIndexOutOfBounds")}


def ask(client: httpx.Client, url: str, request: Request) -> Outcome:
    answer = client.post(url, content=request.body, headers=request.headers)
    body = answer.json() if answer.headers["content-type"] == "application/json" else None
    return answer.status_code, body.get("digit", body.get("type")) if isinstance(body, dict) else None
