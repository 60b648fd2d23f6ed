"""Scenes are what their rows say: cut where they are cut, as thin as a pen, in their place, and the same for the same seed."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import FakeRun
from eyes import trusting
from numpy.typing import NDArray

from digitkit.contract import Picture
from digitkit.pictures.codec import decode_picture
from digitkit.settings import Limits, Settings
from training.augment.synthetic import NO_DIGIT
from training.data import mnist
from training.data.mnist import Split
from training.evaluate.exams.exam import Exam
from training.evaluate.ladders import broken, no_digits, remote, rows, run, scripts, shrunk, surrounded
from training.evaluate.ladders.drawing import centred, enlarged
from training.evaluate.picture_reader import PictureReader

FEW = 6  # pictures in an exam of what is not drawn from MNIST's digits, of which there are ten here


@pytest.fixture
def digits(ten_digits: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> Split:
    for module, name in ((broken, "RUNG"), (rows, "RUNG"), (no_digits, "RUNG"), (no_digits, "DRAWN"), (scripts, "RUNG")):
        monkeypatch.setattr(module, name, FEW)
    monkeypatch.setattr(no_digits, "WHOLE_PX", (48,))
    monkeypatch.setattr(surrounded, "FIGURES", FEW)
    monkeypatch.setattr(surrounded, "FIGURES_PX", (100, 120))
    return Split(ten_digits, np.arange(10))


@pytest.fixture
def draw() -> np.random.Generator:
    return np.random.default_rng(7)


def exams(name: str, digits: Split, seed: int = 0) -> list[Exam]:
    return list(run.SCENES[name](digits, np.random.default_rng(seed)))


def parts(ink: NDArray[np.floating]) -> int:
    """How many pieces the ink has."""
    return int(cv2.connectedComponents((ink > 0.5).astype(np.uint8), connectivity=8)[0]) - 1


def inked(picture: Picture) -> NDArray[np.bool_]:
    """The pixels that differ from the corner's by more than a soft edge does."""
    return np.asarray(np.abs(picture.astype(int) - int(picture[0, 0])) > 40)


@pytest.mark.parametrize("name", run.SCENES)
def test_scenes_are_drawn_from_their_seed_and_every_picture_can_be_decoded(name: str, digits: Split, limits: Limits) -> None:
    drawn = exams(name, digits)
    assert len({(exam.name, exam.part) for exam in drawn}) == len(drawn) > 0
    for exam in drawn:
        assert len(exam.files) == len(exam.truths) >= FEW
        assert exam.goal is not None
        assert all(min(decode_picture(file, limits).shape) > 1 for file in exam.files)
        assert set(exam.truths.tolist()) == {NO_DIGIT} if exam.truths.max() >= NO_DIGIT else exam.truths.min() >= 0
    assert [exam.files for exam in drawn] == [exam.files for exam in exams(name, digits)] != [exam.files for exam in exams(name, digits, 1)]


def test_an_enlarged_digit_keeps_its_proportions_and_gets_sharp_edges(ten_digits: NDArray[np.uint8]) -> None:
    for canvas in ten_digits:
        _, _, across, down = cv2.boundingRect(canvas)
        ink = enlarged(canvas, 200)
        assert max(ink.shape) == 200
        assert ink.shape[1] / ink.shape[0] == pytest.approx(across / down, abs=0.02)
        assert np.mean((ink > 0.05) & (ink < 0.95)) < 0.2


def test_a_crop_without_margin_touches_every_border_and_one_with_margin_none(digits: Split, limits: Limits) -> None:
    bare, _, wide = exams("tight", digits)
    assert (bare.part, wide.part) == ("margin 0%: lost by the crop", "margin 10%: lost by the crop")
    for exam, touches in ((bare, True), (wide, False)):
        assert exam.uncut is not None
        for file, whole in zip(exam.files, exam.uncut, strict=True):
            crop, page = decode_picture(file, limits).astype(int), decode_picture(whole, limits)
            ink = np.abs(crop - int(page[0, 0])) > 20
            assert all(side.any() == touches for side in (ink[0], ink[-1], ink[:, 0], ink[:, -1]))
            assert min(page.shape) > 32


def test_a_stencil_leaves_no_ink_in_its_gaps(ten_digits: NDArray[np.uint8], draw: np.random.Generator) -> None:
    whole = enlarged(ten_digits[0], broken.HEIGHT_PX)
    cut = broken.stencilled(ten_digits[0], 2, draw)
    for axis in (0, 1):
        gone = (whole.sum(axis=axis) > 0) & (cut.sum(axis=axis) == 0)
        assert broken.GAP_PX <= gone.sum() <= 5 * broken.GAP_PX
    assert parts(cut) > parts(broken.stencilled(ten_digits[0], 1, draw)) > parts(whole) == 1


def test_an_open_four_is_in_three_pieces(draw: np.random.Generator) -> None:
    assert [parts(broken.open_four(draw)) for _ in range(50)] == [3] * 50


