"""Each of the fifteen corruptions does what its definition says; the geometry, the blur and the edges are scikit-image's."""

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import feature, filters, transform

from training.data.mnist import Split
from training.evaluate.corruptions import CORRUPTIONS, corrupt

Canvases = NDArray[np.uint8]
GREY = np.full((200, 28, 28), 127, dtype=np.uint8)
EMPTY = np.zeros((200, 28, 28), dtype=np.uint8)


@pytest.fixture(scope="module")
def digits(mnist_test: Split) -> Canvases:
    return mnist_test.pictures[:60]


def about_centre(matrix: NDArray[np.float64], picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """scikit-image's picture under a map (3, 3) from its pixels, counted from the centre, to the old ones."""
    centre = transform.AffineTransform(translation=(13.5, 13.5)).params
    return np.asarray(transform.warp(picture / 255, centre @ matrix @ np.linalg.inv(centre)) * 255)


def is_either(corrupted: NDArray[np.uint8], *expected: NDArray[np.float64]) -> bool:
    """Whether the picture is one of the expected ones, to a grey level."""
    return any(np.abs(corrupted - one).max() <= 1 for one in expected)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_seed_decides_every_pixel_and_the_form_stays(name: str, digits: Canvases) -> None:
    before = digits.copy()
    corrupted = corrupt(name, digits, seed=1)
    assert corrupted.shape == digits.shape
    assert corrupted.dtype == np.uint8
    assert np.array_equal(corrupted, corrupt(name, digits, seed=1))
    assert np.array_equal(digits, before)
    is_changed = (corrupted != digits).any(axis=(1, 2))
    assert is_changed.mean() > 0.9
    is_random = name not in ("scale", "brightness", "stripe", "canny edges")
    assert is_random != np.array_equal(corrupted, corrupt(name, digits, seed=2))


def test_more_pictures_than_are_made_at_a_time_are_all_corrupted(mnist_test: Split) -> None:
    many = mnist_test.pictures[:1_003]
    assert np.array_equal(corrupt("stripe", many, seed=0)[:, :, 7:21], many[:, :, 7:21])
    assert np.array_equal(corrupt("stripe", many, seed=0)[:, :, :7], 255 - many[:, :, :7])
    assert np.array_equal(corrupt("glass blur", many, seed=0)[:1_000], corrupt("glass blur", many[:1_000], seed=0))


def test_shot_noise_keeps_the_mean_and_has_steps_of_a_third() -> None:
    noisy = corrupt("shot noise", GREY // 2, seed=0)  # a quarter of ink: 0.74 photons, 1 % of the pixels above the clip
    assert set(np.unique(noisy)) == {0, 85, 170, 255}
    assert np.mean(noisy == 0) == pytest.approx(np.exp(-3 * 63 / 255), abs=0.01)
    assert not corrupt("shot noise", EMPTY, seed=0).any()


def test_impulse_noise_replaces_17_percent_by_as_much_salt_as_pepper() -> None:
    noisy = corrupt("impulse noise", GREY, seed=0)
    assert np.mean(noisy != 127) == pytest.approx(0.17, abs=0.005)
    assert np.mean(noisy == 255) == pytest.approx(np.mean(noisy == 0), abs=0.005)
    assert set(np.unique(noisy)) == {0, 127, 255}


def test_glass_blur_of_even_paper_is_even_and_ink_moves_up_and_left_of_a_plain_blur(digits: Canvases) -> None:
    assert np.all(corrupt("glass blur", GREY, seed=0) == 127)
    glass = corrupt("glass blur", digits, seed=0).astype(float)
    plain = np.stack([filters.gaussian(digit / 255, 0.7 * 2**0.5) * 255 for digit in digits])
    assert glass.sum() == pytest.approx(plain.sum(), rel=0.01)  # swaps lose no ink
    steps = np.arange(28)
    for axis in (1, 2):
        moved = np.average(steps, weights=glass.sum(axis=(0, 3 - axis))) - np.average(steps, weights=plain.sum(axis=(0, 3 - axis)))
        assert abs(moved) < 1
    assert np.abs(glass - plain).mean() > 1


def test_motion_blur_spreads_a_point_along_half_a_gaussian_of_sigma_3() -> None:
    point = EMPTY.copy()
    point[:, 14, 24] = 255
    blurred = corrupt("motion blur", point, seed=0).astype(float)
    weights = np.exp(-(np.arange(21) ** 2) / 18.0)
    assert np.allclose(blurred[:, 14, 24], 255 * weights[0] / weights.sum(), atol=0.5)
    assert not blurred[:, :, 25:].any()  # one side only
    assert blurred.sum(axis=(1, 2)) == pytest.approx(255, abs=5)
    rows, columns = np.indices((28, 28))
    falls = [np.average(rows, weights=picture) > 14 for picture in blurred]
    assert 0.3 < np.mean(falls) < 0.7
    assert np.all(blurred[:, np.abs(rows - 14) > np.abs(columns - 24)] == 0)  # 45 degrees at most


@pytest.mark.parametrize(
    ("name", "matrices"),
    [
        ("shear", [[[1, a, 0], [0, 1, 0], [0, 0, 1]] for a in (np.tan(0.4), -np.tan(0.4))]),
        ("scale", [np.diag([1 / 0.7, 1 / 0.7, 1])]),
        ("rotate", [transform.AffineTransform(rotation=a).params for a in (0.4, -0.4)]),
        ("translate", [transform.AffineTransform(translation=(x, y)).params for x in (-3, 3) for y in (-3, 3)]),
    ],
)
def test_geometry_is_that_of_scikit_image_about_the_centre(name: str, matrices: list[NDArray[np.float64]], digits: Canvases) -> None:
    expected = [[about_centre(np.asarray(matrix), digit) for matrix in matrices] for digit in digits]
    corrupted = corrupt(name, digits, seed=0)
    assert all(is_either(one, *any_of) for one, any_of in zip(corrupted, expected, strict=True))
    used = [sum(is_either(one, any_of[i]) for one, any_of in zip(corrupted, expected, strict=True)) for i in range(len(matrices))]
    assert min(used) > 0.6 * len(digits) / len(matrices)  # both directions, or all four, about equally often


def test_translate_moves_by_exactly_3_pixels_in_each_axis() -> None:
    point = EMPTY.copy()
    point[:, 14, 14] = 200
    places = np.argwhere(corrupt("translate", point, seed=0) == 200)[:, 1:]
    assert {tuple(place) for place in places.tolist()} == {(11, 11), (11, 17), (17, 11), (17, 17)}


def test_scale_leaves_the_border_empty() -> None:
    scaled = corrupt("scale", np.full_like(GREY, 255), seed=0)
    inner = np.s_[:, 5:23, 5:23]
    assert np.all(scaled[inner] == 255)
    scaled[:, 3:25, 3:25] = 0
    assert not scaled.any()


def test_brightness_adds_half_and_clips(digits: Canvases) -> None:
    expected = np.minimum(digits + 127.5, 255)
    assert np.abs(corrupt("brightness", digits, seed=0) - expected).max() <= 0.5


def test_fog_keeps_the_brightest_pixel_and_is_smooth_cloud_where_there_is_no_ink(digits: Canvases) -> None:
    assert not corrupt("fog", EMPTY[:8], seed=0).any()  # the old maximum was 0
    foggy = corrupt("fog", digits, seed=0).astype(float)
    assert np.all(foggy.max(axis=(1, 2)) <= digits.max(axis=(1, 2)))
    dot = EMPTY[:40].copy()
    dot[:, 14, 14] = 255
    corner = corrupt("fog", dot, seed=0)[:, :10, :10] / 255.0
    assert 0 < corner.mean() < 0.75
    assert np.abs(np.diff(corner, axis=2)).mean() < corner.std() / 2


def test_spatter_leaves_mud_of_63_on_part_of_the_paper() -> None:
    spattered = corrupt("spatter", EMPTY, seed=0)
    assert spattered.max() <= 63
    assert np.unique(spattered[spattered > 0]).min() >= round(0.8 * 63)
    assert 0.02 < np.mean(spattered > 0) < 0.4
    assert np.all(corrupt("spatter", np.full_like(EMPTY, 255), seed=0)[spattered > 0] < 102)


def test_dotted_line_is_two_columns_in_four_from_side_to_side() -> None:
    line = corrupt("dotted line", EMPTY, seed=0)
    is_inked = line.any(axis=1)  # (N, 28)
    assert not is_inked[:, np.arange(28) // 2 % 2 == 0].any()
    assert is_inked[:, np.arange(28) // 2 % 2 == 1][:, :-1].all()
    assert np.all((line > 0).sum(axis=1) <= 3)
    assert line.max() == 255


def test_zigzag_runs_from_column_2_to_25_with_teeth_of_2_rows() -> None:
    zigzag = corrupt("zigzag", EMPTY, seed=0).astype(float)
    is_inked = zigzag.any(axis=1)
    assert not is_inked[:, :2].any()
    assert not is_inked[:, 26:].any()
    whole = zigzag[is_inked[:, 3:25].all(axis=1)]
    assert len(whole) > 100  # the others leave the canvas at the top or the bottom
    middle = np.average(np.broadcast_to(np.arange(28)[None, :, None], whole.shape)[:, :, 3:25], axis=1, weights=whole[:, :, 3:25])
    turns = np.diff(np.sign(np.diff(middle, axis=1)), axis=1) != 0
    assert np.median(turns.sum(axis=1)) == pytest.approx(6, abs=2)
    assert np.abs(middle[:, 0] - middle[:, -1]).max() < 5 + 2 * 2 + 1


def test_canny_edges_are_those_of_scikit_image_to_the_pixel(digits: Canvases) -> None:
    expected = np.stack([feature.canny(digit / 255) for digit in digits])
    assert np.array_equal(corrupt("canny edges", digits, seed=0), np.where(expected, 255, 0))
