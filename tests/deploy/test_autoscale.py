"""Workers that follow the load: the rules by a simulated clock and server, the counters as they are read, and a real server once."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import httpx
import pytest
import requests

from deploy.autoscale import Autoscaler, flags_of, rules_of
from deploy.scaling.figures_page import AutoscalePage
from deploy.scaling.scaling_rules import Decider, Rules, WorkerLoad
from deploy.scaling.worker_load import ANSWERED, ARRIVED, BUSY, WAITED, Counted, Scaled, load_between, sums_of
from deploy.server import Server

WORKER_S = 100.0  # requests a second that a worker of the stand-in answers
EVERY_S = 10.0
FOUR = Rules(most=4)


class FakeScaled(Scaled):
    """A server of one model under a load that a test sets, with a clock of its own.

    Waits grow as those of a queue with one server do, x / (1 - x) services long at a load of x.
    """

    def __init__(self) -> None:
        self.clock, self.rate, self.workers, self.down = 0.0, 0.0, 1, False
        self.sums = dict.fromkeys((ANSWERED, ARRIVED, WAITED, BUSY), 0.0)
        self.asked: list[int] = []

    def now(self) -> float:  # type: ignore[override]
        return self.clock

    def sleep(self, seconds: float) -> None:  # type: ignore[override]
        self.clock += seconds
        busy = min(self.rate / (WORKER_S * self.workers), 0.99)
        answered = busy * WORKER_S * self.workers * seconds
        self.sums[ARRIVED] += self.rate * seconds
        self.sums[ANSWERED] += answered
        self.sums[BUSY] += busy * self.workers * seconds
        self.sums[WAITED] += answered * 1e6 * busy / (1 - busy) / (WORKER_S * self.workers)

    def read(self, model: str) -> Counted:
        if self.down:
            raise requests.ConnectionError("refused")
        return Counted(self.clock, dict(self.sums), 0, self.workers)

    def scale(self, model: str, workers: int) -> None:
        self.asked.append(workers)
        self.workers = workers


@pytest.fixture
def scaled() -> FakeScaled:
    return FakeScaled()


def run_for(scaler: Autoscaler, scaled: FakeScaled, minutes: float) -> None:
    until = scaled.clock + 60 * minutes
    while scaled.clock < until:
        scaler.turn()
        scaled.sleep(EVERY_S)


def scaler_of(scaled: FakeScaled, rules: Rules = FOUR, *, quiet_s: float = 0.0, is_dry: bool = False) -> Autoscaler:
    return Autoscaler(scaled, rules, ("digits",), quiet_s=quiet_s, is_dry=is_dry)


def test_a_ramp_brings_workers_one_by_one_until_waits_are_short_and_night_takes_them_away(scaled: FakeScaled) -> None:
    scaler = scaler_of(scaled)
    for rate in (10, 90, 190, 280):
        scaled.rate = rate
        run_for(scaler, scaled, 5)
    assert scaled.asked == [2, 3, 4][: len(scaled.asked)]
    assert scaled.workers >= 3
    scaled.rate = 0
    run_for(scaler, scaled, 30)
    assert scaled.workers == 1


def test_a_steady_load_between_the_thresholds_changes_nothing(scaled: FakeScaled) -> None:
    scaled.rate, scaled.workers = 150, 2
    run_for(scaler_of(scaled), scaled, 60)
    assert scaled.asked == []


def test_no_load_makes_it_swing_up_and_down(scaled: FakeScaled) -> None:
    for rate in range(0, 400, 20):
        scaled.rate, scaled.asked = rate, []
        scaler = scaler_of(scaled)
        run_for(scaler, scaled, 60)
        assert scaled.asked in (sorted(scaled.asked), sorted(scaled.asked, reverse=True)), rate


def test_bounds_hold_and_come_before_the_load(scaled: FakeScaled) -> None:
    scaled.rate = 10_000
    run_for(scaler_of(scaled, Rules(least=1, most=3)), scaled, 30)
    assert max(scaled.asked) == 3
    scaled.asked = []
    run_for(scaler_of(scaled, Rules(least=1, most=2)), scaled, 1)
    assert scaled.asked[0] == 2


def test_after_a_change_the_next_one_waits_for_the_effect_of_it(scaled: FakeScaled) -> None:
    times: list[float] = []
    scaler, scale = scaler_of(scaled, Rules(most=4, cool_down_s=120)), scaled.scale
    scaled.scale = lambda model, workers: (times.append(scaled.clock), scale(model, workers))[1]  # type: ignore[method-assign, func-returns-value]
    scaled.rate = 10_000
    run_for(scaler, scaled, 10)
    assert len(times) == 3
    assert all(later - earlier >= 120 for earlier, later in pairwise(times))


def test_a_worker_leaves_only_where_nothing_is_asked_meanwhile(scaled: FakeScaled) -> None:
    scaled.rate, scaled.workers = 1, 2
    scaler = scaler_of(scaled, quiet_s=5)
    run_for(scaler, scaled, 30)
    assert scaled.asked == []
    scaled.rate = 0
    run_for(scaler, scaled, 5)
    assert scaled.asked == [1]


def test_a_dry_run_tells_and_changes_nothing(scaled: FakeScaled, capsys: pytest.CaptureFixture[str]) -> None:
    scaled.rate = 1000
    run_for(scaler_of(scaled, is_dry=True), scaled, 5)
    assert scaled.asked == []
    assert "digits: 1 workers, requests waited 990 ms, workers were busy for 99% of the time: would have 2" in capsys.readouterr().out


def test_a_server_that_does_not_answer_is_counted_and_asked_again(scaled: FakeScaled) -> None:
    scaler = scaler_of(scaled)
    scaled.down = True
    run_for(scaler, scaled, 1)
    scaled.down, scaled.rate = False, 1000
    run_for(scaler, scaled, 5)
    assert scaled.workers > 1
    with AutoscalePage(("127.0.0.1", 0), scaler.figures) as page:
        url = f"http://127.0.0.1:{page.server_address[1]}"
        text, wrong = httpx.get(f"{url}/metrics").text, httpx.get(f"{url}/other")
        page.shutdown()
    assert re.search(r'^digits_autoscale_failures_total\{model_name="digits"\} 6', text, re.M)
    assert re.search(r'^digits_autoscale_changes_total\{model_name="digits",direction="up"\} [1-3]', text, re.M)
    assert wrong.status_code == 404


def test_requests_that_wait_while_none_is_answered_count_as_too_long_a_wait() -> None:
    decider = Decider(Rules(up_after=1))
    stuck = load_between(Counted(0, {}, 0, 1), Counted(10, {}, 5, 1))
    assert stuck.stuck
    assert decider.decide(stuck, 10) == 1
    assert decider.decide(WorkerLoad(1, 0.0, 0.0), 20) == 0


def test_the_counters_of_a_model_are_summed_over_its_workers_and_versions_and_may_begin_anew() -> None:
    text = (
        f'# HELP {BUSY} x\n{BUSY}{{model_name="digits",model_version="1.0",worker="0",Hostname="a b",}} 1.5\n'
        f'{BUSY}{{model_name="digits",model_version="1.0",worker="1",Hostname="a b",}} 2.5\n'
        f'{BUSY}{{model_name="digits_onnx",model_version="1.0",worker="0",}} 9.0\n{ANSWERED}{{model_name="digits",}} 4.0\n'
    )
    sums = sums_of(text, "digits")
    assert sums == {BUSY: 4.0, ANSWERED: 4.0}
    anew = load_between(Counted(0, {BUSY: 100.0, ANSWERED: 1e6}, 0, 1), Counted(10, sums | {WAITED: 2e6}, 0, 1))
    assert (anew.busy, anew.queue_s) == (0.4, 0.5)


def test_without_flags_the_rules_are_the_usual_ones_and_bounds_that_contradict_each_other_are_refused() -> None:
    assert rules_of(flags_of([])) == Rules()
    assert flags_of([]).listen == ("127.0.0.1", 9116)
    assert rules_of(flags_of(["--most", "8", "--target", "0.2", "--cool-down", "5"])) == Rules(most=8, target_s=0.2, cool_down_s=5.0)
    with pytest.raises(ValueError, match="--least 3 is more than --most 2"):
        rules_of(flags_of(["--least", "3"]))


@pytest.fixture
def restored(server: Server) -> Iterator[Scaled]:
    scaled = Scaled(server)
    yield scaled
    scaled.scale("digits_onnx", 1)


@pytest.mark.server
def test_a_real_server_gets_a_worker_more_and_one_less(restored: Scaled, client: httpx.Client, ten_pngs: list[bytes]) -> None:
    eager: Any = {"up_after": 1, "down_after": 1, "cool_down_s": 0.0}

    def ask() -> None:
        for png in ten_pngs * 3:
            assert client.post("/predictions/digits_onnx", content=png).status_code == 200

    up = Autoscaler(restored, Rules(target_s=-1.0, **eager), ("digits_onnx",), quiet_s=1, is_dry=False)
    up.turn()
    ask()
    up.turn()
    assert restored.read("digits_onnx").workers == 2
    ask()
    down = Autoscaler(restored, Rules(target_s=1e9, busy_most=1e9, **eager), ("digits_onnx",), quiet_s=1, is_dry=False)
    down.turn()
    down.turn()
    assert restored.read("digits_onnx").workers == 1
    ask()
    assert restored.read("digits_onnx").values[ARRIVED] >= 90
