"""The pictures that training adds to MNIST's."""

import numpy as np
import pytest
from numpy.typing import NDArray

from digitkit.errors import BlankPicture
from digitkit.readers.digits.canvas import to_canvas
from digitkit.readers.digits.digit import LABELS
from training.augment import synthetic as augment_synthetic
from training.augment.fonts import fonts, printed
from training.augment.pen import SHAPES, points_of, written
from training.augment.photo import photographed, scanned
from training.augment.synthetic import NO_DIGIT, synthetic
from training.data.mnist import Split


@pytest.fixture(scope="module")
def digits(ten_digits: NDArray[np.uint8]) -> Split:
    return Split(np.repeat(ten_digits, 20, axis=0), np.repeat(np.array(LABELS), 20))


def test_synthetic_pictures_are_canvases_of_all_digits_and_of_none(digits: Split) -> None:
    made = synthetic(digits, 300, seed=5)
    assert made.pictures.shape == (300, 28, 28)
    assert made.pictures.dtype == np.uint8
    assert set(made.labels) == {*LABELS, NO_DIGIT}
    assert 0.1 < np.mean(made.labels == NO_DIGIT) < 0.4
    assert (made.pictures.max(axis=(1, 2)) > 200).all()


def test_one_seed_makes_the_same_pictures_and_another_seed_others(digits: Split) -> None:
    first, again, other = (synthetic(digits, 40, seed) for seed in (5, 5, 6))
    assert np.array_equal(first.pictures, again.pictures)
    assert np.array_equal(first.labels, again.labels)
    assert not np.array_equal(first.pictures, other.pictures)


def test_digits_of_displays_have_all_their_parts_on_the_canvas(digits: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augment_synthetic, "EMPTY", 0.0)
    monkeypatch.setattr(augment_synthetic, "DISPLAYED", 1.0)
    made = synthetic(digits, 200, seed=5)
    shown = made.pictures[made.labels == 8]  # two loops: each half of the canvas has ink, whatever the gaps are
    assert len(shown) > 5
    assert all((picture[:14] > 100).sum() > 8 and (picture[14:] > 100).sum() > 8 for picture in shown)
    assert set(made.labels.tolist()) == {*LABELS}


@pytest.mark.parametrize("digit", LABELS)
def test_written_digits_fill_their_page_and_differ(digit: int) -> None:
    draw = np.random.default_rng(0)
    pages = [written(digit, draw) for _ in range(20)]
    for page in pages:
        assert page.max() == 255
        assert not page[[0, -1]].any()
        assert not page[:, [0, -1]].any()
        assert to_canvas(page).shape == (28, 28)
    assert len({page.tobytes() for page in pages}) == 20


def test_every_shape_of_a_digit_lies_in_the_unit_square() -> None:
    assert set(SHAPES) == set(LABELS)
    points = np.concatenate([stroke for shapes in SHAPES.values() for shape in shapes for stroke in points_of(shape)])
    assert points.min() >= 0
    assert points.max() <= 1


def test_printed_characters_come_from_many_fonts() -> None:
    assert len(fonts()) >= 20
    draw = np.random.default_rng(0)
    assert len({printed("4", draw).tobytes() for _ in range(30)}) > 20


def test_a_photo_of_a_digit_mostly_comes_out_as_the_digit(digits: Split) -> None:
    draw, alike = np.random.default_rng(0), []
    for picture in digits.pictures:
        try:
            alike.append(np.corrcoef(to_canvas(photographed([picture], draw)).ravel(), picture.ravel())[0, 1])
        except BlankPicture:
            alike.append(0.0)
    assert np.median(alike) > 0.75


def test_photos_are_dark_on_light_or_the_other_way_round() -> None:
    draw = np.random.default_rng(0)
    sign = np.zeros((28, 28), dtype=np.uint8)
    sign[4:24, 10:18] = 255
    photos = [photographed([sign], draw) for _ in range(60)]
    is_dark = [photo[photo.shape[0] // 2, photo.shape[1] // 2] < np.median(photo) for photo in photos]
    assert 0.5 < np.mean(is_dark) < 0.95


def test_a_scan_is_cropped_to_the_strokes(digits: Split) -> None:
    draw = np.random.default_rng(0)
    for picture in digits.pictures[::10]:
        scan = scanned(picture, draw)
        assert 12 <= max(scan.shape) <= 48
        assert scan.min() < 60 < 180 < scan.max()
