"""Bulk scoring in this process: portions, what is read of each kind of file, how answers are written, what a run that goes on does."""

import argparse
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from eyes import trusting

from digitkit.backends import eye_ort
from digitkit.settings import Settings
from scoring import run as command
from scoring.answer_files import AnswerFiles, file_name
from scoring.portions import InputError, Portion, find_portions
from scoring.scorer import Scored, Scorer
from scoring.source_pictures import SourcePicture, read_pictures

FILES: Any = fsspec.filesystem("file")


def write_parquet(path: Path, values: list[Any], group: int = 100, column: str = "image") -> None:
    pq.write_table(pa.table({"id": list(range(len(values))), column: values}), path, row_group_size=group)


def write_tar(path: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz" if path.suffix == ".tgz" else "w") as archive:
        for name, content in members.items():
            told = tarfile.TarInfo(name)
            told.size = len(content)
            archive.addfile(told, io.BytesIO(content))


def data_of(url: str, size: int) -> list[bytes]:
    return [picture.data for portion in find_portions(url, size) for picture in read_pictures(FILES, portion, "image")]


@pytest.mark.parametrize(("group", "size"), [(3, 7), (7, 3), (100, 5), (1, 100), (5, 5)])
def test_every_row_of_a_parquet_file_is_in_one_piece_whatever_its_row_groups(group: int, size: int, tmp_path: Path) -> None:
    rows = [b"%d" % i for i in range(23)]
    write_parquet(tmp_path / "a.parquet", rows, group)
    portions = find_portions(str(tmp_path), size)
    ends = [portion.rows for portion in portions if portion.rows]
    assert [start for start, _ in ends] == [0, *(end for _, end in ends[:-1])]
    assert ends[-1][1] == 23
    assert max(end - start for start, end in ends) <= size
    pictures = [picture for portion in portions for picture in read_pictures(FILES, portion, "image")]
    assert [(picture.place, picture.data) for picture in pictures] == [(str(i), row) for i, row in enumerate(rows)]


def test_a_folder_is_read_with_its_folders_by_name_and_without_hidden_files(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name in ("b/1.PNG", "a.jpg", ".hidden.png", "notes.txt", "b/2.png"):
        (tmp_path / name).write_bytes(name.encode())
    write_tar(tmp_path / "z.tar", {"x/1.png": b"one", "x/labels.json": b"{}", "x/2.png": b"two"})
    assert data_of(str(tmp_path), 2) == [b"a.jpg", b"b/1.PNG", b"b/2.png", b"one", b"two"]
    assert [len(portion.files) for portion in find_portions(str(tmp_path), 2)] == [2, 1, 1]


def test_a_compressed_archive_and_the_columns_of_hugging_face_are_read(tmp_path: Path) -> None:
    write_tar(tmp_path / "a.tgz", {"1.png": b"one"})
    write_parquet(tmp_path / "b.parquet", [{"bytes": b"two", "path": "2.png"}, {"bytes": None, "path": "3.png"}, None])
    assert data_of(str(tmp_path), 10) == [b"one", b"two", b"", b""]


def test_any_file_system_of_fsspec_is_read_and_written() -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/in/1.png", b"one")
    (portion,) = find_portions("memory://in")
    assert [picture.data for picture in read_pictures(memory, portion, "image")] == [b"one"]
    answers = AnswerFiles("memory://out")
    answers.begin({"input": "memory://in"})
    answers.write(0, [Scored("/in/1.png", "", error="BlankPicture", message="no ink")])
    assert AnswerFiles("memory://out").done() == {0}
    assert answers.list_bad() == {"BlankPicture": 1}
    assert memory.cat_file("/out/bad.csv").splitlines()[1] == b'"/in/1.png","","BlankPicture","no ink"'


@pytest.mark.parametrize(
    ("url", "told"),
    [("{here}", "holds no pictures"), ("{here}/none", "holds no pictures"), ("nothing://x", "cannot be opened: Protocol not known")],
)
def test_where_there_is_nothing_to_read_the_error_says_so(url: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=told):
        find_portions(url.format(here=tmp_path))


def test_a_column_that_is_missing_or_holds_no_bytes_and_a_broken_archive_are_told(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", ["text"])
    (tmp_path / "b.tar").write_bytes(b"x" * 2000)
    table, archive = Portion((str(tmp_path / "a.parquet"),), 1, (0, 1)), Portion((str(tmp_path / "b.tar"),), 1)
    for portion, column, told in (
        (table, "picture", "has no column picture; it has id, image"),
        (table, "image", "holds str"),
        (archive, "", "no tar"),
    ):
        with pytest.raises(InputError, match=told):
            list(read_pictures(FILES, portion, column))


@pytest.fixture
def scorer(graph: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Scorer:
    """A linear classifier, with an eye that sees nothing."""
    monkeypatch.setattr(eye_ort, "load", lambda *_, **__: trusting)
    return Scorer(graph, settings)


def test_a_bad_picture_is_told_in_its_place_and_costs_its_neighbours_nothing(scorer: Scorer, ten_pngs: list[bytes]) -> None:
    given = [ten_pngs[0], b"", b"no picture", ten_pngs[1], bytes(20_000_000)]
    scored = list(scorer.score(SourcePicture("f", str(i), data) for i, data in enumerate(given)))
    assert [(each.place, each.error) for each in scored] == [
        *(("0", None), ("1", "BadRequest"), ("2", "UnreadablePicture"), ("3", None), ("4", "TooLarge"))
    ]
    good = json.loads(scored[3].answer or "")
    assert (str(good["digit"]), good["accepted"]) == (scored[3].label, scored[3].accepted)
    assert scored[2].answer is None
    assert scored[2].message


def test_a_picture_on_which_the_model_fails_is_found_among_the_others(
    scorer: Scorer, ten_pngs: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = scorer.loaded.read

    def failing(inputs: Any, deadline: float) -> Any:
        if any(given is guilty for given in inputs):
            raise RuntimeError("of this picture alone")
        return read(inputs, deadline)

    prepared = [scorer._prepare(png) for png in ten_pngs]
    guilty = prepared[3]
    monkeypatch.setattr(scorer, "loaded", type("Failing", (), {"read": staticmethod(failing), "try_out": staticmethod(lambda: None)}))
    monkeypatch.setattr(scorer, "_prepare", lambda data: prepared[ten_pngs.index(data)])
    scored = list(scorer.score(SourcePicture("f", str(i), png) for i, png in enumerate(ten_pngs)))
    assert [each.place for each in scored if each.error == "Fault"] == ["3"]


def test_a_piece_whose_reading_breaks_off_leaves_no_file_that_looks_whole(tmp_path: Path) -> None:
    def breaking() -> Iterator[Scored]:
        yield Scored("f", "0", "7", 1.0, True, "", "{}")
        raise OSError("the network is gone")

    answers = AnswerFiles(str(tmp_path))
    with pytest.raises(OSError, match="gone"):
        answers.write(0, breaking())
    assert answers.done() == set()
    assert answers.write(0, [Scored("f", "0", "7", 1.0, True, "", "{}")]) == (1, 0)
    assert pq.read_table(tmp_path / file_name(0)).to_pylist()[0] == Scored("f", "0", "7", 1.0, True, "", "{}")._asdict()


@pytest.fixture
def job(graph: Path, settings: Settings, tmp_path: Path) -> command.Job:
    write_parquet(tmp_path / "in.parquet", [b"%d" % i for i in range(30)], 10)
    return command.Job(str(tmp_path / "in.parquet"), str(tmp_path / "out"), "image", graph, settings, None)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the portions that are answered, by a stand-in for the processes."""
    numbers: list[int] = []

    def answer_all(job: command.Job, due: dict[int, Portion], processes: int) -> Iterator[tuple[int, int]]:
        for number, portion in due.items():
            numbers.append(number)
            pictures = read_pictures(FILES, portion, job.column)
            yield AnswerFiles(job.out).write(number, (Scored(e.file, e.place, e.data.decode(), 1.0, True, "", "{}") for e in pictures))

    monkeypatch.setattr(command, "answer_all", answer_all)
    return numbers


def test_a_run_that_goes_on_answers_what_is_missing_and_nothing_twice(job: command.Job, asked: list[int]) -> None:
    command.run(job, (0, 1), 1, 10)
    Path(job.out, file_name(1)).unlink()
    command.run(job, (0, 1), 1, 10)
    command.run(job, (0, 1), 1, 10)
    assert asked == [0, 1, 2, 1]
    assert [row["label"] for i in range(3) for row in pq.read_table(Path(job.out, file_name(i))).to_pylist()] == list(map(str, range(30)))


def test_machines_that_share_the_work_answer_each_piece_once_and_the_last_one_lists_what_was_refused(
    job: command.Job, asked: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    command.run(job, (1, 2), 1, 10)
    assert asked == [1]
    assert "2 portions of other shares are not done yet" in capsys.readouterr().out
    command.run(job, (0, 2), 1, 10)
    assert asked == [1, 0, 2]
    assert "bad.csv lists what was refused: nothing" in capsys.readouterr().out


def test_answers_of_another_input_or_of_other_settings_are_not_mixed(job: command.Job, asked: list[int]) -> None:
    command.run(job, (0, 1), 1, 10)
    write_parquet(Path(job.source), [b"%d" % i for i in range(1, 31)], 10, "image")
    with pytest.raises(InputError, match=r"of another portions|of another contents"):
        command.run(job, (0, 1), 1, 9)


@pytest.mark.parametrize("text", ["2/2", "1", "-1/2", "a/b", "1/0"])
def test_a_share_that_there_is_not_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="I from 0 to N - 1"):
        command.share_of(text)
