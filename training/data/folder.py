"""A user's own pictures, `folder/<digit>/*` or a CSV with the columns path and label, all checked before they are used."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from digitkit.readers.digits.digit import LABELS, SIDE_PX
from training.data.mnist import DataError, Split
from training.data.shown import CanvasReader, Shown

DIGITS = {str(label): label for label in LABELS}
COLUMNS = ("path", "label")
SHOWN = 5  # of each kind of fault, in the table


class Entry(NamedTuple):
    """A file, its label as it was written, and the place in the folder or the CSV where that label stands."""

    file: Path
    label: str
    place: str


class Own(NamedTuple):
    """A user's pictures that can be used, each once.

    Attributes:
        split: the canvases that the server reads of them, and their labels.
        tenths: int (N,), which tenth of all pictures each belongs to, see training.data.shown.
        files: the pictures themselves.
    """

    split: Split
    tenths: NDArray[np.int64]
    files: list[Path]


@dataclass(slots=True)
class Report:
    """What was found in a folder or a CSV.

    Attributes:
        path: of the folder or the CSV.
        files: how many files it names.
        counts: the pictures of each digit that are used, in the order of LABELS.
        wrong_labels: each label that is none of 0 to 9, with its place.
        contradictions: each picture that an earlier one equals in every pixel, under another label.
        unreadable: each file that digitkit refuses, with its reason.
        duplicates: each picture that an earlier one equals in every pixel, under the same label; they are left out.
    """

    path: Path
    files: int = 0
    counts: list[int] = field(default_factory=lambda: [0] * len(LABELS))
    wrong_labels: list[str] = field(default_factory=list)
    contradictions: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)

    def problem(self, *, skip_unreadable: bool) -> str | None:
        """What keeps the pictures from being used, in one sentence; None where nothing does."""
        for faults, what, remedy in (
            (self.wrong_labels, "wrong labels", "a label is one of 0 to 9"),
            (self.contradictions, "pictures with contradicting labels", "correct or remove one of each pair"),
            ([] if skip_unreadable else self.unreadable, "unreadable files", "remove them, or leave them out with --skip-unreadable"),
        ):
            if faults:
                return f"{self.path} has {what}, {len(faults)} in all, the first is {faults[0]}; {remedy}"
        return None if sum(self.counts) else f"{self.path} holds no picture that can be used; give folder/<digit>/* or a CSV of path,label"

    def table(self) -> Table:
        table = Table("", "number", "which", title=str(self.path))
        table.add_row("files", f"{self.files:,}")
        for digit, count in zip(LABELS, self.counts, strict=True):
            table.add_row(f"pictures of {digit}", f"{count:,}")
        for name, faults in (
            ("wrong labels", self.wrong_labels),
            ("contradicting labels", self.contradictions),
            ("unreadable or blank", self.unreadable),
            ("duplicates, left out", self.duplicates),
        ):
            more = [f"and {len(faults) - SHOWN:,} more"] if len(faults) > SHOWN else []
            table.add_row(name, f"{len(faults):,}", "\n".join(faults[:SHOWN] + more))
        return table


def load(path: Path, reader: CanvasReader, *, skip_unreadable: bool = False) -> tuple[Own, Report]:
    """A user's pictures and their labels, after a table of what was found has been printed.

    Args:
        path: a folder with folders named 0 to 9, or a CSV file whose paths are relative to its own folder.
        reader: chooses the canvas of each as the server does that serves them.
        skip_unreadable: leave out files that cannot be read, or that are blank, instead of refusing them all.
    Raises:
        DataError: no such folder or CSV, labels that are wrong or contradict each other, unreadable files, nothing left.
    """
    entries = list(_in_folder(path) if path.is_dir() else _in_csv(path))
    own, report = _check(path, entries, reader)
    Console(highlight=False, markup=False, emoji=False).print(report.table())
    problem = report.problem(skip_unreadable=skip_unreadable)
    if problem:
        raise DataError(problem)
    return own, report


def _in_folder(path: Path) -> Iterator[Entry]:
    """Every file below each folder in `path`, hidden ones left out; files beside the folders are not looked at."""
    for folder in sorted(entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith(".")):
        for file in sorted(entry for entry in folder.rglob("*") if entry.is_file() and not entry.name.startswith(".")):
            yield Entry(file, folder.name, f"folder {folder.name}")


def _in_csv(path: Path) -> Iterator[Entry]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:  # Excel begins its UTF-8 with a byte order mark
            rows = csv.DictReader(lines, strict=True)
            if not set(COLUMNS) <= set(rows.fieldnames or ()):
                raise DataError(f"{path} has the columns {rows.fieldnames or []}; it must have {' and '.join(COLUMNS)}")
            for row in rows:
                yield Entry(path.parent / (row["path"] or "").strip(), (row["label"] or "").strip(), f"line {rows.line_num}")
    except (OSError, UnicodeDecodeError, csv.Error) as err:
        raise DataError(f"{path} is no folder and no CSV file in UTF-8 that can be read ({err})") from err


def _check(path: Path, entries: list[Entry], reader: CanvasReader) -> tuple[Own, Report]:
    """The usable entries, and a report on all of them."""
    report, root = Report(path, len(entries)), path if path.is_dir() else path.parent
    used: list[Shown] = []
    files: list[Path] = []
    labels: list[int] = []
    seen: dict[bytes, Entry] = {}
    wrong = {entry.place: f"{entry.label!r} of {entry.place}" for entry in entries if entry.label not in DIGITS}
    report.wrong_labels += wrong.values()
    found = zip(entries, reader.shown_in(entry.file for entry in entries), strict=True)
    for entry, shown in tqdm(found, desc=f"checking {path}", total=len(entries), unit=" pictures", leave=False, disable=None):
        name = _short(entry.file, root)
        if not isinstance(shown, Shown):
            report.unreadable.append(f"{name}: {shown.strerror if isinstance(shown, OSError) else shown}")
            continue
        earlier = seen.setdefault(shown.pixels, entry)
        if earlier is not entry:
            pair = f"{name} ({entry.label}), the same as {_short(earlier.file, root)} ({earlier.label})"
            (report.duplicates if earlier.label == entry.label else report.contradictions).append(pair)
        elif entry.label in DIGITS:
            used.append(shown)
            files.append(entry.file)
            labels.append(DIGITS[entry.label])
    report.counts = np.bincount(np.array(labels, dtype=np.int64), minlength=len(LABELS)).tolist()
    pictures = np.array([shown.canvas for shown in used], dtype=np.uint8).reshape(-1, SIDE_PX, SIDE_PX)
    tenths = np.array([shown.tenth for shown in used], dtype=np.int64)
    return Own(Split(pictures, np.array(labels, dtype=np.int64)), tenths, files), report


def _short(file: Path, root: Path) -> str:
    return str(file.relative_to(root) if file.is_relative_to(root) else file)
