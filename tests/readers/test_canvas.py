"""Any picture of a digit becomes the canvas that MNIST would hold of it; one without ink is refused."""

from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from digitkit.errors import BlankPicture
from digitkit.readers.digits.canvas import IN_PLACE_PX, are_canvases, is_canvas, to_canvas, to_canvases

if TYPE_CHECKING:
    from training.data.mnist import Split

Picture = NDArray[np.uint8]
MIDDLE = 14  # the pixel in which MNIST's centres of mass lie, in both directions
SIDES = st.one_of(st.integers(1, 60), st.integers(1, 300))


@pytest.fixture(scope="module")
def sample(mnist_test: "Split") -> Picture:
    """(125, 28, 28): every 80th test picture."""
    return mnist_test.pictures[::80]


def box(canvas: Picture) -> tuple[int, int]:
    """Height and width of the box around the ink."""
    rows, columns = np.nonzero(canvas)
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


def centre_of_mass(canvas: Picture) -> NDArray[np.float64]:
    return np.array([np.average(axis, weights=canvas) for axis in np.indices(canvas.shape)])


def assert_canvas(canvas: Picture, *, longer: int = 20) -> None:
    assert canvas.shape == (28, 28)
    assert canvas.dtype == np.uint8
    assert max(box(canvas)) <= longer
    assert canvas.max() > 250


def assert_blank(picture: Picture) -> None:
    with pytest.raises(BlankPicture, match="no ink") as caught:
        to_canvas(picture)
    assert (caught.value.status, caught.value.type) == (422, "BlankPicture")


def test_canvas_of_mnist_passes_bit_for_bit(mnist_test: "Split") -> None:
    changed = [i for i, canvas in enumerate(mnist_test.pictures) if not np.array_equal(to_canvas(canvas), canvas)]
    assert changed == []


def test_canvas_of_dark_ink_is_inverted_bit_for_bit(sample: Picture) -> None:
    for original in sample:
        assert np.array_equal(to_canvas(dark(original)), original)


def blurred(picture: Picture) -> Picture:
    """Under a lens that is out of focus: no pixel of the paper next to a stroke is 0 any more."""
    return np.asarray(cv2.GaussianBlur(picture, (5, 5), 1), dtype=np.uint8)


@pytest.mark.parametrize("is_dark", [False, True])
def test_digit_that_fills_a_small_square_gets_a_digit_s_width_back(is_dark: bool, sample: Picture) -> None:
    filled, with_margin = [], []  # the boxes of scans that fill their picture, and of the same in the middle of a larger one
    for original in sample:
        x, y, width, height = cv2.boundingRect(original)
        square = cv2.resize(original[y : y + height, x : x + width], (16, 16), interpolation=cv2.INTER_AREA)
        scan = np.where(square > 60, 255, 0).astype(np.uint8)  # black and white, as scanners write it
        if not (scan[0].any() and scan[-1].any() and scan[:, 0].any() and scan[:, -1].any()):
            continue
        page, margin = (255 - scan, 255) if is_dark else (scan, 0)
        filled.append(box(to_canvas(page)))
        with_margin.append(box(to_canvas(np.pad(page, 2, constant_values=margin))))
    assert len(filled) > 50
    assert filled.count((20, 17)) > 0.9 * len(filled)  # of some a speck at the border counts as none
    assert with_margin.count((20, 17)) < 0.1 * len(filled)
    assert np.median(with_margin, axis=0).tolist() == [20, 20]


