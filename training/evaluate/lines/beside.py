"""Our reader and other engines read the same lines, one after the other: how many they read right, and how long a line takes them."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TypeAlias

from rich.console import Console
from rich.table import Table

from digitkit.readers.numbers.number import digits_of
from training.evaluate.exams.exam import WIDTH
from training.evaluate.lines.number_exam import NumberExam
from training.evaluate.lines.peers.line_peer import PeerError, command_of, started

ReadLine: TypeAlias = Callable[[bytes], str]  # an encoded picture to the text in it


@dataclass(frozen=True, slots=True)
class Beside:
    """How one reader did in an exam.

    Attributes:
        reader: its name and its version.
        right: the share of pictures whose digits are all read right, and no others.
        median_ms: of the times that a line took, from the file's bytes to its text.
    """

    exam: str
    part: str
    reader: str
    right: float
    median_ms: float
    pictures: int


def compare(exam: NumberExam, readers: Mapping[str, ReadLine]) -> list[Beside]:
    """How each reader does in an exam with numbers. They take turns at each picture, so that what else the machine does slows all alike."""
    right, seconds = dict.fromkeys(readers, 0), {name: list[float]() for name in readers}
    for file, truth in zip(exam.files, exam.truths, strict=True):
        for name, read in readers.items():
            before = perf_counter()
            text = read(file)
            seconds[name].append(perf_counter() - before)
            right[name] += digits_of(text) == truth
    count = len(exam.files)
    return [Beside(exam.name, exam.part, name, right[name] / count, 1000 * median(seconds[name]), count) for name in readers]


@contextmanager
def peers(names: Sequence[str]) -> Iterator[dict[str, ReadLine]]:
    """The peers of these names that are installed, by their versions; of the others a line says why they are skipped."""
    with ExitStack() as running:
        found: dict[str, ReadLine] = {}
        for name in names:
            try:
                peer = running.enter_context(started(name, command_of(name)))
            except PeerError as err:
                print(f"skipped: {err}", file=sys.stderr)
            else:
                found[peer.version] = peer.read
        yield found


def stay_on_one_core() -> None:
    """Keep this process, and all that it starts from now on, on one core: the first of those that it may use."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def show_beside(rows: Iterable[Beside], title: str) -> None:
    """Print a table with a line for each exam and a column for each reader."""
    by_exam: dict[tuple[str, str, int], dict[str, Beside]] = {}
    for row in rows:
        by_exam.setdefault((row.exam, row.part, row.pictures), {})[row.reader] = row
    names = list(dict.fromkeys(name for found in by_exam.values() for name in found))
    table = Table("set", "of it", "pictures", *names, title=title)
    for (exam, part, pictures), found in by_exam.items():
        table.add_row(exam, part, f"{pictures:,}", *(f"{found[name].right:.2%}, {found[name].median_ms:,.1f} ms" for name in names))
    Console(highlight=False, width=WIDTH).print(table)


def write_beside(rows: Iterable[Beside], file: Path) -> None:
    """Leave the rows in a JSON file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
