"""A user's own pictures: every fault is found before training and named."""

import csv
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import FakeRun
from eyes import trusting
from numpy.typing import NDArray

from digitkit.pictures.codec import encode_png
from digitkit.readers.digits.canvas import to_canvas
from digitkit.readers.digits.recognise import Given
from digitkit.settings import Limits
from training.data import folder
from training.data.mnist import DataError
from training.data.shown import CanvasReader, tenth_of
from training.recipe import RECIPES
from training.train import added_pictures, main

BLANK = np.full((40, 40), 255, dtype=np.uint8)


@pytest.fixture
def reader(fake_run: FakeRun, limits: Limits) -> CanvasReader:
    """With an eye that sees nothing, so that the rules alone decide."""
    return CanvasReader(fake_run, trusting, limits)


@pytest.fixture
def scans(tmp_path: Path, ten_digits: NDArray[np.uint8]) -> Path:
    """A folder of two pictures of each digit: the canvas as PNG, and dark on light at another size as JPEG."""
    root = tmp_path / "scans"
    for digit, canvas in enumerate(ten_digits):
        (root / str(digit)).mkdir(parents=True)
        (root / str(digit) / "first.png").write_bytes(encode_png(canvas))
        photo = cv2.resize(255 - canvas, (90, 90), interpolation=cv2.INTER_CUBIC)
        (root / str(digit) / "second.jpg").write_bytes(cv2.imencode(".jpg", photo)[1].tobytes())
    return root


def write_csv(path: Path, rows: list[list[str]], header: tuple[str, ...] = ("path", "label"), encoding: str = "utf-8") -> Path:
    with path.open("w", newline="", encoding=encoding) as lines:
        csv.writer(lines).writerows([header, *rows])
    return path


def test_every_picture_of_a_folder_becomes_its_canvas_with_its_folders_label(
    scans: Path, ten_digits: NDArray[np.uint8], reader: CanvasReader
) -> None:
    (split, tenths, files), report = folder.load(scans, reader)
    assert split.pictures.shape == (20, 28, 28)
    assert (split.pictures.dtype, split.labels.dtype) == (np.uint8, np.int64)
    assert split.labels.tolist() == [digit for digit in range(10) for _ in range(2)]
    assert np.array_equal(split.pictures[::2], ten_digits)
    photo = cv2.imread(str(scans / "4" / "second.jpg"), cv2.IMREAD_GRAYSCALE)
    assert np.array_equal(split.pictures[9], to_canvas(np.asarray(photo, dtype=np.uint8)))
    assert tenths.tolist() == [tenth_of(Given([canvas])) for canvas in split.pictures]
    assert files == [scans / str(digit) / name for digit in range(10) for name in ("first.png", "second.jpg")]
    assert (report.files, report.counts) == (20, [2] * 10)


def test_a_csv_names_files_relative_to_itself_and_may_begin_with_excels_mark(
    scans: Path, ten_digits: NDArray[np.uint8], reader: CanvasReader
) -> None:
    path = write_csv(scans / "labels.csv", [["7/first.png", " 7 "], [str(scans / "3" / "first.png"), "3"]], encoding="utf-8-sig")
    (split, *_), _ = folder.load(path, reader)
    assert split.labels.tolist() == [7, 3]
    assert np.array_equal(split.pictures, ten_digits[[7, 3]])


def test_what_the_table_says_is_what_was_found(scans: Path, reader: CanvasReader, capsys: pytest.CaptureFixture[str]) -> None:
    (scans / "0" / "broken [red].png").write_bytes(b"no picture")
    (scans / "0" / "blank.png").write_bytes(encode_png(BLANK))
    (scans / "1" / "copy.bmp").write_bytes(cv2.imencode(".bmp", cv2.imread(str(scans / "1" / "first.png")))[1].tobytes())
    (scans / "1" / ".hidden").write_bytes(b"not looked at")
    own, report = folder.load(scans, reader, skip_unreadable=True)
    assert len(own.split) == len(own.tenths) == len(own.files) == 20
    assert len(report.unreadable) == 2
    assert report.unreadable[0].startswith("0/blank.png: ")
    assert report.unreadable[1].startswith("0/broken [red].png: 10 bytes that are no picture that can be read")
    assert report.duplicates == ["1/first.png (1), the same as 1/copy.bmp (1)"]
    table = capsys.readouterr().out
    for row in (
        "│ files                │ 23 ",
        "pictures of 9",
        "unreadable or blank",
        "0/broken [red].png",
        "duplicates, left out",
        "1/copy.bmp",
    ):
        assert row in table


