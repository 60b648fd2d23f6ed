"""Figures on real pictures: what is refused counts as it should, what is absent is skipped aloud."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import REAL_DATA, FakeRun
from numpy.typing import NDArray

from digitkit.pictures.codec import encode_png
from digitkit.settings import Settings
from training.data import mnist
from training.evaluate import real
from training.evaluate.real import PictureReader, figures, on_pages


@pytest.fixture
def reader(fake_run: FakeRun, settings: Settings) -> PictureReader:
    return PictureReader(fake_run, settings)


def test_a_refused_picture_is_wrong_and_not_accepted(reader: PictureReader, ten_pngs: list[bytes]) -> None:
    files = [*ten_pngs, encode_png(np.zeros((28, 28), dtype=np.uint8)), b"no picture"]
    readings = reader.read(files)
    assert readings.digits.tolist() == [*range(10), -1, -1]
    assert readings.scores[-2:].tolist() == [0, 0]
    assert reader.accuracy(files, np.array([*range(10), 0, 0])) == pytest.approx(10 / 12)
    assert reader.not_accepted(files) == pytest.approx(2 / 12)


def test_the_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    probabilities = np.full((4, 10), 0.02, dtype=np.float32)
    probabilities[np.arange(3), [1, 2, 3]] = 0.82
    probabilities[3] = 0
    readings = real.Readings(np.array([1, 2, 3, -1]), np.ones(4, dtype=np.float32), probabilities)
    assert readings.calibration_error(np.array([1, 2, 3, 0])) == pytest.approx(0.18, abs=1e-5)
    assert readings.calibration_error(np.array([1, 2, 9, 0])) == pytest.approx(0.82 - 2 / 3, abs=1e-5)


def test_an_error_reaches_its_goal_from_above_and_a_share_from_below() -> None:
    assert real.Figure("", 0.1, 1, 0.2, is_error=True).is_reached
    assert not real.Figure("", 0.3, 1, 0.2, is_error=True).is_reached
    assert real.Figure("", 0.3, 1, 0.2).is_reached
    assert not real.Figure("", 0.1, 1, 0.2).is_reached


def test_pages_are_light_jpegs_of_one_size_with_a_digit_anywhere(ten_digits: NDArray[np.uint8]) -> None:
    pages = [cv2.imdecode(np.frombuffer(file, dtype=np.uint8), cv2.IMREAD_GRAYSCALE) for file in on_pages(ten_digits)]
    assert {page.shape for page in pages} == {real.PAGE}
    assert all(np.median(page) > 200 > 80 > page.min() for page in pages)
    assert on_pages(ten_digits) == on_pages(ten_digits)
    assert on_pages(ten_digits, seed=1) != on_pages(ten_digits)


def test_sets_that_are_absent_are_skipped_with_a_line_each(
    reader: PictureReader, ten_digits: NDArray[np.uint8], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    test = mnist.Split(ten_digits, np.arange(10))
    found = list(figures(reader, test, tmp_path))
    assert [figure.name for figure in found] == ["MNIST test, served path", "MNIST test, calibration error", "MNIST test on pages, JPEG 75"]
    assert found[0].value == found[0].goal == 1.0
    assert capsys.readouterr().err.count("skipped: ") == len(real.SETS)


def test_a_set_that_is_damaged_or_another_is_named(reader: PictureReader, ten_digits: NDArray[np.uint8], tmp_path: Path) -> None:
    file, test = tmp_path / "usps_16x16.npz", mnist.Split(ten_digits, np.arange(10))
    np.savez(file, other=ten_digits)
    with pytest.raises(ValueError, match=r"usps_16x16.npz is not the set of that name: .*x_test"):
        list(figures(reader, test, tmp_path))
    for damaged in (file.read_bytes()[:-30], b"no arrays"):
        file.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"usps_16x16.npz is not the set of that name: ."):
            list(figures(reader, test, tmp_path))


@pytest.mark.parametrize("name", real.SETS)
def test_every_set_that_is_at_hand_gives_figures_between_none_and_all(name: str, reader: PictureReader) -> None:
    if not (REAL_DATA / name).is_file():
        pytest.skip(f"{name} is not in REAL_DATA: no package ships it")
    with np.load(REAL_DATA / name) as arrays:
        few = {key: arrays[key][::50] for key in arrays.files if arrays[key].ndim > 0}
    for figure in real.SETS[name](reader, few, np.ones(10, dtype=np.float32)):
        assert 0 <= figure.value <= 1
        assert 0 < figure.pictures <= 150
