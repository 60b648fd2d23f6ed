"""Pictures without a digit, and the fonts and pictures of the machine that training uses."""

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from digitkit.contract import Picture
from training.data.mnist import DataError
from training.scenes import crops, nothing, sources
from training.scenes.nothing import KINDS, SIDES_PX


def made(count: int, seed: int) -> list[Picture]:
    draw = np.random.default_rng(seed)
    return [nothing.nothing(draw) for _ in range(count)]


def test_pictures_of_nothing_are_grey_and_of_the_promised_sides() -> None:
    for picture in made(300, 0):
        assert picture.dtype == np.uint8
        assert SIDES_PX[0] <= min(picture.shape) and max(picture.shape) <= SIDES_PX[1]


def test_one_seed_makes_the_same_pictures_of_nothing_and_another_seed_others() -> None:
    first, again, other = made(40, 5), made(40, 5), made(40, 6)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sides", [(24, 24), (24, 200), (200, 24), (200, 200)])
def test_every_kind_fills_pictures_of_any_shape(kind: nothing.Kind, sides: tuple[int, int]) -> None:
    draw = np.random.default_rng(0)
    for _ in range(10):
        field = kind(*sides, draw)
        assert field.shape == sides
        assert field.dtype == np.float32
        assert field.min() >= -0.01 and field.max() <= 1.01


def test_nothing_works_without_any_picture_on_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crops, "_paths", lambda: ())
    assert len(made(50, 0)) == 50


def test_crops_are_of_the_files_that_are_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "half.png"
    cv2.imwrite(str(path), np.repeat(np.array([[0, 200]], dtype=np.uint8), 300, axis=1).repeat(400, axis=0))
    monkeypatch.setattr(crops, "_paths", lambda: (path,))
    draw = np.random.default_rng(0)
    cropped = [crops.cropped_photo(50, 80, draw) for _ in range(30)]
    assert all(picture is not None and picture.shape == (50, 80) for picture in cropped)
    levels = {int(level) for picture in cropped if picture is not None for level in (picture.min(), picture.max())}
    assert min(levels) == 0
    assert 195 <= max(levels) <= 205  # enlarging and shrinking overshoot a little


def test_what_is_missing_is_named_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "PACKAGES", ("no-such-fonts", "no-such-pictures"))
    with pytest.raises(DataError, match="apt-get install no-such-fonts no-such-pictures"):
        sources.demand()


def test_nothing_is_demanded_where_all_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_installed", lambda package: (Path("/usr/share/fonts/a.ttf"),))
    assert sources.missing_packages() == []
    sources.demand()


def test_pictures_that_may_show_digits_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = ["/usr/share/clips/animals/cat.png", "/usr/share/clips/animals/race_horse.png", "/usr/share/clips/numbers/one.png"]
    monkeypatch.setattr(sources, "_installed", lambda package: tuple(map(Path, shown)) if package == "openclipart-png" else ())
    monkeypatch.setattr(sources, "SHIPPED", ())
    assert sources.pictures() == (Path(shown[0]),)


def test_the_card_gets_a_hash_of_every_file_that_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    picture = tmp_path / "leaf.png"
    picture.write_bytes(b"leaf")
    monkeypatch.setattr(sources, "pictures", lambda: (picture,))
    monkeypatch.setattr(sources, "faces", tuple)
    assert sources.used() == {str(picture): hashlib.sha256(b"leaf").hexdigest()}
