"""What a row of a table counts: refusals are wrong, answers to what is no digit must not be accepted, and goals have a side."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import FakeRun
from eyes import trusting
from numpy.typing import NDArray

from digitkit.pictures.codec import decode_picture, encode_png
from digitkit.settings import Limits, Settings
from training.augment.synthetic import NO_DIGIT
from training.evaluate.exams.contact_sheet import COLUMNS, MOST, contact_sheet, write_sheets
from training.evaluate.exams.exam import Exam, Figure, sit, write
from training.evaluate.picture_reader import PictureReader, Readings

BLANK = encode_png(np.zeros((28, 28), dtype=np.uint8))


@pytest.fixture
def reader(fake_run: FakeRun, settings: Settings) -> PictureReader:
    return PictureReader(fake_run, settings, trusting)


def test_a_refused_picture_is_wrong_and_not_accepted(reader: PictureReader, ten_pngs: list[bytes]) -> None:
    found = sit(Exam("", "", [*ten_pngs, BLANK, b"no picture"], np.array([*range(10), 0, 0]), 0.9), reader)
    assert found.readings.digits.tolist() == [*range(10), -1, -1]
    assert found.readings.scores[-2:].tolist() == [0, 0]
    assert found.failed.tolist() == [False] * 10 + [True] * 2
    assert (found.figure().value, found.figure().unaccepted) == (pytest.approx(10 / 12), pytest.approx(2 / 12))


def test_what_is_no_digit_fails_where_it_is_accepted(reader: PictureReader, ten_pngs: list[bytes]) -> None:
    exam = Exam("", "", [*ten_pngs[:1], BLANK, BLANK, BLANK], np.full(4, NO_DIGIT), 0.1, is_error=True)
    figure = sit(exam, reader).figure()
    assert (figure.value, figure.unaccepted, figure.is_reached) == (0.25, None, False)


def test_only_pictures_count_whose_easier_one_is_read_right(reader: PictureReader, ten_pngs: list[bytes]) -> None:
    exam = Exam("", "", [BLANK, ten_pngs[1], BLANK], np.array([0, 1, 2]), 0.01, is_error=True, uncut=[ten_pngs[0], ten_pngs[1], BLANK])
    figure = sit(exam, reader).figure()
    assert (figure.value, figure.pictures) == (0.5, 2)


def test_the_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    probabilities = np.full((4, 10), 0.02, dtype=np.float32)
    probabilities[np.arange(3), [1, 2, 3]] = 0.82
    probabilities[3] = 0
    accepted, canvases = np.array([True, True, False, False]), np.zeros((4, 28, 28), dtype=np.uint8)
    readings = Readings(np.array([1, 2, 3, -1]), np.ones(4, dtype=np.float32), probabilities, accepted, canvases)
    assert readings.calibration_error(np.array([1, 2, 3, 0])) == pytest.approx(0.18, abs=1e-5)
    assert readings.calibration_error(np.array([1, 2, 9, 0])) == pytest.approx(0.82 - 2 / 3, abs=1e-5)
    assert readings.calibration_error(np.array([1, 2, 9, 0]), among=readings.accepted) == pytest.approx(0.18, abs=1e-5)
    assert (readings + readings).calibration_error(np.array([1, 2, 9, 0] * 2)) == pytest.approx(0.82 - 2 / 3, abs=1e-5)


def test_an_error_reaches_its_goal_from_above_and_a_share_from_below() -> None:
    assert Figure("", "", 0.1, 1, 0.2, is_error=True).is_reached
    assert not Figure("", "", 0.3, 1, 0.2, is_error=True).is_reached
    assert Figure("", "", 0.3, 1, 0.2).is_reached
    assert not Figure("", "", 0.1, 1, 0.2).is_reached
    assert Figure("", "", 0.1, 1, None).is_reached


def test_figures_are_left_in_a_file_of_their_own(tmp_path: Path) -> None:
    write([Figure("a set", "odd", 0.5, 2, 0.9)], tmp_path / "new" / "figures.json")
    kept = json.loads((tmp_path / "new" / "figures.json").read_text())
    assert kept == [
        {"name": "a set", "part": "odd", "value": 0.5, "pictures": 2, "goal": 0.9, "is_error": False, "unaccepted": None},
    ]


@pytest.mark.parametrize(("failures", "rows"), [(1, 1), (COLUMNS + 1, 2), (MOST + 5, MOST // COLUMNS)])
def test_a_contact_sheet_has_a_tile_for_each_failure_up_to_a_limit(
    failures: int, rows: int, reader: PictureReader, ten_digits: NDArray[np.uint8], limits: Limits
) -> None:
    wide = encode_png(np.pad(ten_digits[3], ((0, 0), (0, 300))))
    exam = Exam("", "", [wide, *[b"no picture"] * (failures - 1), encode_png(ten_digits[1])], np.array([7] * failures + [1]), None)
    sheet = decode_picture(contact_sheet(sit(exam, reader), reader), limits)
    assert sheet.shape[0] % rows == sheet.shape[1] % COLUMNS == 0
    assert sheet.shape[0] // rows == 120


def test_what_failed_with_other_weights_is_gone_where_nothing_fails(reader: PictureReader, ten_pngs: list[bytes], tmp_path: Path) -> None:
    wrong, right = (sit(Exam("A set", "all", ten_pngs, truths, None), reader) for truths in (np.zeros(10, dtype=int), np.arange(10)))
    write_sheets([wrong], reader, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["a-set-all.png"]
    write_sheets([right], reader, tmp_path)
    assert list(tmp_path.iterdir()) == []
