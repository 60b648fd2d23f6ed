"""The summary of a load test: kept as JSON and CSV, shown as a table. `python -m loadtest.report` shows the last one again."""

import csv
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from loadtest.budget import Budget, Check, compare
from loadtest.figures import MEASURES, Result, to_result

REPORTS: Final = Path("reports/loadtest")
SUMMARY: Final = "summary.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A load test of one or more targets, side by side.

    Attributes:
        host: of the server.
        users: who sent at the same time.
        seconds: that were measured for each target.
        pictures: how many different ones were sent.
        ended: local time, ISO 8601, to the second.
        targets: what each of them did, in the order of the test.
        budgets: the limits of each target, by its name.
    """

    host: str
    users: int
    seconds: int
    pictures: int
    ended: str
    targets: list[Result]
    budgets: dict[str, Budget]

    @property
    def conditions(self) -> str:
        return f"{self.users} users without pause, {self.seconds} s for each target, {self.pictures:,} test pictures"

    def checks(self, result: Result) -> list[Check]:
        return compare(result.figures, self.budgets[result.target])

    def broken(self) -> list[str]:
        """A line for each budget that is broken: "digits_onnx p99_ms 312 > 250"."""
        return [f"{result.target} {check}" for result in self.targets for check in self.checks(result) if not check.kept]


def write_summary(summary: Summary, folder: Path) -> None:
    """Write summary.json and summary.csv."""
    verdict = {"kept": not summary.broken(), "broken": summary.broken()}
    (folder / SUMMARY).write_text(json.dumps(verdict | asdict(summary), indent=2) + "\n")
    with (folder / "summary.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["target", "figure", "measured", "bound", "limit", "kept"])
        for result in summary.targets:
            for check in summary.checks(result):
                rows.writerow([result.target, check.figure, check.measured, check.bound, check.limit, check.kept])


def read_summary(path: Path) -> Summary:
    content = json.loads(path.read_text())
    content["targets"] = [to_result(target) for target in content["targets"]]
    return Summary(**{name: value for name, value in content.items() if name not in ("kept", "broken")})


def to_table(summary: Summary) -> Table:
    """The targets side by side for a terminal: each figure, its budget, and whether it is kept."""
    table = Table(title=f"Load test of {summary.host}", caption=summary.conditions, title_style="bold")
    table.add_column()
    for result in summary.targets:
        table.add_column(result.target, justify="right")
        table.add_column("budget", justify="right", style="dim")
    for cells in zip(*map(summary.checks, summary.targets), strict=True):
        table.add_row(MEASURES[cells[0].figure].label, *(text for cell in cells for text in _to_cells(cell)))
    table.add_section()
    counts = (text for result in summary.targets for text in (f"{result.requests:,}  ", ""))
    table.add_row("requests", *counts, style="dim")
    return table


def failures(summary: Summary) -> Iterator[str]:
    """A line for each reason why requests failed, with how many did."""
    for result in summary.targets:
        yield from (f"{result.target}: {count:,} times {reason}" for reason, count in result.failures.items())


def show(summary: Summary) -> None:
    """Print the table and why requests failed."""
    console = Console()
    console.print(to_table(summary))
    for line in failures(summary):
        console.print(line, style="red", markup=False)


def _to_cells(cell: Check) -> tuple[str, str]:
    measure = MEASURES[cell.figure]
    mark = "[green]✓[/]" if cell.kept else "[bold red]✗[/]"
    return f"{measure.show(cell.measured)} {mark}", f"{'≥' if cell.bound == 'min' else '≤'} {measure.show(cell.limit)}"


def main() -> None:
    path = REPORTS / SUMMARY
    if not path.is_file():
        sys.exit(f"{path} is missing; make loadtest writes it")
    show(read_summary(path))


if __name__ == "__main__":
    main()
