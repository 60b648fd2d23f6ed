"""Answers as a table for people, as JSON and CSV for programs."""

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import Any, TypeAlias

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from digits_client.errors import DigitsError
from digits_client.results import Digit, NumbersFound

PROGRESS_FROM = 100  # pictures: fewer are read before anybody wonders
Answer: TypeAlias = Digit | NumbersFound | DigitsError
Told: TypeAlias = tuple[str, Answer]  # the picture's name, and what was read
DIGIT_COLUMNS = ("picture", "digit", "confidence", "accepted", "reason")
NUMBER_COLUMNS = ("picture", "page", "text", "value", "confidence", "accepted", "reason")


class Layout(StrEnum):
    """How answers are printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def layout_of(*, as_json: bool, as_csv: bool) -> Layout:
    """The layout that two flags choose; the first of them goes before the other."""
    return Layout.JSON if as_json else Layout.CSV if as_csv else Layout.TABLE


def with_progress(answers: Iterable[Told], total: int) -> Iterator[Told]:
    """The same answers, and a bar on standard error meanwhile if there are many and a person looks on."""
    console = Console(stderr=True)
    columns = (TextColumn("reading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=total < PROGRESS_FROM or not console.is_terminal) as progress:
        yield from progress.track(answers, total=total)


def print_answers(answers: Iterable[Told], layout: Layout, columns: Sequence[str]) -> int:
    """Print answers as they come, a table at their end; returns how many pictures could not be read."""
    failed, table, rows = 0, Table(*columns), csv.writer(sys.stdout)
    if layout == Layout.CSV:
        rows.writerow((*columns, "error"))
    for name, answer in answers:
        failed += isinstance(answer, DigitsError)
        if layout == Layout.JSON:
            print(json.dumps({"picture": name, **to_object(answer)}, ensure_ascii=False), flush=True)
        elif layout == Layout.CSV:
            rows.writerows(to_rows(name, answer, len(columns)))
        else:
            for row in to_rows(name, answer, len(columns)):
                _add(table, row)
    if layout == Layout.TABLE:
        Console().print(table)
    return failed


def to_object(answer: Answer) -> dict[str, Any]:
    """The JSON object of an answer."""
    if isinstance(answer, DigitsError):
        return {"error": {"type": answer.type, "code": answer.status, "message": str(answer)}}
    return asdict(answer)


def to_rows(name: str, answer: Answer, width: int) -> list[tuple[str, ...]]:
    """The rows of an answer, of `width` columns and one for the error."""
    if isinstance(answer, DigitsError):
        return [(name, *[""] * (width - 1), f"{answer.type}: {answer}")]
    if isinstance(answer, Digit):
        return [(name, str(answer.digit), f"{answer.confidence:.4f}", _word(answer.accepted), answer.reason, "")]
    return [
        (name, str(each.page), each.text, _value(each.value), f"{each.confidence:.4f}", _word(each.accepted), each.reason, "")
        for each in answer.numbers
    ]


def _add(table: Table, row: Sequence[str]) -> None:
    *cells, error = row
    if error:
        table.add_row(Text(cells[0]), *[""] * (len(cells) - 2), Text(error, style="red"))
    else:
        table.add_row(*map(Text, cells), style=None if "yes" in cells else "yellow")


def _word(accepted: bool) -> str:
    return "yes" if accepted else "no"


def _value(value: object) -> str:
    return "" if value is None else str(value)
