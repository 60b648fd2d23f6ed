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
from digits_client.results import Digit, NoNumber, Number, NumbersFound

PROGRESS_FROM = 100  # pictures: fewer are read before anybody wonders
Answer: TypeAlias = Digit | NumbersFound | DigitsError
Told: TypeAlias = tuple[str, Answer]  # the picture's name, and what was read
DIGIT_COLUMNS = ("picture", "digit", "confidence", "accepted", "reason")
NUMBER_COLUMNS = ("picture", "page", "field", "text", "value", "confidence", "accepted", "reason")


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
        failed += isinstance(answer, DigitsError) or (isinstance(answer, NumbersFound) and bool(unread_pages(answer)))
        if layout == Layout.JSON:
            print(json.dumps({"picture": name, **to_object(answer)}, ensure_ascii=False, default=_plain), flush=True)
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
    return _plain(answer) if isinstance(answer, DigitsError) else asdict(answer)


def to_rows(name: str, answer: Answer, width: int) -> list[tuple[str, ...]]:
    """The rows of an answer, of `width` columns and one for the error."""
    if isinstance(answer, DigitsError):
        return [(name, *[""] * (width - 1), _told(answer))]
    if isinstance(answer, Digit):
        return [(name, str(answer.digit), f"{answer.confidence:.4f}", _word(answer.accepted), answer.reason, "")]
    read = [*answer.fields.items()] or [("", each) for each in answer.numbers]
    rows = [(name, str(each.page), field, *_cells(each), "") for field, each in read]
    return rows + [(name, str(page), *[""] * (width - 2), _told(error)) for page, error in unread_pages(answer).items()]


def unread_pages(found: NumbersFound) -> dict[int, DigitsError]:
    """The pages of an answer that could not be read."""
    return {number: page for number, page in found.pages.items() if isinstance(page, DigitsError)}


def _cells(read: Number | NoNumber) -> tuple[str, ...]:
    """The cells of a number, from its text on."""
    if isinstance(read, NoNumber):
        return "", "", "", _word(False), "no_number"
    return read.text, _value(read.value), f"{read.confidence:.4f}", _word(read.accepted), read.reason


def _told(error: DigitsError) -> str:
    return f"{error.type}: {error}"


def _add(table: Table, row: Sequence[str]) -> None:
    *cells, error = row
    if error:
        table.add_row(Text(cells[0]), *[""] * (len(cells) - 2), Text(error, style="red"))
    else:
        table.add_row(*map(Text, cells), style=None if "yes" in cells else "yellow")


def _word(accepted: bool) -> str:
    return "yes" if accepted else "no"


def _plain(value: object) -> Any:
    """What JSON says of an error in an answer, and of a decimal."""
    if isinstance(value, DigitsError):
        return {"error": {"type": value.type, "code": value.status, "message": str(value)}}
    return str(value)


def _value(value: object) -> str:
    return "" if value is None else str(value)
