"""Labels go out of a store and into another, in every form, and what is no export is told in a sentence."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from conftest import FakeRun
from eyes import trusting
from samples import files_in, opened, sample
from sqlalchemy import select

from digitkit.collect.schema import PICTURES
from digitkit.settings import Limits
from loop import labels
from loop.agreement import LABELLED
from loop.desk import Desk
from loop.exchange.exchange_forms import FORMS

SAID = dict(enumerate(LABELLED))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with a picture of each label, one that people cannot tell, and one that is open."""
    with opened(tmp_path / "store", *(sample(number, accepted=False) for number in range(len(SAID) + 2))) as kept:
        desk = Desk(kept)
        for number, label in SAID.items():
            desk.claim(sample(number).sha256, label, "anna")
        for by in ("anna", "ben"):
            desk.claim(sample(len(SAID)).sha256, "unsure", by)
    return tmp_path / "store"


def run(*arguments: str | Path) -> str:
    """What the command ends with: its sentence, or its exit code."""
    with pytest.raises(SystemExit) as ended:
        labels.main([str(each) for each in arguments])
    return str(ended.value.code)


def truths(folder: Path) -> dict[str, str]:
    with opened(folder) as kept, kept.reading() as connection:
        return {row.sha256: row.truth for row in connection.execute(select(PICTURES.c.sha256, PICTURES.c.truth))}


@pytest.mark.parametrize("form", FORMS)
def test_what_one_store_writes_another_reads_label_by_label(form: str, store: Path, tmp_path: Path) -> None:
    assert run("--store", store, "--form", form, "--out", tmp_path / "out") == "0"
    with opened(tmp_path / "other"):
        pass
    labels.main(["--store", str(tmp_path / "other"), "--form", form, "--from", str(tmp_path / "out"), "--by", "other"])
    assert truths(tmp_path / "other") == {sample(number).sha256: label for number, label in SAID.items()}


@pytest.mark.parametrize("form", FORMS)
def test_open_pictures_are_written_for_others_to_label_and_read_back_as_nothing(form: str, store: Path, tmp_path: Path) -> None:
    assert run("--store", store, "--form", form, "--out", tmp_path / "out", "--all") == "0"
    assert len(files_in(tmp_path / "out")) == len(SAID) + 2
    before = truths(store)
    labels.main(["--store", str(store), "--form", form, "--from", str(tmp_path / "out")])
    assert truths(store) == before


def test_the_folder_is_one_that_finetune_takes(store: Path, tmp_path: Path, fake_run: FakeRun, limits: Limits) -> None:
    from training.data import folder  # imports torch, which costs seconds
    from training.data.shown import CanvasReader

    assert run("--store", store, "--out", tmp_path / "out") == "0"
    own, report = folder.load(tmp_path / "out" / "digits", CanvasReader(fake_run, trusting, limits))
    assert report.counts == [1] * 10
    assert sorted(own.split.labels.tolist()) == list(range(10))


def test_the_csv_says_what_was_read(store: Path, tmp_path: Path) -> None:
    run("--store", store, "--form", "csv", "--out", tmp_path / "out")
    with (tmp_path / "out" / "labels.csv").open(newline="") as file:
        first = next(csv.DictReader(file))
    assert (first["label"], first["sha256"], first["model"], first["read"], first["confidence"]) == (
        "0",
        sample(0).sha256,
        "digits",
        "0",
        "0.5",
    )
    assert (tmp_path / "out" / first["path"]).read_bytes() == sample(0).png


def test_coco_has_a_box_around_each_picture(store: Path, tmp_path: Path) -> None:
    run("--store", store, "--form", "coco", "--out", tmp_path / "out")
    told = json.loads((tmp_path / "out" / "annotations.json").read_text())
    assert {image["id"] for image in told["images"]} == {annotation["image_id"] for annotation in told["annotations"]}
    assert [category["name"] for category in told["categories"]] == list(LABELLED)
    assert {tuple(annotation["bbox"]) for annotation in told["annotations"]} == {(0, 0, 28, 28)}


def test_label_studios_own_export_is_read(store: Path, tmp_path: Path) -> None:
    """Its form of JSON, where pictures have been served from local files."""
    exported = tmp_path / "exported"
    (exported / "pictures").mkdir(parents=True)
    (exported / "pictures" / "a b.png").write_bytes(sample(50).png)
    choice = {"from_name": "digit", "to_name": "image", "type": "choices", "value": {"choices": ["4"]}}
    task = {"id": 1, "data": {"image": "/data/local-files/?d=pictures/a%20b.png"}, "annotations": [{"id": 1, "result": [choice]}]}
    (exported / "tasks.json").write_text(json.dumps([task]))
    labels.main(["--store", str(store), "--form", "label-studio", "--from", str(exported)])
    assert truths(store)[sample(50).sha256] == "4"


def test_an_import_contradicts_as_a_person_does(store: Path, tmp_path: Path) -> None:
    run("--store", store, "--out", tmp_path / "out")
    (path,) = (tmp_path / "out" / "digits" / "3").iterdir()
    (tmp_path / "out" / "digits" / "8").mkdir(exist_ok=True)
    shutil.move(path, tmp_path / "out" / "digits" / "8" / path.name)
    labels.main(["--store", str(store), "--from", str(tmp_path / "out"), "--by", "ben"])
    assert truths(store)[sample(3).sha256] is None


def test_pictures_that_have_vanished_are_left_out(store: Path, tmp_path: Path) -> None:
    next(store.rglob(f"{sample(0).sha256}.png")).unlink()
    assert run("--store", store, "--out", tmp_path / "out") == "0"
    assert len(files_in(tmp_path / "out")) == len(SAID) - 1


def test_nothing_is_written_over(store: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    assert "is not empty" in run("--store", store, "--out", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_a_store_without_a_settled_picture_is_told_by_the_exit_code(tmp_path: Path) -> None:
    with opened(tmp_path / "store", sample(0)):
        pass
    assert run("--store", tmp_path / "store", "--out", tmp_path / "out") == "3"


@pytest.mark.parametrize(
    ("form", "files", "told"),
    [
        ("folder", {"digits/x.png": b""}, "holds no labels in the form folder"),
        ("folder", {"digits/3/x.png": b"no picture"}, "holds no picture that the server reads"),
        ("csv", {}, "No such file"),
        ("csv", {"labels.csv": b"a,b\n1,2\n"}, "is no CSV"),
        ("csv", {"labels.csv": b"\xff\xfe"}, "is no CSV"),
        ("csv", {"labels.csv": b"path,label\nx.png,seven\n"}, "has the label 'seven'"),
        ("csv", {"labels.csv": b"path,label\n../../x.png,7\n"}, "lies outside"),
        ("coco", {"annotations.json": b"{}"}, "is no file of COCO"),
        ("coco", {"annotations.json": b"[" * 100_000}, "is no JSON"),
        ("label-studio", {"tasks.json": b'{"a": 1}'}, "is no export of Label Studio"),
        ("label-studio", {"tasks.json": b"\x80"}, "is no JSON"),
    ],
    ids=str,
)
def test_what_is_no_export_is_told_and_nothing_is_taken(form: str, files: dict[str, bytes], told: str, store: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    before = truths(store)
    assert told in run("--store", store, "--form", form, "--from", folder)
    assert truths(store) == before


def test_one_way_at_a_time(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--store", store) == run("--store", store, "--out", "a", "--from", "b") == "2"
    assert "say either --out or --from" in capsys.readouterr().err
