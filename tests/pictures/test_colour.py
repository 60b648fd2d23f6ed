"""Ink that differs from its paper in colour alone is seen, and the grey of every other picture is its luma."""

import io

import numpy as np
import pytest
from hostile import encoded
from numpy.typing import NDArray
from PIL import Image

from digitkit.errors import BlankPicture
from digitkit.pictures.codec import decode_picture
from digitkit.pictures.strokes import MIN_CONTRAST
from digitkit.readers.digits.canvas import to_canvas
from digitkit.settings import Limits

Colour = tuple[int, int, int]
RED, GREEN, MAGENTA, GREY = (255, 0, 0), (0, 128, 0), (220, 60, 220), (128, 128, 128)
WHITE, YELLOW, PALE, BLUE, BLACK = (255, 255, 255), (255, 255, 0), (250, 240, 120), (0, 0, 255), (0, 0, 0)
UNSEEN = [(RED, GREEN), (GREEN, RED), (MAGENTA, GREY), (PALE, WHITE), (YELLOW, WHITE), (BLUE, BLACK)]
SEEN = [(BLACK, WHITE), (WHITE, BLACK), ((40, 60, 180), (250, 250, 245)), ((220, 30, 30), WHITE), ((150, 150, 150), (240, 230, 200))]


def stroke(side: int, width: int) -> NDArray[np.float64]:
    """A seven, 1 on 0."""
    mask, start, end = np.zeros((side, side)), side // 4, side * 3 // 4
    mask[start : start + width, start:end] = 1
    for y in range(start, end):
        x = end - (y - start) // 2
        mask[y, x - width : x] = 1
    return mask


def page(ink: Colour, paper: Colour, *, side: int = 200, width: int = 10, noise: float = 4) -> Image.Image:
    share = stroke(side, width)[..., np.newaxis]
    colours = np.array(ink) * share + np.array(paper) * (1 - share)
    noisy = colours + np.random.default_rng(0).normal(0, noise, (side, side, 3))
    return Image.fromarray(noisy.round().clip(0, 255).astype(np.uint8))


def contrast(grey: NDArray[np.uint8], side: int, width: int) -> float:
    """How far ink and paper are apart."""
    size = grey.shape[::-1]
    mask = np.asarray(Image.fromarray(stroke(side, width).astype(np.uint8) * 255).resize(size, Image.Resampling.BOX))
    return float(abs(np.median(grey[mask > 200]) - np.median(grey[mask == 0])))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP"])
@pytest.mark.parametrize(("ink", "paper"), UNSEEN)
def test_ink_that_differs_in_colour_alone_is_seen(ink: Colour, paper: Colour, kind: str, limits: Limits) -> None:
    grey = decode_picture(encoded(page(ink, paper), kind), limits)
    assert contrast(grey, 200, 10) > 2 * MIN_CONTRAST
    assert to_canvas(grey).max() == 255


@pytest.mark.parametrize(
    ("ink", "paper", "side", "width"),
    [(RED, GREEN, 28, 3), (RED, GREEN, 600, 8), (RED, GREEN, 1200, 16), (PALE, WHITE, 600, 8), (PALE, WHITE, 1200, 16)],
)
def test_it_is_seen_in_pictures_of_every_size_and_thin(ink: Colour, paper: Colour, side: int, width: int, limits: Limits) -> None:
    for kind in ("PNG", "JPEG"):
        assert contrast(decode_picture(encoded(page(ink, paper, side=side, width=width), kind), limits), side, width) > MIN_CONTRAST


@pytest.mark.parametrize(("ink", "paper"), UNSEEN)
def test_the_majority_is_light_as_paper_is(ink: Colour, paper: Colour, limits: Limits) -> None:
    grey = decode_picture(encoded(page(ink, paper), "PNG"), limits)
    assert np.median(grey) > grey.mean()


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize(("ink", "paper"), SEEN)
def test_the_grey_of_ink_that_luma_shows_is_its_luma(ink: Colour, paper: Colour, kind: str, limits: Limits) -> None:
    data = encoded(page(ink, paper), kind)
    grey = decode_picture(data, limits)
    with Image.open(io.BytesIO(data)) as luma:
        luma.draft("L", None)  # as libjpeg gives it
        np.testing.assert_array_equal(grey, np.asarray(luma.convert("L")))


@pytest.mark.parametrize("noise", [0, 12])
@pytest.mark.parametrize("shade", [WHITE, GREY, PALE, (90, 140, 200)])
def test_paper_of_any_colour_without_ink_stays_blank(shade: Colour, noise: float, limits: Limits) -> None:
    for kind in ("PNG", "JPEG"):
        grey = decode_picture(encoded(page(shade, shade, noise=noise), kind), limits)
        with pytest.raises(BlankPicture):
            to_canvas(grey)


def test_a_pencils_digit_beside_a_coloured_stripe_stays_seen(limits: Limits) -> None:
    colours = np.array(page((150, 150, 150), WHITE))
    colours[180:195] = YELLOW  # of a highlighter
    np.testing.assert_array_equal(
        decode_picture(encoded(Image.fromarray(colours), "PNG"), limits), np.asarray(Image.fromarray(colours).convert("L"))
    )


def test_grey_that_is_stored_as_colours_is_exact(limits: Limits) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (60, 50), dtype=np.uint8)
    for mode in ("RGB", "RGBA"):
        np.testing.assert_array_equal(decode_picture(encoded(Image.fromarray(noise).convert(mode), "PNG"), limits), noise)


@pytest.mark.parametrize("ink", [YELLOW, PALE, MAGENTA])
def test_coloured_strokes_on_transparency_are_seen(ink: Colour, limits: Limits) -> None:
    pixels = np.zeros((200, 200, 4), dtype=np.uint8)
    pixels[stroke(200, 10) > 0] = (*ink, 255)
    assert contrast(decode_picture(encoded(Image.fromarray(pixels), "PNG"), limits), 200, 10) > 2 * MIN_CONTRAST


def test_a_picture_of_any_tiny_or_narrow_size_has_a_grey(limits: Limits) -> None:
    for size in ((1, 1), (1, 500), (500, 1), (3, 2), (97, 2)):
        image = Image.fromarray(np.random.default_rng(2).integers(0, 256, (*size, 3), dtype=np.uint8))
        assert decode_picture(encoded(image, "PNG"), limits).shape == size