def test_ink_that_lies_as_on_a_canvas_stays_in_its_place(sample: Picture) -> None:
    for original in sample:
        (canvas,) = to_canvases(blurred(original) // 2 + 40)  # on grey paper, of half the contrast
        assert_canvas(canvas, longer=round(IN_PLACE_PX[1]) + 2)
        assert np.abs(centre_of_mass(canvas) - centre_of_mass(original)).max() < 0.5
        assert np.corrcoef(canvas.ravel(), blurred(original).ravel())[0, 1] > 0.95


def test_ink_off_the_middle_of_a_canvas_is_centred(sample: Picture) -> None:
    for original in sample:
        (canvas,) = to_canvases(pasted(original[:-3, 3:], 28, 28, 3, 0))
        assert_canvas(canvas)
        assert np.abs(centre_of_mass(canvas) - MIDDLE).max() <= 1


@pytest.mark.parametrize("is_dark", [False, True])
def test_picture_of_a_canvas_s_size_that_ink_fills_is_read_as_it_is_too(is_dark: bool, sample: Picture) -> None:
    for original in sample:
        rows, columns = np.nonzero(original)
        digit = original[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        filled = cv2.resize(digit, (28, 28), interpolation=cv2.INTER_LINEAR)
        picture = dark(filled) if is_dark else filled
        fitted, as_it_is = to_canvases(picture)
        assert_canvas(fitted)
        assert as_it_is is picture


def enlarged(picture: Picture, scale: float) -> Picture:
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def dark(picture: Picture) -> Picture:
    """Dark ink on white paper."""
    return 255 - picture


def pasted(picture: Picture, height: int, width: int, top: int, left: int) -> Picture:
    """The bright digit near a corner of a larger dark page."""
    page = np.zeros((height, width), dtype=np.uint8)
    page[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return page


def lit_from_the_left(picture: Picture) -> Picture:
    """Ink at a fifth of the paper's brightness, which falls from 250 to 130."""
    light = np.linspace(250, 130, picture.shape[1])
    return np.asarray(light * (1 - 0.8 * picture / 255.0), dtype=np.uint8)


def framed(picture: Picture) -> Picture:
    """The digit as in the cell of a form, with a line on all four sides."""
    cell = picture.copy()
    cv2.rectangle(cell, (2, 2), (cell.shape[1] - 3, cell.shape[0] - 3), 255, 2)
    return cell


def underlined(picture: Picture) -> Picture:
    page = picture.copy()
    page[-12:-9] = 255
    return page


def touching_its_cell(picture: Picture) -> Picture:
    """The digit in a cell whose upper line runs through its top."""
    rows, columns = np.nonzero(picture)
    digit = enlarged(picture[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1], 4)
    cell = np.pad(digit, ((1, 8), (8, 8)))
    cv2.rectangle(cell, (0, 0), (cell.shape[1] - 1, cell.shape[0] - 1), 255, 2)
    return cell


WAYS: dict[str, Callable[[Picture], Picture]] = {
    "dark on light": dark,
    "twice the size": lambda p: enlarged(p, 2),
    "three times the size": lambda p: enlarged(p, 3),
    "four times the size": lambda p: enlarged(p, 4),
    "four times the size, dark on light": lambda p: dark(enlarged(p, 4)),
    "2.3 times the size": lambda p: dark(enlarged(p, 2.3)),
    "cropped": lambda p: p[3:25, 3:25],
    "grey ink on light grey paper": lambda p: (180 - enlarged(p, 4) * 0.3).astype(np.uint8),
    "high on a page": lambda p: pasted(p, 56, 48, 2, 14),
    "in the corner of a dark page": lambda p: pasted(p, 60, 70, 28, 40),
    "in the corner of a white page": lambda p: dark(pasted(enlarged(p, 2), 120, 90, 4, 30)),
    "small on a large page": lambda p: dark(pasted(p, 300, 400, 200, 50)),
    "light from the left": lambda p: lit_from_the_left(enlarged(p, 4)),
    "underlined": lambda p: dark(underlined(enlarged(p, 4))),
    "in a cell of white lines": lambda p: framed(enlarged(p, 4)),
    "in a cell of black lines": lambda p: dark(framed(enlarged(p, 4))),
}


@pytest.mark.parametrize("way", WAYS)
def test_digit_comes_out_as_mnist_would_hold_it(way: str, sample: Picture) -> None:
    canvases = [to_canvas(np.ascontiguousarray(WAYS[way](original))) for original in sample]
    for canvas in canvases:
        assert_canvas(canvas)
        assert np.abs(centre_of_mass(canvas) - MIDDLE).max() <= 1
    alike = [np.corrcoef(canvas.ravel(), original.ravel())[0, 1] for canvas, original in zip(canvases, sample, strict=True)]
    assert np.mean(np.array(alike) > 0.8) > 0.75
    assert np.median(alike) > 0.9


def test_digit_that_touches_its_cell_mostly_comes_out_without_it(sample: Picture) -> None:
    alike = []
    for original in sample:
        with suppress(BlankPicture):
            alike.append(np.corrcoef(to_canvas(touching_its_cell(original)).ravel(), original.ravel())[0, 1])
    assert len(alike) > 0.95 * len(sample)
    assert np.mean(np.array(alike) > 0.8) > 0.75


@pytest.mark.parametrize("left", [2, 12])
def test_second_digit_that_touches_its_cell_stays_beside_the_first(left: int, sample: Picture) -> None:
    shapes = []
    for first, second in pairwise(sample):
        cell = np.zeros((112, 112), dtype=np.uint8)
        for digit, start in ((first, left), (second, 45)):
            rows, columns = np.nonzero(digit)
            strokes = cv2.resize(digit[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1], (28, 45))
            np.maximum(cell[12:57, start : start + 28], strokes, out=cell[12:57, start : start + 28])
        shapes.append(box(to_canvas(dark(framed(cell)))))
    assert np.mean([width > height for height, width in shapes]) > 0.7


def test_ink_of_other_polarity_gives_the_same_canvas(sample: Picture) -> None:
    pages = [enlarged(original, 4) for original in sample]
    alike = [np.corrcoef(to_canvas(dark(page)).ravel(), to_canvas(page).ravel())[0, 1] for page in pages]
    assert min(alike) > 0.95  # a grey level more or less may move the edge of a stroke


def noise(height: int, width: int, deviation: float) -> Picture:
    """Paper of medium brightness as a camera sees it."""
    grain = np.random.default_rng(0).normal(150, deviation, (height, width))
    return np.asarray(np.clip(grain.round(), 0, 255), dtype=np.uint8)


@pytest.mark.parametrize("shape", [(28, 28), (100, 80), (400, 600)])
@pytest.mark.parametrize("level", [0, 1, 128, 254, 255])
def test_uniform_picture_is_blank(level: int, shape: tuple[int, int]) -> None:
    assert_blank(np.full(shape, level, dtype=np.uint8))


@pytest.mark.parametrize("shape", [(28, 28), (100, 80), (400, 600)])
def test_faint_noise_is_blank(shape: tuple[int, int]) -> None:
    assert_blank(noise(*shape, deviation=3))


def test_digit_fainter_than_noise_is_blank(sample: Picture) -> None:
    for original in sample[:10]:
        assert_blank((200 - enlarged(original, 4) * (18 / 255)).astype(np.uint8))


def test_change_of_light_is_blank() -> None:
    light = np.add.outer(np.linspace(200, 120, 200), np.linspace(0, 50, 150))
    assert_blank(light.astype(np.uint8))


@pytest.mark.parametrize("paper", [0, 255])
def test_lone_speck_is_blank(paper: int) -> None:
    for side in (1, 2, 3):
        page = np.full((120, 100), paper, dtype=np.uint8)
        page[60 : 60 + side, 50 : 50 + side] = 255 - paper
        assert_blank(page)


@pytest.mark.parametrize("paper", [0, 255])
@pytest.mark.parametrize("shape", [(112, 112), (80, 120), (300, 200)])
def test_lines_and_frames_alone_are_blank(shape: tuple[int, int], paper: int) -> None:
    height, width = shape
    underline, margin, frame, inset, ruled = (np.full(shape, paper, dtype=np.uint8) for _ in range(5))
    cv2.line(underline, (0, height - 12), (width - 1, height - 12), 255 - paper, 2)
    cv2.line(margin, (10, 0), (10, height - 1), 255 - paper, 2)
    cv2.rectangle(frame, (1, 1), (width - 2, height - 2), 255 - paper, 2)
    cv2.rectangle(inset, (8, 9), (width - 9, height - 10), 255 - paper, 2)
    ruled[height // 10 :: height // 5] = 255 - paper
    for page in (underline, margin, frame, inset, ruled):
        assert_blank(page)


def assert_canvas_or_blank(picture: Picture) -> None:
    try:
        canvas = to_canvas(picture)
    except BlankPicture:
        return
    assert_canvas(canvas, longer=28 if picture.shape == canvas.shape else 20)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (1, 500), (500, 1), (2, 500), (3000, 10), (10, 3000), (28, 28), (40, 3)])
def test_extreme_shape_gives_a_canvas_or_is_blank(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    assert_canvas_or_blank(random.integers(0, 256, shape, dtype=np.uint8))
    assert_canvas_or_blank(random.choice(np.array([0, 255], dtype=np.uint8), shape, p=[0.9, 0.1]))
    assert_blank(np.full(shape, 77, dtype=np.uint8))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(SIDES, SIDES, st.integers(0, 2**32 - 1), st.floats(0, 1), st.integers(1, 40))
def test_any_picture_gives_a_canvas_or_is_blank(height: int, width: int, seed: int, ink: float, grain: int) -> None:
    random = np.random.default_rng(seed)
    coarse = random.random((-(-height // grain), -(-width // grain))) < ink  # blocks of `grain` pixels
    mask = np.kron(coarse, np.ones((grain, grain), dtype=bool))[:height, :width]
    low, high = random.integers(0, 256, 2)
    assert_canvas_or_blank(np.where(mask, random.integers(0, 256, (height, width)) if seed % 2 else high, low).astype(np.uint8))


def test_a_stack_is_told_canvas_by_canvas_as_each_is_alone(mnist_test: "Split") -> None:
    shifts, rng = np.roll(mnist_test.pictures[:500], 1, axis=1), np.random.default_rng(0)
    speckled = np.where(rng.random((500, 28, 28)) < 0.5, mnist_test.pictures[:500], 0).astype(np.uint8)
    stack = np.concatenate([mnist_test.pictures[:500], shifts, speckled, mnist_test.pictures[:500] // 2, np.zeros_like(shifts[:1])])
    alone = [is_canvas(picture) for picture in stack]
    assert are_canvases(stack).tolist() == alone
    assert 500 < sum(alone) < len(stack) - 500
    assert not are_canvases(np.zeros((3, 40, 28), dtype=np.uint8)).any()
