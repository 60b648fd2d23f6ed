"""A page becomes a picture of the same size, from the same seed the same one, and only few are made small."""

import numpy as np
import pytest

from training.scenes.exposure import BINARY, SHRUNK, SHRUNK_PX, exposed, shrunk

PAGE = np.where(np.arange(90) < 45, 0.1, 0.9).astype(np.float32)[None].repeat(60, axis=0)


@pytest.fixture
def draw() -> np.random.Generator:
    return np.random.default_rng(4)


def test_pictures_are_grey_bytes_of_the_pages_size_and_no_two_alike(draw: np.random.Generator) -> None:
    pictures = [exposed(PAGE, draw) for _ in range(60)]
    assert all(picture.shape == PAGE.shape and picture.dtype == np.uint8 for picture in pictures)
    assert len({picture.tobytes() for picture in pictures}) == 60


def test_one_seed_takes_the_same_picture() -> None:
    first, again, other = (exposed(PAGE, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_the_bright_half_of_most_pages_stays_the_bright_one(draw: np.random.Generator) -> None:
    pictures = [exposed(PAGE, draw).astype(float) for _ in range(200)]
    contrasts = np.array([picture[:, 50:].mean() - picture[:, :40].mean() for picture in pictures])
    assert np.mean(contrasts > 0) > 0.9
    assert np.median(contrasts) > 50


def test_the_page_itself_stays_as_it_was(draw: np.random.Generator) -> None:
    page = PAGE.copy()
    for _ in range(20):
        exposed(page, draw)
    assert np.array_equal(page, PAGE)


def test_as_many_pictures_are_shrunk_as_the_share_says_and_some_of_them_to_black_and_white(draw: np.random.Generator) -> None:
    picture = (255 * PAGE).astype(np.uint8)
    made = [shrunk(picture, draw) for _ in range(3000)]
    small = [shrunk_one for shrunk_one in made if shrunk_one.shape != picture.shape]
    assert len(small) / len(made) == pytest.approx(SHRUNK, abs=0.03)
    assert all(int(SHRUNK_PX[0]) <= max(one.shape) <= SHRUNK_PX[1] and one.dtype == np.uint8 for one in small)
    assert all(one.shape[1] / one.shape[0] == pytest.approx(1.5, rel=0.15) for one in small)
    assert np.mean([set(one.flat) == {0, 255} for one in small]) == pytest.approx(BINARY, abs=0.07)


def test_what_is_small_already_is_left_as_it_is(draw: np.random.Generator) -> None:
    picture = np.zeros((8, 8), dtype=np.uint8)
    assert all(shrunk(picture, draw, share=1.0) is picture for _ in range(20))
