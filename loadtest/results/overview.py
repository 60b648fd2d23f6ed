"""The summary of a load test, stored as JSON and CSV and shown as tables; `python -m loadtest.results.overview` shows `make run`'s."""

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from loadtest.budget import Budget, Check, compare
from loadtest.profile import DEFAULT, Profile
from loadtest.results.baseline import RATIO, FigureChange, compare_with
from loadtest.results.figures import MEASURES, Kind, Result, Window, to_result
from loadtest.strict_yaml import WrongSettings

REPORTS: Final = Path("reports/loadtest")
SUMMARY: Final = "summary.json"
STAGE_COLUMNS: Final = ("stage", "load", "right/s", "p50 ms", "p95 ms", "p99 ms", "late ms", "failed", "")
KIND_COLUMNS: Final = ("door", "kind", "share", "requests", "p50 ms", "p95 ms", "p99 ms", "failed")
ABREAST: Final = 2  # targets side by side in a table: more do not fit into a terminal of 80 columns
LATE_MS: Final = 10.0  # from this lateness of the load generator on, the summary mentions it


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A load test of one or more targets, side by side.

    Attributes:
        profile, question, workload: of the profile.
        load: in words.
        host: of the server.
        pictures: how many different ones were sent to a target, the most where targets have pictures of their own.
        ended: local time, ISO 8601, to the second.
        targets: what each of them did, in the order of the test.
        budgets: the limits of each target, by its name.
        baseline: the earlier test that this one is compared with.
        ratio: how many times worse than in the baseline a figure may be.
    """

    profile: str
    question: str
    workload: str
    load: str
    host: str
    pictures: int
    ended: str
    targets: list[Result]
    budgets: dict[str, Budget]
    baseline: "Summary | None" = None
    ratio: float = RATIO

    @property
    def conditions(self) -> str:
        return f"{self.load}; {self.pictures:,} test pictures"

    @property
    def latency_from(self) -> str:
        """What latency is counted from."""
        return "the time at which a request was due" if self.workload == "open" else "sending"

    def checks(self, result: Result) -> list[Check]:
        return compare(result.figures, self.budgets[result.target])

    def rows(self) -> list[tuple[str, list[Check | None]]]:
        """Every figure that has a limit, with the check of each target, None where that has no limit."""
        found = [{check.figure: check for check in self.checks(result)} for result in self.targets]
        return [(name, [checks.get(name) for checks in found]) for name in MEASURES if any(name in checks for checks in found)]

    def broken(self) -> list[str]:
        """A line for each budget that is broken: "digits_onnx p99_ms 312 > 250"."""
        return [f"{result.target} {check}" for result in self.targets for check in self.checks(result) if not check.kept]

    def changes(self) -> list[FigureChange]:
        """Every figure of every target that the baseline has too; empty without a baseline."""
        then = {result.target: result for result in self.baseline.targets} if self.baseline else {}
        return [change for now in self.targets if now.target in then for change in compare_with(then[now.target], now)]

    def regressions(self) -> list[str]:
        """A line for each figure that is more than `ratio` times worse than the baseline's."""
        return [str(change) for change in self.changes() if change.worse > self.ratio]