@pytest.mark.parametrize("digit", range(10))
def test_dots_and_segments_stand_apart(digit: int, draw: np.random.Generator) -> None:
    assert parts(broken.dotted(digit, draw)) == sum(bits.bit_count() for bits in broken.DOTS[digit])
    assert parts(broken.segmented(digit, 200, draw)) == len(broken.LIT[digit])


def test_a_digit_lies_in_an_outer_third_of_its_strip(digits: Split, limits: Limits) -> None:
    for exam, width in zip(exams("strips", digits), remote.STRIP_WIDTHS_PX, strict=True):
        for file in exam.files:
            picture = decode_picture(file, limits)
            assert picture.shape == (remote.STRIP_HEIGHT_PX, width)
            columns = np.flatnonzero(inked(picture).any(axis=0))
            assert columns.max() < width / 3 or columns.min() >= 2 * width / 3


def test_a_thin_pen_is_a_pixel_wide(ten_digits: NDArray[np.uint8]) -> None:
    for canvas in ten_digits:
        ink = remote.one_pixel_wide(canvas, 500)
        assert 350 < max(ink.shape) <= 520
        thick = cv2.erode(ink, np.ones((2, 2), dtype=np.uint8))
        assert np.count_nonzero(thick) < 0.1 * np.count_nonzero(ink)


@pytest.mark.parametrize("gap", rows.GAPS)
def test_neighbours_in_a_row_stand_apart_by_their_gap(gap: float, digits: Split) -> None:
    row = rows.in_a_row(digits, 60, gap)
    empty = "".join("-" if column else "x" for column in (row > 0).any(axis=0)).strip("-").split("-")
    runs = [len(run_) for run_ in empty if len(run_) >= round(gap * 60)]
    assert len(row) == 60
    assert len(runs) == len(digits) - 1


@pytest.mark.parametrize("shape", surrounded.SHAPES.values(), ids=surrounded.SHAPES)
def test_a_digit_stands_out_from_its_surface_and_the_surface_from_its_page(shape: surrounded.Shape, ten_digits: NDArray[np.uint8]) -> None:
    draw, polarities = np.random.default_rng(0), set()
    for _ in range(20):
        picture = surrounded.on_surface(ten_digits[1], shape, draw).astype(int)
        side = len(picture)
        assert surrounded.SIDES_PX[0] <= side <= surrounded.SIDES_PX[1]
        surface, middle = picture[side // 2, round(0.22 * side)], picture[side // 3 : side * 2 // 3, side // 3 : side * 2 // 3]
        ink = middle.flat[np.abs(middle - surface).argmax()]
        assert abs(ink - surface) > 100
        polarities.add(bool(ink > surface))
        if shape in (surrounded.disc, surrounded.badge, surrounded.patch):
            assert abs(surface - picture[0, 0]) >= 50
    assert polarities == {True, False}


def test_light_falls_off_across_a_small_photo(ten_digits: NDArray[np.uint8], draw: np.random.Generator) -> None:
    for side in (16, 40, 64):
        blank = np.zeros_like(ten_digits[0])
        blank[14, 14] = 1  # too faint to be ink
        picture = shrunk.photo(blank, side, draw)
        assert picture.shape == (side, side)
        corners = picture[[0, 0, -1, -1], [0, -1, 0, -1]].astype(int)
        assert 50 < np.ptp(corners) < 100


def test_pages_hold_the_whole_of_what_is_centred_on_them() -> None:
    page = centred(np.ones((3, 5), dtype=np.float32), (9, 11))
    assert np.argwhere(page).min(axis=0).tolist() == [3, 3]
    assert page.sum() == 15


def test_a_script_that_no_font_has_is_skipped_with_a_line(
    digits: Split, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_greek = scripts.fonts_with(scripts.GREEK)
    monkeypatch.setattr(scripts, "fonts_with", lambda signs: with_greek if signs == scripts.GREEK else ())
    assert [exam.name for exam in exams("scripts", digits)] == ["Greek letters"]
    assert capsys.readouterr().err.count("skipped: no font of this machine has ") == len(scripts.ZEROS)
    assert scripts.numerals("Devanagari") == "०१२३४५६७८९"


def test_the_command_reads_the_scenes_that_are_named_and_leaves_what_failed(
    fake_run: FakeRun,
    settings: Settings,
    digits: Split,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(PictureReader, "of", lambda weights: PictureReader(fake_run, settings, trusting))
    monkeypatch.setattr(mnist, "load_test", lambda root: digits)
    command = ["scenes", "--weights", "w.pt", "--out", str(tmp_path), "--only"]
    monkeypatch.setattr(sys, "argv", [*command, "strips,rows"])
    run.main()
    figures = json.loads((tmp_path / "scenes.json").read_text())
    assert [figure["name"] for figure in figures] == ["off the middle of a strip"] * 3 + ["two to nine digits"] * 4
    failed = {file.name for file in (tmp_path / "scenes").iterdir()}
    assert "off-the-middle-of-a-strip-600-x-100-px.png" in failed
    assert "two to nine digits" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", [*command, "strips,hats"])
    with pytest.raises(SystemExit, match="no scenes hats; there are tight, broken, "):
        run.main()
