"""The driver of chaos and soak against a server of a few lines, whose every fault is known."""

import asyncio
import math
import os
import re
import sys
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from flaky import GOOD, OTHER, QUESTION, Flaky, against, error

from chaos.clients.load import Client, Record, open_load
from chaos.clients.mix import CYCLE, SHARES, spread
from chaos.clients.questions import NotServed, Outcome, ask_alone
from chaos.faults import InjectedFault
from chaos.many_machines import scaling
from chaos.percentiles import percentile
from chaos.scene import Scene
from chaos.soak import BINS, Bin, growth, judge, soak
from chaos.trial import Trial, try_fault
from deploy.server import Server
from testbed.connection import HttpAnswer, Lost, Pool
from testbed.retry import LONGEST_PAUSE_S, pause_s

ROOT = Path(__file__).resolve().parents[2]


def ask(server: Flaky, *, attempt_s: float = 1.0, patience_s: float = 5.0, tokens: str = "ab") -> Record:
    """What becomes of one request by the rule; each reading of the token gives the next letter."""
    letters = iter(tokens)

    async def test(pool: Pool, url: str) -> Record:
        record = Record("single", asyncio.get_running_loop().time())
        await Client(pool, lambda: next(letters), attempt_s=attempt_s, patience_s=patience_s).ask(QUESTION, record)
        return record

    return against(server, test)


def test_a_right_answer_is_right_at_once() -> None:
    record = ask(Flaky((200, GOOD)))
    assert (record.first, record.final, record.attempts, record.version, record.done) == (Outcome.RIGHT, Outcome.RIGHT, 1, "1.0", True)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 507])
def test_an_answer_that_says_try_again_is_an_error_and_right_after_a_retry(status: int) -> None:
    record = ask(Flaky(error(status), (200, GOOD)))
    assert (record.first, record.status, record.final, record.attempts) == (Outcome.ERROR, status, Outcome.RIGHT, 2)


def test_a_connection_that_ends_without_an_answer_is_lost_and_right_after_a_retry() -> None:
    record = ask(Flaky(None, (200, GOOD)))
    assert (record.first, record.reason, record.final) == (Outcome.LOST, "closed without an answer", Outcome.RIGHT)


def test_a_server_that_is_silent_costs_the_time_of_an_attempt_and_its_late_answer_goes_to_nobody() -> None:
    record = ask(Flaky((200, GOOD), delay_s=0.3), attempt_s=0.1, patience_s=0.5)
    assert (record.first, record.reason, record.final) == (Outcome.LOST, "no answer in time", Outcome.LOST)
    assert record.first_s >= 0.1


def test_a_refused_token_is_read_again() -> None:
    server = Flaky(error(400, "InvalidKeyException"), (200, GOOD))
    assert ask(server).final is Outcome.RIGHT
    assert [b"Bearer a" in server.requests[0], b"Bearer b" in server.requests[1]] == [True, True]


NEVER_AGAIN = [error(400, "UnreadablePicture"), error(404), error(500, "Fault")]


@pytest.mark.parametrize("answer", [*NEVER_AGAIN, (200, OTHER), (200, b"{}"), (200, b"no JSON"), (503, b"busy"), (503, b'{"code": 500}')])
def test_another_answer_or_an_unclear_error_is_wrong_and_never_asked_again(answer: tuple[int, bytes]) -> None:
    record = ask(Flaky(answer, (200, GOOD)))
    assert (record.first, record.final, record.attempts) == (Outcome.WRONG, Outcome.WRONG, 1)


def test_the_last_decimals_of_an_answer_may_differ_and_no_others() -> None:
    near, far = (GOOD.replace(b"0.9]", digits) for digits in (b"0.9004]", b"0.903]"))
    assert [QUESTION.judge(HttpAnswer(200, b"HTTP/1.1 200 OK", body)) for body in (near, far)] == [Outcome.RIGHT, Outcome.WRONG]


def test_retries_end_when_patience_does() -> None:
    record = ask(Flaky(error(503)), patience_s=1.0)
    assert record.final is Outcome.ERROR
    assert record.attempts > 1
    assert record.final_s < 5


def test_pauses_grow_to_a_limit_and_heed_retry_after() -> None:
    assert max(pause_s(1, None) for _ in range(200)) <= 0.2
    assert 1 < max(pause_s(20, None) for _ in range(200)) <= LONGEST_PAUSE_S
    assert min(pause_s(1, HttpAnswer(503, b"HTTP/1.1 503 x\r\nRetry-After: 2", b"")) for _ in range(50)) >= 2


