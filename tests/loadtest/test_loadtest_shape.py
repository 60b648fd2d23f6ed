"""The course of a test through its stages, on a clock of our own and with Locust's own statistics."""

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from loadtest.profile import Profile, Ramp, read_profiles

if TYPE_CHECKING:
    from loadtest.generator.shape import Course

BUDGET = {"p50_ms": 50.0, "p95_ms": 80.0, "p99_ms": 100.0, "fail_ratio": 0.0, "rps": 0.0, "accuracy": 0.0}


@pytest.fixture
def course(monkeypatch: pytest.MonkeyPatch) -> "Course":
    """A course whose runner has no users but statistics."""
    monkeypatch.setenv("LOCUST_SKIP_MONKEY_PATCH", "1")  # these tests' own process stays as it is
    from locust.stats import RequestStats

    from loadtest.generator.shape import Course

    course = Course()
    course.runner = SimpleNamespace(stats=RequestStats(), user_count=0)  # type: ignore[assignment]
    return course


def run_through(course: "Course", profile: Profile, latency_ms: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The users at each second; every arrival is answered after latency_ms(stage's load)."""
    clock = {"s": 0.0}
    monkeypatch.setattr(type(course), "_elapsed_s", lambda _: clock["s"])
    course.prepare(profile, BUDGET, warm_up_s=2.0, users=[])
    users = []
    while (tick := course.tick()) is not None and clock["s"] < 500:
        users.append(tick[0])
        load = course.stage.load if course.stage else 0
        for _ in range(round(load)):
            course.runner.stats.log_request("rest", "single", latency_ms(load), 0)  # type: ignore[union-attr]
        clock["s"] += 1.0
    return users


def test_stages_follow_one_another_with_their_users_and_the_warm_up_is_not_counted(
    course: "Course", monkeypatch: pytest.MonkeyPatch
) -> None:
    spike = read_profiles()["spike"]
    users = run_through(course, spike, lambda load: load / 10, monkeypatch)
    assert users == [20] * 2 + [20] * 8 + [100] * 5 + [20] * 12
    assert [(stage.name, stage.requests, stage.p50_ms) for stage in course.stages] == [
        ("before", 800, 10), ("spike", 2_500, 50), ("after", 1_200, 10),
    ]  # fmt: skip
    assert sum(second.requests for second in course.seconds) == 4_500


def test_the_knee_of_a_ramp_is_the_last_step_whose_p99_holds_and_its_first_seconds_are_not_counted(
    course: "Course", monkeypatch: pytest.MonkeyPatch
) -> None:
    ramp = Profile(name="ramp", question="", workload="open", doors={}, traffic={}, ramp=Ramp(start=100, coarse=1.5, fine=1.1, seconds=6))
    run_through(course, ramp, lambda load: 20 if load <= 200 else 300, monkeypatch)
    assert [(stage.load, stage.held) for stage in course.stages] == [
        (100, True), (150, True), (225, False), (165, True), (182, True), (200, True), (220, False),
    ]  # fmt: skip
    assert course.knee is not None
    assert (course.knee.load, course.knee.seconds, course.knee.requests) == (200, 4.0, 800)


def test_a_user_of_a_closed_workload_is_a_user_and_they_come_one_after_another(course: "Course", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(course), "_elapsed_s", lambda _: 0.0)
    course.prepare(read_profiles()["steady"], BUDGET, warm_up_s=2.0, users=[])
    assert course.tick() == (32, pytest.approx(32 / 3), [])
