"""Where answers are written: a folder with a Parquet file for each portion, and job.json, which says what they are answers to.

A file has its name from the moment at which it is whole, so a portion is done where its file is there, whoever asks.
"""

import json
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from scoring.portions import InputError, open_place
from scoring.scorer import Scored

SCHEMA = pa.schema(
    [
        ("file", pa.string()),
        ("place", pa.string()),
        ("label", pa.string()),
        ("confidence", pa.float32()),
        ("accepted", pa.bool_()),
        ("reason", pa.string()),
        ("answer", pa.string()),
        ("error", pa.string()),
        ("message", pa.string()),
    ]
)
JOB, BAD = "job.json", "bad.csv"
ROWS = 5_000  # in memory at once, and in a row group


class AnswerFiles:
    """The answers of one run, in a folder that fsspec knows. Processes and machines may share it.

    Args:
        url: of the folder; it is made where it is not there.
    Raises:
        InputError: there is no such file system.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._files, self._folder = open_place(url)

    def begin(self, job: dict[str, Any]) -> None:
        """Note what is answered here, or go on where the same was begun.

        Args:
            job: the input, its portions and the model, as JSON has them.
        Raises:
            InputError: the folder holds answers to something else, or of another model.
        """
        self._files.makedirs(self._folder, exist_ok=True)
        path = f"{self._folder}/{JOB}"
        if not self._files.exists(path):
            self._put(JOB, json.dumps(job, indent=1).encode())
            return
        begun = json.loads(self._files.cat_file(path))
        if changed := sorted(key for key in begun.keys() | job.keys() if begun.get(key) != job.get(key)):
            raise InputError(f"{self.url} has answers already, of another {' and '.join(changed)}; name another folder, or delete it")

    def done(self) -> set[int]:
        """The numbers of the portions whose answers are there."""
        names = (path.rpartition("/")[2] for path in self._files.ls(self._folder, detail=False, refresh=True))
        return {int(name[7:-8]) for name in names if name.startswith("answers") and name.endswith(".parquet")}

    def write(self, number: int, answers: Iterable[Scored]) -> tuple[int, int]:
        """Write the answers of a portion; how many there are, and how many of them are refusals."""
        name, count, bad = file_name(number), 0, 0
        part = f"{self._folder}/.{name}"  # readers of Parquet folders pass over such a name
        with self._files.open(part, "wb") as file, pq.ParquetWriter(file, SCHEMA, compression="zstd") as writer:
            for rows in _by_rows(answers):
                columns = [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), SCHEMA, strict=True)]
                writer.write_table(pa.table(columns, SCHEMA), ROWS)
                count += len(rows)
                bad += sum(row.error is not None for row in rows)
        self._files.mv(part, f"{self._folder}/{name}")
        return count, bad

    def list_bad(self) -> dict[str, int]:
        """Write BAD, a line for each picture that was refused, in the order of the portions; how many there are of each error."""
        counts: dict[str, int] = {}
        with self._files.open(f"{self._folder}/.{BAD}", "wb") as file, pa_csv.CSVWriter(file, _listed(SCHEMA)) as writer:
            for number in sorted(self.done()):
                with self._files.open(f"{self._folder}/{file_name(number)}") as answers:
                    found = pq.read_table(answers, columns=_listed(SCHEMA).names).filter(pc.field("error").is_valid())
                writer.write_table(found)
                for each in pc.value_counts(found["error"]).to_pylist():
                    counts[each["values"]] = counts.get(each["values"], 0) + each["counts"]
        self._files.mv(f"{self._folder}/.{BAD}", f"{self._folder}/{BAD}")
        return counts

    def _put(self, name: str, content: bytes) -> None:
        self._files.pipe_file(f"{self._folder}/.{name}", content)
        self._files.mv(f"{self._folder}/.{name}", f"{self._folder}/{name}")


def file_name(number: int) -> str:
    return f"answers{number:06}.parquet"


def _listed(schema: pa.Schema) -> pa.Schema:
    return pa.schema([schema.field(name) for name in ("file", "place", "error", "message")])


def _by_rows(answers: Iterable[Scored]) -> Iterable[list[Scored]]:
    """Answers ROWS at a time."""
    rows: list[Scored] = []
    for answer in answers:
        rows.append(answer)
        if len(rows) == ROWS:
            yield rows
            rows = []
    if rows:
        yield rows
