"""Figures on real pictures: no picture is in both halves, what is absent is skipped aloud, what is damaged is named."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import pytest
from conftest import REAL_DATA, FakeRun
from eyes import trusting
from numpy.typing import NDArray

from digitkit.pictures.codec import encode_png
from digitkit.settings import Settings
from training.augment.synthetic import NO_DIGIT
from training.data import mnist
from training.evaluate.exams.exam import Exam, ExamResult, sit
from training.evaluate.picture_reader import PictureReader, Readings
from training.evaluate.real import run
from training.evaluate.real.overall import overall
from training.evaluate.real.sets import PAGE, SETS, Arrays, Half, cheques, historical, on_pages, people, semeion, sudoku


@pytest.fixture
def reader(fake_run: FakeRun, settings: Settings) -> PictureReader:
    return PictureReader(fake_run, settings, trusting)


def stored(files: list[bytes], **arrays: NDArray[np.generic]) -> Arrays:
    """Encoded pictures as the sets keep them, one after the other."""
    ends = np.cumsum([0, *map(len, files)])
    return {"files": np.frombuffer(b"".join(files), dtype=np.uint8), "offsets": ends, **arrays}


def test_pages_are_light_jpegs_of_one_size_with_a_digit_anywhere(ten_digits: NDArray[np.uint8]) -> None:
    pages = [cv2.imdecode(np.frombuffer(file, dtype=np.uint8), cv2.IMREAD_GRAYSCALE) for file in on_pages(ten_digits)]
    assert {page.shape for page in pages} == {PAGE}
    assert all(np.median(page) > 200 > 80 > page.min() for page in pages)
    assert on_pages(ten_digits) == on_pages(ten_digits)
    assert on_pages(ten_digits, seed=1) != on_pages(ten_digits)


@pytest.mark.parametrize("exams_of", [historical, people])
def test_every_second_picture_is_quoted_and_the_others_are_for_choosing(
    exams_of: Callable[[Arrays, Half], Iterator[Exam]], ten_pngs: list[bytes]
) -> None:
    (quoted,), (development,) = (list(exams_of(stored(ten_pngs, y=np.arange(10)), half)) for half in get_args(Half))
    assert (quoted.truths.tolist(), quoted.files) == ([1, 3, 5, 7, 9], ten_pngs[1::2])
    assert (development.truths.tolist(), development.files) == ([0, 2, 4, 6, 8], ten_pngs[::2])


def test_four_photos_of_a_cell_stay_together_and_what_is_no_digit_should_not_be_accepted() -> None:
    arrays = {"x": np.zeros((16, 48, 48), dtype=np.uint8), "y": np.repeat([10, 3, 11, 11], 4)}
    quoted, candidates = sudoku(arrays, "quoted")
    assert (quoted.truths.tolist(), candidates.truths.tolist()) == ([3] * 4, [NO_DIGIT] * 4)
    assert [exam.truths.tolist() for exam in sudoku(arrays, "development")] == [[NO_DIGIT] * 4, [NO_DIGIT] * 4]


def test_semeion_is_brought_to_full_brightness() -> None:
    (exam,) = semeion({"x": np.eye(16, dtype=np.uint8)[None].repeat(2, axis=0), "y": np.array([1, 7])}, "quoted")
    assert exam.truths.tolist() == [7]
    assert cv2.imdecode(np.frombuffer(exam.files[0], dtype=np.uint8), cv2.IMREAD_GRAYSCALE).max() == 255


def test_a_cheques_digits_are_cut_out_with_a_margin_that_ends_where_the_picture_does(reader: PictureReader) -> None:
    images = np.arange(2 * 40 * 60, dtype=np.uint32).astype(np.uint8).reshape(2, 40, 60)
    boxes = np.array([[0, 4, 0, 0, 10, 10], [1, 7, 20, 10, 10, 20], [1, 3, 40, 15, 20, 20]], dtype=np.float32)
    (exam,) = cheques({"images": images, "boxes": boxes, "hw": np.array([[40, 60], [32, 50]])}, "quoted")
    assert exam.truths.tolist() == [7, 3]
    inner, edge = (reader.picture(file) for file in exam.files)
    assert np.array_equal(inner, images[1][8:32, 19:31])
    assert np.array_equal(edge, images[1][13:32, 38:50])


def result(name: str, truths: list[int], digits: list[int], scores: list[float]) -> ExamResult:
    probabilities = np.full((len(truths), 10), 0.02, dtype=np.float32)
    probabilities[np.arange(len(truths)), digits] = 0.82
    given, canvases = np.array(scores, dtype=np.float32), np.zeros((len(digits), 28, 28), dtype=np.uint8)
    readings = Readings(np.array(digits), given, probabilities, given >= 0.5, canvases)
    exam = Exam(name, "", [b""] * len(truths), np.array(truths), None)
    return ExamResult(exam, readings, exam.failed(readings))


def test_figures_of_several_sets_are_of_real_digits_alone() -> None:
    digits = result("USPS", [1, 2, 3, 4], [1, 2, 3, 5], [0.9, 0.9, 0.9, 0.1])
    unasked = [result("MNIST", [1], [2], [0.7]), result("notMNIST: accepted", [NO_DIGIT] * 2, [3, 3], [0.1, 0.8])]
    found = {figure.name: figure for figure in overall([digits, *unasked])}
    assert found["notMNIST against MNIST, AUROC"].value == pytest.approx(0.5)
    assert found["USPS, calibration error"].value == pytest.approx(0.82 - 3 / 4, abs=1e-5)
    assert found["real digits, calibration error of accepted ones"].value == pytest.approx(0.18, abs=1e-5)
    assert found["real digits, not accepted"].value == 0.25
    assert found["real digits, not accepted"].pictures == 4


def test_sets_that_are_absent_are_skipped_with_a_line_each(
    ten_digits: NDArray[np.uint8], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = list(run.exams(mnist.Split(ten_digits, np.arange(10)), tmp_path, "quoted", ""))
    assert [exam.name for exam in found] == ["MNIST", "MNIST on pages, JPEG 75"]
    assert capsys.readouterr().err.count("skipped: ") == len(SETS)


def test_a_set_that_is_damaged_or_another_is_named(ten_digits: NDArray[np.uint8], tmp_path: Path) -> None:
    file, test = tmp_path / "usps_16x16.npz", mnist.Split(ten_digits, np.arange(10))
    np.savez(file, other=ten_digits)
    with pytest.raises(ValueError, match=r"usps_16x16.npz is not the set of that name: .*x_test"):
        list(run.exams(test, tmp_path, "quoted", ""))
    for damaged in (file.read_bytes()[:-30], b"no arrays"):
        file.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"usps_16x16.npz is not the set of that name: ."):
            list(run.exams(test, tmp_path, "quoted", "usps"))


def test_the_command_leaves_figures_and_sheets_of_what_was_misread(
    reader: PictureReader,
    ten_digits: NDArray[np.uint8],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = [encode_png(canvas) for canvas in ten_digits]
    np.savez(tmp_path / "dida_other_3000.npz", **stored(files, y=np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 1])))
    monkeypatch.setattr(PictureReader, "of", lambda weights: reader)
    monkeypatch.setattr(mnist, "load_test", lambda root: mnist.Split(ten_digits, np.arange(10)))
    command = ["real", "--weights", "w.pt", "--real-data", str(tmp_path), "--out", str(tmp_path / "out"), "--only"]
    monkeypatch.setattr(sys, "argv", [*command, "dida"])
    run.main()
    figure = json.loads((tmp_path / "out" / "real.json").read_text())[0]
    assert (figure["name"], figure["value"], figure["pictures"]) == ("historical documents", 0.8, 5)
    assert [file.name for file in (tmp_path / "out" / "misread" / "quoted").iterdir()] == ["historical-documents-odd-pictures.png"]
    assert "80.00% ✗ │ 92.00%" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", [*command, "letters"])
    with pytest.raises(SystemExit, match=r"no set of real pictures has 'letters' in its name; there are mnist and usps_16x16.npz, "):
        run.main()


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_every_set_that_is_at_hand_gives_figures_between_none_and_all(name: str, reader: PictureReader) -> None:
    if not (REAL_DATA / name).is_file():
        pytest.skip(f"{name} is not in REAL_DATA: no package ships it")
    with np.load(REAL_DATA / name) as arrays:
        exams = list(SETS[name]({key: arrays[key] for key in arrays.files}, "quoted"))
    for exam in exams:
        few = Exam(exam.name, exam.part, exam.files[::50], exam.truths[::50], exam.goal)
        assert 0 <= sit(few, reader).figure().value <= 1
        assert 10 < len(exam.files) <= 3000
