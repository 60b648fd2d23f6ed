"""What is learned from is what is served: the canvas of each file that a worker would read, and the part of the data it belongs to."""

import errno
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from eyes import FakeEye, never, trusting
from numpy.typing import NDArray
from scribbles import under_scribble, write_scribbled

from digitkit.errors import BlankPicture, UnreadablePicture
from digitkit.pictures.codec import encode_png
from digitkit.readers.digits.canvas import to_canvas
from digitkit.readers.digits.recognise import prepare
from digitkit.settings import Limits
from training.data import shown as module
from training.data.shown import CanvasReader, Shown, tenth_of
from training.evaluate.picture_reader import PictureReader
from training.evaluate.served import DIGITS

Digits = NDArray[np.uint8]


def unasked(canvases: Digits) -> NDArray[np.float32]:
    raise AssertionError(f"the net was asked of {len(canvases)} canvases")


def doubtful(canvases: Digits) -> NDArray[np.float32]:
    """A net that is equally unsure of everything, so that the first of a picture's canvases is read."""
    return np.zeros((len(canvases), 10), dtype=np.float32)


def written(folder: Path, pictures: list[Digits]) -> list[Path]:
    files = [folder / f"{i}.png" for i in range(len(pictures))]
    for file, picture in zip(files, pictures, strict=True):
        file.write_bytes(encode_png(picture))
    return files


@pytest.fixture(scope="module")
def served() -> CanvasReader:
    return CanvasReader.of(DIGITS)


def test_canvases_stay_as_they_are_and_neither_net_nor_eye_is_asked(ten_digits: Digits, limits: Limits, tmp_path: Path) -> None:
    files = written(tmp_path, [*ten_digits, *(255 - ten_digits)])
    found = list(CanvasReader(unasked, never, limits).shown_in(files))
    assert all(isinstance(each, Shown) for each in found)
    assert np.array_equal([each.canvas for each in found if isinstance(each, Shown)], [*ten_digits, *ten_digits])


def test_under_a_scribble_the_digit_is_found_where_the_rules_find_the_scribble(
    ten_digits: Digits, served: CanvasReader, tmp_path: Path
) -> None:
    files = [write_scribbled(digit, tmp_path / f"{i}.png") for i, digit in enumerate(ten_digits)]
    canvases = np.array([each.canvas for each in served.shown_in(files) if isinstance(each, Shown)])
    assert served.run(canvases).argmax(axis=1).tolist() == list(range(10))
    by_rules = np.array([to_canvas(under_scribble(digit)) for digit in ten_digits])
    assert [i for i, read in enumerate(served.run(by_rules).argmax(axis=1)) if read == i] == [7]  # which the scribble looks like
    read = PictureReader.of(DIGITS).read([file.read_bytes() for file in files])
    assert np.array_equal(canvases, read.canvases)  # which are those that a worker reads


def test_which_canvas_is_read_is_the_nets_choice_and_the_part_that_a_picture_belongs_to_is_not(
    ten_digits: Digits, served: CanvasReader, tmp_path: Path
) -> None:
    files = [write_scribbled(digit, tmp_path / f"{i}.png") for i, digit in enumerate(ten_digits)]
    others = [CanvasReader(doubtful, served.eye, served.limits), CanvasReader(served.run, trusting, served.limits)]
    first, *more = [[each for each in reader.shown_in(files) if isinstance(each, Shown)] for reader in (served, *others)]
    for found in more:
        assert not any(np.array_equal(each.canvas, other.canvas) for each, other in zip(found, first, strict=True))
        assert [(each.tenth, each.pixels) for each in found] == [(each.tenth, each.pixels) for each in first]


def test_what_the_rules_find_no_ink_in_is_shown_where_the_eye_sees_a_digit(limits: Limits, tmp_path: Path) -> None:
    bar = cv2.rectangle(np.zeros((60, 60), dtype=np.uint8), (0, 28), (59, 31), 255, -1)
    with pytest.raises(BlankPicture):
        to_canvas(bar)
    (file,) = written(tmp_path, [bar])
    (refused,) = CanvasReader(doubtful, trusting, limits).shown_in([file])
    assert isinstance(refused, BlankPicture)
    (found,) = CanvasReader(doubtful, FakeEye(), limits).shown_in([file])
    assert isinstance(found, Shown)
    assert found.canvas.any()
    assert found.tenth == tenth_of(prepare(bar))


def test_what_cannot_be_read_stands_in_its_place_with_the_reason(ten_digits: Digits, limits: Limits, tmp_path: Path) -> None:
    (good,) = written(tmp_path, [ten_digits[3]])
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"broken")
    found = list(CanvasReader(unasked, never, limits).shown_in([broken, good, tmp_path / "lost.png"]))
    assert [type(each) for each in found] == [UnreadablePicture, Shown, FileNotFoundError]
    assert isinstance(found[2], OSError) and found[2].errno == errno.ENOENT


@pytest.mark.parametrize(("bound", "value"), [("PART_PIXELS", 2 * 160 * 160), ("PART_PICTURES", 2)])
def test_only_a_part_of_the_pictures_is_opened_before_the_first_is_given(
    bound: str, value: int, ten_digits: Digits, served: CanvasReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [write_scribbled(digit, tmp_path / f"{i}.png") for i, digit in enumerate(ten_digits[:5])]
    whole = [each.canvas for each in served.shown_in(files) if isinstance(each, Shown)]
    opened: list[Path] = []

    def opening() -> Iterator[Path]:
        for file in files:
            opened.append(file)
            yield file

    monkeypatch.setattr(module, bound, value)
    counts, canvases = [], []
    for each in served.shown_in(opening()):
        assert isinstance(each, Shown)
        counts.append(len(opened))
        canvases.append(each.canvas)
    assert counts == [2, 2, 4, 4, 5]
    assert np.array_equal(canvases, whole)