def load(server: Flaky, rate: float, seconds: float) -> list[Record]:
    async def test(pool: Pool, url: str) -> list[Record]:
        records = deque[Record]()
        await open_load(Client(pool, lambda: "a", patience_s=0), [QUESTION], rate, seconds=seconds, records=records)
        return list(records)

    return against(server, test)


@pytest.mark.parametrize("rate", [200, 333.3])
def test_open_load_sends_at_its_rate_and_counts_latency_from_when_a_request_should_have_left(rate: float) -> None:
    records = load(Flaky((200, GOOD), delay_s=0.05), rate, 0.5)
    assert len(records) == round(rate * 0.5)
    assert {record.first for record in records} == {Outcome.RIGHT}
    assert all(b.intended - a.intended == pytest.approx(1 / rate) for a, b in pairwise(records))
    assert min(record.first_s for record in records) >= 0.045
    assert all(record.first_s >= record.late_s for record in records)


def test_open_load_counts_each_request_once_whatever_becomes_of_it() -> None:
    records = load(Flaky((200, GOOD), error(503), None, (200, OTHER), (200, GOOD)), 100, 0.2)
    assert Counter(record.first for record in records) == {Outcome.RIGHT: 17, Outcome.ERROR: 1, Outcome.LOST: 1, Outcome.WRONG: 1}


def test_nobody_listening_is_a_lost_request() -> None:
    async def run() -> None:
        with pytest.raises(Lost, match="no connection: ConnectionRefusedError"):
            await Pool("http://127.0.0.1:1").ask(b"", 1.0)

    asyncio.run(run())


def test_a_server_that_answers_wrong_without_load_is_named() -> None:
    with pytest.raises(NotServed, match=r"/predictions/digits answers 404 to single, not 200"):
        against(Flaky(error(404)), lambda pool, url: ask_alone(pool, [QUESTION], "a"))


class Unseen(Scene):
    """A scene whose server has no processes to look at."""

    def resident_mib(self) -> tuple[float, float]:
        return 100.0, 200.0


def scene(pool: Pool, url: str) -> Scene:
    return Unseen(Server(int(url.rpartition(":")[2])), pool, Client(pool, lambda: "a"), [QUESTION], knee=100.0)


def test_a_trial_counts_what_a_fault_did_and_sees_when_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chaos.trial.BEFORE_S", 0.2)
    monkeypatch.setattr("chaos.trial.CALM_S", 0.3)
    server = Flaky((200, GOOD))

    async def refuse_twice_and_hang_up_once(scene: Scene) -> None:
        server.answers = [error(503), error(503), None, (200, GOOD)]
        await asyncio.sleep(0.2)

    trial = against(server, lambda pool, url: try_fault(scene(pool, url), InjectedFault("busy", "is busy", refuse_twice_and_hang_up_once)))
    sent = sum(trial.first.values())
    failed = sent - trial.first[Outcome.RIGHT]
    assert 1 <= failed <= 3  # a retry may meet the second failure or the third
    assert failed == trial.errors.total() == trial.first[Outcome.ERROR] + trial.first[Outcome.LOST]
    assert trial.final == {Outcome.RIGHT: sent}
    assert trial.passed
    assert trial.attempts == pytest.approx((sent + 3) / sent)


def test_a_trial_with_a_wrong_answer_is_not_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chaos.trial.BEFORE_S", 0.2)
    monkeypatch.setattr("chaos.trial.CALM_S", 0.3)
    server = Flaky((200, GOOD))

    async def mix_up(scene: Scene) -> None:
        server.answers = [(200, OTHER), (200, GOOD)]

    trial = against(server, lambda pool, url: try_fault(scene(pool, url), InjectedFault("mixed-up", "answers another", mix_up)))
    assert (trial.first[Outcome.WRONG], trial.passed) == (1, False)