def test_unreadable_files_are_refused_by_name_unless_they_are_to_be_skipped(scans: Path, reader: CanvasReader) -> None:
    whole = (scans / "5" / "first.png").read_bytes()
    (scans / "5" / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"unreadable files, 1 in all, the first is 5/cut.png: the PNG .* damaged.*--skip-unreadable"):
        folder.load(scans, reader)


def test_a_folder_that_is_no_digit_is_named_once(scans: Path, reader: CanvasReader) -> None:
    (scans / "9").rename(scans / "nine")
    with pytest.raises(DataError, match="wrong labels, 1 in all, the first is 'nine' of folder nine; a label is one of 0 to 9"):
        folder.load(scans, reader, skip_unreadable=True)


@pytest.mark.parametrize("label", ["seven", "10", "7.0", "-1", "", "0 0 1 0"])
def test_a_label_of_a_wrong_shape_is_named_with_its_line(label: str, scans: Path, reader: CanvasReader) -> None:
    path = write_csv(scans / "labels.csv", [["7/first.png", "7"], ["8/first.png", label]])
    with pytest.raises(DataError, match=f"the first is {label!r} of line 3"):
        folder.load(path, reader)


def test_one_picture_under_two_labels_is_refused_whatever_its_file_format(scans: Path, reader: CanvasReader) -> None:
    (scans / "2" / "again.bmp").write_bytes(cv2.imencode(".bmp", cv2.imread(str(scans / "7" / "first.png")))[1].tobytes())
    with pytest.raises(DataError, match=r"contradicting labels, 1 in all, the first is 7/first.png \(7\), the same as 2/again.bmp \(2\)"):
        folder.load(scans, reader)


def test_a_file_that_a_csv_names_and_that_is_not_there_is_unreadable(scans: Path, reader: CanvasReader) -> None:
    path = write_csv(scans / "labels.csv", [["7/first.png", "7"], ["lost.png", "3"]])
    with pytest.raises(DataError, match=r"lost.png: No such file or directory"):
        folder.load(path, reader)
    assert len(folder.load(path, reader, skip_unreadable=True)[0].split) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"file,digit\na.png,1\n", r"has the columns \['file', 'digit'\]; it must have path and label"),
        (b"", "it must have path and label"),
        (b"path,label\n\xff\xfe,1\n", "no CSV file in UTF-8"),
        (b'path,label\n"a.png,1\n', "no CSV file in UTF-8 that can be read"),
        (b"path,label\n", "holds no picture that can be used"),
    ],
)
def test_a_csv_that_is_none_ends_with_one_sentence(content: bytes, message: str, tmp_path: Path, reader: CanvasReader) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        folder.load(path, reader)


def test_a_path_that_is_not_there_and_an_empty_folder_are_named(tmp_path: Path, reader: CanvasReader) -> None:
    with pytest.raises(DataError, match="nowhere is no folder and no CSV"):
        folder.load(tmp_path / "nowhere", reader)
    with pytest.raises(DataError, match="holds no picture that can be used"):
        folder.load(tmp_path, reader)


def test_many_faults_are_counted_and_the_first_few_are_shown(scans: Path, reader: CanvasReader, capsys: pytest.CaptureFixture[str]) -> None:
    for i in range(8):
        (scans / "0" / f"bad-{i}.png").write_bytes(b"x")
    folder.load(scans, reader, skip_unreadable=True)
    table = capsys.readouterr().out
    assert "bad-4.png" in table
    assert "bad-5.png" not in table
    assert "and 3 more" in table


@pytest.mark.slow
def test_training_adds_the_pictures_of_a_recipe_and_stops_before_it_begins_where_a_label_is_wrong(
    scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = added_pictures(replace(RECIPES["quick"], pictures_from=str(scans)), tmp_path)
    assert {name: len(split) for name, split in added.items()} == {str(scans): 20}
    (scans / "9").rename(scans / "nine")
    monkeypatch.setattr(sys, "argv", ["train", "--run", str(tmp_path / "run"), "--pictures-from", str(scans)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == (  # which Python prints, and ends with 1
        f"training.train: {scans} has wrong labels, 1 in all, the first is 'nine' of folder nine; a label is one of 0 to 9"
    )
    assert not (tmp_path / "run").exists()
