"""The rows of a run as ratios and tables on the console, and as text, CSV and a plot in a folder."""

import csv
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.contenders.targets import targets
from bench.results.chart import plot
from bench.results.goals import goals
from bench.rounds import BARE, RoundRow

OUT = Path("reports/bench")
WIDTH = 150
AT = 64  # connections at which processor time is shown


def show(rows: Sequence[RoundRow], folder: Path, how: str) -> None:
    """Print ratios and tables, and write all of them into `folder`.

    Args:
        how: how the run was made, for the title.
    """
    console = Console(width=WIDTH, record=True, highlight=False)
    for table in (ratios(rows), requests_table(rows), pictures_table(rows)):
        if table.row_count:
            console.print(table)
    console.print(f"Medians of the rounds ± half their range. {how}. Memory is PSS, processor time of all of a server's processes.")
    console.save_text(str(folder / "servers.txt"))
    with (folder / "servers.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(RoundRow)])
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
    plot(folder / "servers.png", rows)
    console.print(f"{folder}/servers.txt, servers.csv and servers.png")


def ratios(rows: Sequence[RoundRow]) -> Table:
    """The goals with the measured values; each ratio is taken within a round."""
    table = Table("ratio", "workers", "median", "lowest to highest", "goal", "", title="What is to be reached")
    for goal in goals():
        for workers in sorted({row.workers for row in rows if row.target == goal.cell.target}):
            values = goal.values(rows, workers)
            if values:
                median = statistics.median(values)
                met = "met" if goal.is_met(median) else "[bold]not met[/bold]"
                spread = f"{number(min(values))} to {number(max(values))}"
                table.add_row(goal.what, str(workers), number(median), spread, f"{goal.sense} {goal.bound:g}", met)
    return table


def requests_table(rows: Sequence[RoundRow]) -> Table:
    """The results with one picture or none in a request: a line for each target."""
    chosen = [row for row in rows if row.target not in (BARE, *lists())]
    counts = sorted({row.connections for row in chosen})
    at = AT if AT in counts else max(counts, default=0)
    columns = [f"{count} conn." for count in counts]
    table = Table("target", "workers", *columns, f"us a request\nat {at}", "MB", "start s", "right", show_lines=True)
    table.title = "Requests a second; p50 / p99 in ms"
    for target, workers in dict.fromkeys((row.target, row.workers) for row in chosen):
        own = [row for row in chosen if (row.target, row.workers) == (target, workers)]
        cells = [_cell([row for row in own if row.connections == count]) for count in counts]
        cpu = middle([row for row in own if row.connections == at], lambda row: row.cpu_us)
        last = [row for row in own if row.connections == max(r.connections for r in own)]
        facts = [middle(last, lambda row: row.memory_mb), middle(last, lambda row: row.start_s)]
        right = f"{statistics.median(row.accuracy for row in own):.1%}" if target != "ping" else ""
        table.add_row(target, str(workers or "default"), *cells, cpu, *facts, right)
    return table


def pictures_table(rows: Sequence[RoundRow]) -> Table:
    """The results with many pictures in a request, and of the bare model with as many in a batch."""
    chosen = [row for row in rows if row.target in (BARE, *lists())]
    table = Table("target", "workers", "connections; batch", "pictures/s", "p50 ms", "p99 ms", title="Pictures a second")
    for target, workers, count in dict.fromkeys((row.target, row.workers, row.connections) for row in chosen):
        own = [row for row in chosen if (row.target, row.workers, row.connections) == (target, workers, count)]
        figures = [middle(own, figure) for figure in (lambda row: row.pictures_s, lambda row: row.p50_ms, lambda row: row.p99_ms)]
        table.add_row(target, str(workers or ""), str(count), *figures)
    return table


def lists() -> list[str]:
    """The targets that get many pictures in a request."""
    return [name for name, target in targets().items() if target.pictures > 1]


def _cell(rows: Sequence[RoundRow]) -> str:
    """Requests a second, and below them the latencies or the share of refusals."""
    if not rows:
        return ""
    refused, p50, p99 = (statistics.median(getattr(row, name) for row in rows) for name in ("refused", "p50_ms", "p99_ms"))
    below = f"{refused:.1%} refused" if any(row.is_overloaded for row in rows) else f"{number(p50)} / {number(p99)}"
    return f"{middle(rows, lambda row: row.answers_s)}\n{below}"


def middle(rows: Sequence[RoundRow], figure: Callable[[RoundRow], float]) -> str:
    """The median of the rounds, and half their range in percent of it."""
    values = [figure(row) for row in rows]
    median = statistics.median(values)
    spread = (max(values) - min(values)) / 2 / median if median else 0.0
    return number(median) + (f" ±{spread:.0%}" if len(values) > 1 else "")


def number(value: float) -> str:
    """A number with at least three significant digits: 7,892; 12.3; 0.413."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
