"""The results of the trials as two tables, and as a CSV with more columns."""

import csv
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from chaos.clients.questions import Outcome
from chaos.trial import Trial

ORDER = (Outcome.RIGHT, Outcome.ERROR, Outcome.LOST, Outcome.WRONG)
TIMES = ("before_p99_s", "during_p50_s", "during_p99_s", "refused_p99_s", "late_p99_s")
SHOWN_ERRORS = 3
WIDTH = 150  # columns, if there is no terminal that tells its own


def console() -> Console:
    """The console for the tables, wide enough for them in a log too."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=WIDTH)


def counts(trials: Sequence[Trial]) -> Table:
    """The outcomes of the requests at their first attempt and in the end."""
    table = Table(title="Requests: at the first attempt | with retries")
    for column in ("fault", "sent", *ORDER, *ORDER, "well after"):
        table.add_column(column, justify="left" if column == "fault" else "right")
    for trial in trials:
        sides = [f"{side[outcome]:,}" for side in (trial.first, trial.final) for outcome in ORDER]
        table.add_row(trial.fault, f"{sum(trial.first.values()):,}", *sides, f"{trial.recovery_s:.1f} s")
    return table


def latencies(trials: Sequence[Trial]) -> Table:
    """The latencies of first attempts, the memory, and the statuses of failed attempts."""
    table = Table(title="First attempts in ms: p99 before, right ones from the fault until well, errors; memory in MiB")
    for column in (
        "fault",
        "before p99",
        "during p50",
        "during p99",
        "errors p99",
        "driver p99",
        "memory before",
        "at most",
        "failed with",
    ):
        table.add_column(column, justify="left" if column in ("fault", "failed with") else "right")
    for trial in trials:
        times = [f"{1000 * getattr(trial, name):,.0f}" if getattr(trial, name) == getattr(trial, name) else "-" for name in TIMES]
        failed = ", ".join(f"{count:,} x {what}" for what, count in trial.errors.most_common(SHOWN_ERRORS))
        table.add_row(trial.fault, *times, *(f"{mib:,.0f}" for mib in trial.memory_mib), failed)
    return table


def write_csv(path: Path, trials: Sequence[Trial]) -> None:
    """A line for each trial."""
    rows = [_row(trial) for trial in trials]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _row(trial: Trial) -> dict[str, object]:
    row: dict[str, object] = {"fault": trial.fault, "rate": round(trial.rate), "sent": sum(trial.first.values())}
    row |= {f"first_{outcome}": trial.first[outcome] for outcome in ORDER}
    row |= {f"retried_{outcome}": trial.final[outcome] for outcome in ORDER}
    row |= {"attempts": round(trial.attempts, 3), "recovery_s": round(trial.recovery_s, 2)}
    row |= {name: round(getattr(trial, name), 4) for name in TIMES}
    row |= {"memory_before_mib": round(trial.memory_mib[0]), "memory_most_mib": round(trial.memory_mib[1])}
    counted = {"versions": trial.versions, "errors": trial.errors}
    row |= {name: "; ".join(f"{count} x {what}" for what, count in found.most_common()) for name, found in counted.items()}
    return row | {"notes": "; ".join(trial.notes)}