def write_summary(summary: Summary, folder: Path) -> None:
    """Write summary.json and summary.csv."""
    verdict = {"broken": summary.broken(), "regressions": summary.regressions()}
    (folder / SUMMARY).write_text(json.dumps(verdict | asdict(summary)) + "\n")
    with (folder / "summary.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["target", "figure", "measured", "bound", "limit", "kept"])
        for result in summary.targets:
            for check in summary.checks(result):
                rows.writerow([result.target, check.figure, check.measured, check.bound, check.limit, check.kept])


def read_summary(path: Path) -> Summary:
    """The summary in a file; raises OSError, or ValueError, TypeError or KeyError if the file is something else."""
    return _to_summary(json.loads(path.read_text()))


def read_baseline(folder: str, profile: Profile) -> Summary:
    """The summary in a folder; raises WrongSettings if there is none, or if it is of another profile or load."""
    path = Path(folder) / SUMMARY
    try:
        baseline = read_summary(path)
    except (OSError, ValueError, TypeError, KeyError) as err:
        raise WrongSettings(f"BASELINE={folder} holds no {SUMMARY} of a load test; it must be a folder that REPORTS= named") from err
    if (baseline.profile, baseline.load) != (profile.name, profile.summary):
        raise WrongSettings(
            f"{path} is of {baseline.profile}, {baseline.load}; it cannot be compared with {profile.name}, {profile.summary}"
        )
    return replace(baseline, baseline=None)


def _to_summary(content: dict[str, Any]) -> Summary:
    fields = {name: value for name, value in content.items() if name not in ("broken", "regressions")}
    baseline = _to_summary(content["baseline"]) if content["baseline"] else None
    return Summary(**fields | {"targets": [to_result(target) for target in content["targets"]], "baseline": baseline})


def to_tables(summary: Summary) -> Iterator[Table]:
    """The targets side by side for a terminal, ABREAST of them in each table: each figure, its budget, and whether it is kept."""
    for first in range(0, len(summary.targets), ABREAST):
        yield to_table(replace(summary, targets=summary.targets[first : first + ABREAST]))


def to_table(summary: Summary) -> Table:
    """The targets of a summary in one table."""
    table = Table(title=f"Load test of {summary.host}", caption=summary.conditions, title_style="bold")
    table.add_column()
    for result in summary.targets:
        table.add_column(result.target, justify="right")
        table.add_column("budget", justify="right", style="dim")
    for figure, cells in summary.rows():
        table.add_row(MEASURES[figure].label, *(text for cell in cells for text in (_to_cells(cell) if cell else ("", ""))))
    table.add_section()
    counts = (text for result in summary.targets for text in (f"{result.requests:,}  ", ""))
    table.add_row("requests", *counts, style="dim")
    return table


def to_stages(summary: Summary, result: Result) -> Table:
    """What happened in each stage, or in each step of a ramp."""
    table = Table(*STAGE_COLUMNS, title=f"{result.target}, latency from {summary.latency_from}", title_style="bold")
    for stage in result.stages:
        table.add_row(*stage_cells(stage), style="" if stage.held in (None, True) else "red")
    return table


def to_kinds(result: Result) -> Table:
    """The results of each kind of request through each endpoint."""
    table = Table(*KIND_COLUMNS, title=f"{result.target}, by door and kind of request", title_style="bold")
    for kind in result.kinds:
        table.add_row(*kind_cells(kind, result))
    return table


def stage_cells(stage: Window) -> Sequence[str]:
    """The texts of a row of STAGE_COLUMNS."""
    mark = {None: "", True: "✓", False: "✗"}[stage.held]
    times = (f"{ms:,.0f}" for ms in (stage.p50_ms, stage.p95_ms, stage.p99_ms, stage.late_p99_ms))
    return [stage.name, f"{stage.load:,.0f}", f"{stage.rps:,.0f}", *times, f"{stage.fail_ratio:.2%}", mark]


def kind_cells(kind: Kind, result: Result) -> Sequence[str]:
    """The texts of a row of KIND_COLUMNS."""
    times = (f"{ms:,.0f}" for ms in (kind.p50_ms, kind.p95_ms, kind.p99_ms))
    share = kind.requests / max(1, result.requests)
    return [kind.door, kind.kind, f"{share:.1%}", f"{kind.requests:,}", *times, f"{kind.failures:,}"]


def conclusions(summary: Summary) -> Iterator[str]:
    """What the figures alone do not say: the knee, and whether the load generator was the bottleneck."""
    for result in summary.targets:
        limit_ms = summary.budgets[result.target]["p99_ms"]
        if any(stage.held is not None for stage in result.stages):
            found = f"{result.knee.load:,.0f} arrivals a second" if result.knee else f"below {result.stages[0].load:,.0f} arrivals a second"
            yield f"{result.target}: the knee is {found}, the highest rate that held p99 within {limit_ms:g} ms"
        late = max(result.stages, key=lambda stage: stage.late_p99_ms, default=None)
        if late and late.late_p99_ms > max(LATE_MS, late.p99_ms / 3):
            where = f"{late.name} ({late.load:,.0f} arrivals/s)"
            yield (
                f"{result.target}: in {where} the load generator itself was late by {late.late_p99_ms:g} ms (p99);"
                " the server may do better: send from more processes (PROCESSES=2) or from another machine"
            )


def failures(summary: Summary) -> Iterator[str]:
    """A line for each reason why requests failed, with their number."""
    for result in summary.targets:
        yield from (f"{result.target}: {count:,} times {reason}" for reason, count in result.failures.items())


def show(summary: Summary) -> None:
    """Print the tables, what they mean, and why requests failed."""
    console = Console()
    console.print(f"{summary.profile}: {summary.question}", markup=False, highlight=False)
    console.print(*to_tables(summary))
    for result in summary.targets:
        if len(result.stages) > 1:
            console.print(to_stages(summary, result))
        if len(result.kinds) > 1:
            console.print(to_kinds(result))
    for line in conclusions(summary):
        console.print(line, markup=False, highlight=False)
    for line in failures(summary):
        console.print(line, style="red", markup=False)


def _to_cells(cell: Check) -> tuple[str, str]:
    measure = MEASURES[cell.figure]
    mark = "[green]✓[/]" if cell.kept else "[bold red]✗[/]"
    return f"{measure.show(cell.measured)} {mark}", f"{'≥' if cell.bound == 'min' else '≤'} {measure.show(cell.limit)}"


def main() -> None:
    """Show the figures that make run has kept, and when they were measured."""
    path = REPORTS / DEFAULT / SUMMARY
    if not path.is_file():
        sys.exit(f"{path} is missing; make loadtest writes it")
    summary = read_summary(path)
    show(summary)
    print(f"measured on {summary.ended.replace('T', ' at ')} and kept, since nothing that counts has changed; make loadtest measures anew")


if __name__ == "__main__":
    main()
