"""The end of a Locust run: its own statistics and the shape's snapshots as a Result."""

from pathlib import Path
from typing import Any, Final

from locust.env import Environment
from locust.stats import StatsEntry

from loadtest.generator.shape import LATE, Course
from loadtest.results.figures import Figures, Kind, Result, write_result

SHARES: Final = (0.5, 0.66, 0.75, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 1.0)


def save_result(environment: Environment, *, course: Course, accuracy: float, path: Path, **_: object) -> None:
    """Write what was measured to `path`."""
    course.finish()
    options: Any = environment.parsed_options
    stats = environment.stats
    result = Result(
        target=options.model,
        figures=_to_figures(stats.total, course, accuracy),
        requests=stats.total.num_requests,
        percentiles_ms={str(share): float(stats.total.get_response_time_percentile(share)) for share in SHARES},
        failures={f"{error.method} {error.name}: {error.error}": error.occurrences for error in stats.errors.values()},
        stages=course.stages,
        kinds=[_to_kind(entry) for key, entry in sorted(stats.entries.items()) if key != LATE and entry.num_requests],
        seconds=course.seconds,
    )
    write_result(result, path)


def _to_figures(total: StatsEntry, course: Course, accuracy: float) -> Figures:
    """The figures at the knee if there is one, otherwise Locust's own over the whole measurement."""
    if knee := course.knee:
        return Figures(
            p50_ms=knee.p50_ms, p95_ms=knee.p95_ms, p99_ms=knee.p99_ms, fail_ratio=knee.fail_ratio, rps=knee.rps, accuracy=accuracy
        )
    p50_ms, p95_ms, p99_ms = (float(total.get_response_time_percentile(share)) for share in (0.5, 0.95, 0.99))
    rps = total.total_rps - total.total_fail_per_sec
    return Figures(p50_ms=p50_ms, p95_ms=p95_ms, p99_ms=p99_ms, fail_ratio=total.fail_ratio, rps=rps, accuracy=accuracy)


def _to_kind(entry: StatsEntry) -> Kind:
    p50_ms, p95_ms, p99_ms = (float(entry.get_response_time_percentile(share)) for share in (0.5, 0.95, 0.99))
    return Kind(
        door=entry.method, kind=entry.name, requests=entry.num_requests, failures=entry.num_failures,
        p50_ms=p50_ms, p95_ms=p95_ms, p99_ms=p99_ms,
    )  # fmt: skip
