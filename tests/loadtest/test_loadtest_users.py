"""Users of Locust against a stand-in for the server: what each of them takes for a failure."""

from time import perf_counter
from types import SimpleNamespace
from typing import Any

import pytest
from loaded import answer_of, answering

from loadtest.generator.traffic import Case
from testbed.answers import Refusal, to_prediction

SEVEN = Case("single", (b"a seven",), (to_prediction(answer_of(7)),))
BAD = Case("bad", (b"no picture",), (Refusal(400, "UnreadablePicture"),))
REFUSED = {"code": 400, "type": "UnreadablePicture", "message": ""}


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What Locust was told of one request of a user: its latency in ms and its failure."""
    monkeypatch.setenv("LOCUST_SKIP_MONKEY_PATCH", "1")  # these tests' own process stays as it is
    from locust.env import Environment

    from loadtest.generator.users import RestUser

    def ask(host: str, case: Case, late_s: float = 0.0) -> tuple[float, Exception | None]:
        told: list[dict[str, Any]] = []
        environment = Environment(host=host, user_classes=[RestUser])
        environment.parsed_options = SimpleNamespace(model="digits", token="")  # type: ignore[assignment]
        environment.events.request.add_listener(lambda **fields: told.append(fields))
        RestUser.host, RestUser.is_open = host, False
        user = RestUser(environment)
        user.on_start()
        try:
            user.ask(case, perf_counter() - late_s)
        finally:
            user.client.client.clientpool.close()
        (fields,) = told
        return fields["response_time"], fields["exception"]

    return ask


@pytest.mark.parametrize(
    ("case", "status", "answer", "failure"),
    [
        (SEVEN, 200, answer_of(7), None),
        (SEVEN, 200, answer_of(3), "wrong content"),
        (SEVEN, 200, [answer_of(7)], "malformed"),
        (SEVEN, 503, REFUSED, "503"),
        (BAD, 400, REFUSED, None),
        (BAD, 400, REFUSED | {"type": "BadRequest"}, "not the error of this bad picture"),
        (BAD, 200, answer_of(7), "status 200, not 400"),
        (BAD, 200, REFUSED, "status 200, not 400"),
        (BAD, 422, REFUSED, "422"),
        (BAD, 503, REFUSED, "503"),
    ],
)
def test_only_the_right_answer_with_its_status_is_no_failure(case: Case, status: int, answer: Any, failure: str | None, ask: Any) -> None:
    with answering(status, answer) as host:
        _, found = ask(host, case)
    assert found is None if failure is None else failure in str(found)


def test_latency_counts_from_when_a_request_was_due(ask: Any) -> None:
    with answering(200, answer_of(7)) as host:
        latency_ms, _ = ask(host, SEVEN, late_s=5.0)
    assert latency_ms >= 5_000