def test_workers_come_under_a_load_of_their_own_and_go_after_it_while_all_requests_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("chaos.trial.BEFORE_S", 0.1), ("chaos.trial.CALM_S", 0.2), ("chaos.many_machines.READING_S", 0.1)):
        monkeypatch.setattr(name, value)
    server, workers, loaded = Flaky((200, GOOD)), [1], [0]

    class Follows:
        """Gives a worker more while the other model is asked, and takes it away when it no longer is."""

        def __init__(self, *_: object, **__: object) -> None:
            pass

        def turn(self) -> None:
            asked = sum(b"/predictions/digits " in request and b"Bearer a" in request for request in server.requests)
            workers[0] = 2 if asked > loaded[0] + 1 else 1
            loaded[0] = asked

    monkeypatch.setattr("chaos.many_machines.Autoscaler", Follows)
    monkeypatch.setattr(Server, "describe", lambda *_: {"workers": [{}] * workers[0]})
    usual = replace(QUESTION, path="/predictions/digits_onnx")

    def try_scaling(pool: Pool, url: str) -> Awaitable[Trial]:
        found = scene(pool, url)
        found.questions = [usual]
        return try_fault(found, InjectedFault("scaling", "scales", scaling))

    trial = against(server, try_scaling)
    assert trial.final == {Outcome.RIGHT: sum(trial.first.values())}
    asked = Counter(request.split(b" ", 2)[1] for request in server.requests)
    assert min(asked[b"/predictions/digits"], asked[b"/predictions/digits_onnx"]) > 5
    assert re.fullmatch(r"digits had a second worker after \d+ s, and one again \d+ s after its last requests", trial.notes[0])


def test_a_soak_counts_every_request_in_one_bin() -> None:
    found = against(Flaky((200, GOOD)), lambda pool, url: soak(scene(pool, url), 0.02))
    assert len(found) == BINS
    assert sum(b.requests for b in found) == round(0.02 * 60 * 60)
    assert {(b.failed, b.frontend_mib, b.workers_mib) for b in found} == {(0, 100.0, 200.0)}


def test_mixed_traffic_keeps_its_shares_and_spreads_them() -> None:
    kinds = spread()
    assert Counter(kinds) == SHARES
    places = [i for i, kind in enumerate(kinds) if kind == "list"]
    assert max(b - a for a, b in pairwise(places)) < 1.5 * CYCLE / SHARES["list"]


def bins(memory: Callable[[float], float], p99: Callable[[float], float], failed: int = 0) -> list[Bin]:
    return [Bin(t, 100, failed, 1.0, p99(t), memory(t), 500.0, 0.1) for t in map(float, range(1, 61))]


def test_a_soak_holds_only_without_growth_slowness_and_failures() -> None:
    assert [verdict.holds for verdict in judge(bins(lambda t: 100.0, lambda t: 10.0))] == [True] * 4
    growing = judge(bins(lambda t: 100 + t / 10, lambda t: 10 + t / 30, failed=1))
    assert [verdict.holds for verdict in growing] == [False, True, False, False]
    assert judge(bins(lambda t: 200 if t < 20 else 100, lambda t: 10.0))[0].holds  # the first third is the start


def test_growth_is_that_of_the_straight_line() -> None:
    assert growth([0, 1, 2], [100, 101, 102]) == pytest.approx(0.02)
    assert growth([5], [100]) == 0


def test_percentile_is_a_value_that_was_measured() -> None:
    assert [percentile([4, 1, 3, 2], share) for share in (1, 50, 75, 99, 100)] == [1, 2, 3, 4, 4]
    assert math.isnan(percentile([], 99))


def test_the_client_in_the_docs_keeps_to_the_rule(tmp_path: Path) -> None:
    """As many failures of each kind as a restart has in a row, then the answer."""
    server = Flaky(error(503), None, error(507), error(500), (200, GOOD))
    code = next(block for block in re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "api.md").read_text(), re.S) if "(Retry)" in block)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "sample.png").write_bytes(b"picture")

    async def test(pool: Pool, url: str) -> tuple[int | None, bytes]:
        command = (sys.executable, "-c", code.replace("http://127.0.0.1:8080", url).replace("backoff_factor=0.1", "backoff_factor=0"))
        pipe = asyncio.subprocess.PIPE
        client = await asyncio.create_subprocess_exec(*command, cwd=tmp_path, env=os.environ | {"TOKEN": "a"}, stdout=pipe)
        answered, _ = await client.communicate()
        return client.returncode, answered

    assert against(server, test) == (0, b"7\n")
    assert len(server.requests) == 5


def test_systemd_restarts_whatever_the_exit_code_and_ends_the_whole_group() -> None:
    unit = (ROOT / "deploy" / "systemd" / "digits.service").read_text().splitlines()
    assert {"Restart=always", "KillMode=control-group", "ExecStart=/opt/digits/.venv/bin/python -m deploy.server serve"} <= set(unit)
