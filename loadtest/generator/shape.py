"""The stages of a profile as a Locust load shape: how many users there are at each second, and what the counters said then."""

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Final

from locust import LoadTestShape, User, runners
from locust.stats import RequestStats, calculate_response_time_percentile, diff_response_time_dicts

from loadtest.budget import Budget, holds
from loadtest.profile import SETTLE_S, Profile, Stage
from loadtest.results.figures import Window, highest_held

AT_ONCE: Final = 10_000.0  # users a second
LATE: Final = ("later than due", "load generator")  # name and type of the entry in Locust's statistics


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Locust's counters at one moment; latencies and lateness are counts by milliseconds."""

    at_s: float
    requests: int
    failures: int
    times_ms: dict[int, int]
    late_ms: dict[int, int]

    @classmethod
    def of(cls, stats: RequestStats, at_s: float) -> "Snapshot":
        total, late = stats.total, stats.entries.get(LATE)
        return cls(at_s, total.num_requests, total.num_failures, dict(total.response_times), dict(late.response_times) if late else {})

    def since(self, before: "Snapshot", stage: Stage) -> Window:
        """What happened between `before` and this."""
        times_ms = diff_response_time_dicts(self.times_ms, before.times_ms)
        late_ms = diff_response_time_dicts(self.late_ms, before.late_ms)
        return Window(
            name=stage.name, load=stage.load, start_s=round(before.at_s, 3), seconds=round(self.at_s - before.at_s, 3),
            requests=self.requests - before.requests, failures=self.failures - before.failures,
            p50_ms=_percentile(times_ms, 0.5), p95_ms=_percentile(times_ms, 0.95), p99_ms=_percentile(times_ms, 0.99),
            late_p99_ms=_percentile(late_ms, 0.99),
        )  # fmt: skip


class Course(LoadTestShape):
    """Leads the users through the warm-up, the stages and the last answers; Locust asks it every second."""

    began: Snapshot  # the counters at the start of the stage

    def prepare(self, profile: Profile, budget: Budget, *, warm_up_s: float, users: list[type[User]]) -> None:
        """Set the stages to run; `users` are the classes that the profile needs."""
        self.profile, self.budget, self.warm_up_s, self.users = profile, budget, warm_up_s, users
        self.reset_time()

    def reset_time(self) -> None:
        """Begin from the start; Locust calls this at the start of each test."""
        super().reset_time()  # type: ignore[no-untyped-call]
        self.plan: Generator[Stage, bool, None] = self.profile.plan()
        self.stage: Stage | None = Stage("warm-up", self.profile.first_load, self.warm_up_s)
        self.warm = False
        self.ends_at, self.zero = self.warm_up_s, 0.0
        self.snapshots: list[tuple[Stage, Snapshot]] = []
        self.stages: list[Window] = []

    def tick(self) -> tuple[int, float, list[type[User]]] | None:
        """The number of users, how many may start in a second, and their classes; None ends the test."""
        now = self._elapsed_s()
        while self.stage and now >= self.ends_at:
            self._next_stage(now)
        if self.stage is None:
            return self._drain(now)
        if self.warm:
            snapshot = self._look(self.stage, now)
            if self.profile.ramp and self.began.at_s + self.zero < self.ends_at - self.stage.seconds + SETTLE_S:
                self.began = snapshot  # a step is counted from its first snapshot after that
        return self._count(self.stage.load), self._spawn_rate(), self.users

    def finish(self) -> None:
        """Count the last answers, which came after the end of the last stage."""
        if self.warm and self.snapshots:
            last, _ = self.snapshots[-1]
            self._look(last, self._elapsed_s())

    @property
    def seconds(self) -> list[Window]:
        """The test second by second."""
        pairs = zip(self.snapshots, self.snapshots[1:], strict=False)
        return [after.since(before, stage) for (stage, before), (_, after) in pairs if after.at_s - before.at_s > 0.1]

    @property
    def knee(self) -> Window | None:
        """The highest step of the ramp that held; the first step if none did."""
        return highest_held(self.stages) or (self.stages[0] if self.profile.ramp and self.stages else None)

    def _elapsed_s(self) -> float:
        seconds: float = self.get_run_time()  # type: ignore[no-untyped-call]
        return seconds

    def _next_stage(self, now: float) -> None:
        assert self.runner is not None and self.stage is not None
        held = False
        if self.warm:
            held = self._close(self.stage, now)
        else:
            self.runner.stats.reset_all()
            self.warm, self.zero = True, now
        try:
            self.stage = self.plan.send(held) if self.stages else next(self.plan)
        except StopIteration:
            self.stage = None
            return
        self.began = self._look(self.stage, now)
        self.ends_at = now + self.stage.seconds

    def _close(self, stage: Stage, now: float) -> bool:
        """Record the result of the stage, and whether a ramp's step held."""
        window = self._look(stage, now).since(self.began, stage)
        if self.profile.ramp:
            window = replace(window, held=holds(window, self.budget))
        self.stages.append(window)
        return bool(window.held)

    def _look(self, stage: Stage, now: float) -> Snapshot:
        assert self.runner is not None
        snapshot = Snapshot.of(self.runner.stats, now - self.zero)
        self.snapshots.append((stage, snapshot))
        return snapshot

    def _drain(self, now: float) -> tuple[int, float, list[type[User]]] | None:
        """The end. A local runner waits for the last answers itself. A master does not, so all users of its workers are ended first.

        Every worker has then sent its last report.
        """
        assert self.runner is not None
        if not isinstance(self.runner, runners.MasterRunner):
            return None
        if self.runner.user_count:
            self.ends_at = now
        return None if now >= self.ends_at + 2 * runners.WORKER_REPORT_INTERVAL else (0, AT_ONCE, self.users)

    def _count(self, load: float) -> int:
        users = load / self.profile.source_rate if self.profile.workload == "open" else load
        return max(1, round(users)) + self.profile.management

    def _spawn_rate(self) -> float:
        """Users of a closed workload start one after another during the warm-up, so that their requests are not synchronised."""
        if self.warm or self.profile.workload == "open" or self.ends_at < 1:
            return AT_ONCE
        return self._count(self.profile.first_load) / (self.ends_at + 1)


def _percentile(counts_ms: dict[int, int], share: float) -> float:
    return float(calculate_response_time_percentile(counts_ms, sum(counts_ms.values()), share))


def log_late(stats: RequestStats, late_ms: float) -> None:
    """Count how late a request was sent, in a separate entry that no total includes and that Locust sends to the master anyway."""
    stats.get(*LATE).log(max(0, round(late_ms)), 0)
