"""Any encoded picture becomes the same grey picture, or is refused; nothing that a client sends raises anything else."""

import io
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from hostile import png
from numpy.typing import NDArray
from PIL import Image

from digitkit.errors import DigitError
from digitkit.pictures.codec import decode_picture
from digitkit.pictures.jpeg import PAGE_SIDE_PX
from digitkit.settings import Limits

HEIGHT, WIDTH = 30, 40
NAMES = ("PNG", "JPEG", "BMP", "GIF", "WebP", "TIFF")
LOSSLESS: list[tuple[str, dict[str, Any]]] = [
    ("PNG", {}), ("BMP", {}), ("GIF", {}), ("WEBP", {"lossless": True}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}),
]  # fmt: skip
LOSSY: list[tuple[str, dict[str, Any]]] = [("JPEG", {"quality": 95}), ("WEBP", {"quality": 95})]

NOISE = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
COLOURS = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 4), dtype=np.uint8)  # red, green, blue, alpha
RAMP = np.add.outer(np.arange(HEIGHT) * 2, np.arange(WIDTH) * 4).astype(np.uint8)  # smooth: lossy formats keep it


def encode(picture: NDArray[Any] | Image.Image, kind: str, **options: Any) -> bytes:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(np.ascontiguousarray(picture))
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def luma(colours: NDArray[Any]) -> NDArray[np.float64]:
    """ITU-R BT.601, of red, green and blue from 0 to 255."""
    return np.asarray(colours[..., :3].astype(np.float64) @ [0.299, 0.587, 0.114])


def on_white(colours: NDArray[Any], alpha: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(colours * (alpha / 255.0) + 255.0 * (1 - alpha / 255.0))


def bands(mode: str, *channels: NDArray[np.uint8]) -> Image.Image:
    return Image.merge(mode, [Image.fromarray(np.ascontiguousarray(channel)) for channel in channels])


def refusal(data: bytes, limits: Limits) -> DigitError:
    with pytest.raises(DigitError) as caught:
        decode_picture(data, limits)
    return caught.value


def assert_names_what_is_accepted(error: DigitError) -> None:
    assert all(name in str(error) for name in NAMES), str(error)


@pytest.mark.parametrize(("kind", "options"), LOSSLESS)
def test_lossless_format_gives_the_very_pixels(kind: str, options: dict[str, Any], limits: Limits) -> None:
    grey = decode_picture(bytearray(encode(NOISE, kind, **options)), limits)  # as TorchServe hands it over
    assert grey.dtype == np.uint8
    np.testing.assert_array_equal(grey, NOISE)


@pytest.mark.parametrize(("kind", "options"), LOSSY)
def test_lossy_format_gives_nearly_the_pixels(kind: str, options: dict[str, Any], limits: Limits) -> None:
    np.testing.assert_allclose(decode_picture(encode(RAMP, kind, **options), limits), RAMP, atol=4)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG"])
def test_first_frame_of_several_is_the_picture(kind: str, limits: Limits) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encode(NOISE, kind, save_all=True, append_images=[Image.fromarray(255 - NOISE)], **options)
    with Image.open(io.BytesIO(data)) as image:
        assert getattr(image, "n_frames", 1) == 2
    np.testing.assert_array_equal(decode_picture(data, limits), NOISE)


@pytest.mark.parametrize(("size", "decoded"), [((1300, 1000), (250, 325)), ((600, 480), (480, 600)), ((4000, 40), (5, 500))])
def test_large_jpeg_is_decoded_at_a_fraction_of_its_size(size: tuple[int, int], decoded: tuple[int, int], limits: Limits) -> None:
    assert decode_picture(encode(Image.new("L", size, 128), "JPEG"), limits).shape == decoded


@pytest.mark.parametrize(("size", "decoded"), [((1240, 1754), (1754, 1240)), ((1240, 3508), (1754, 620))])
def test_a_jpeg_of_a_page_stays_large_enough_for_its_digits(size: tuple[int, int], decoded: tuple[int, int], limits: Limits) -> None:
    assert decode_picture(encode(Image.new("L", size, 128), "JPEG"), limits, side_px=PAGE_SIDE_PX).shape == decoded


def palette_picture() -> tuple[Image.Image, NDArray[np.float64], NDArray[np.bool_]]:
    """A picture of four colours, its luma, and where its last colour is."""
    palette = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 10, 10]], dtype=np.uint8)
    image = Image.frombytes("P", (WIDTH, HEIGHT), (NOISE % 4).tobytes())
    image.putpalette(palette.tobytes())
    return image, luma(palette[NOISE % 4]), NOISE % 4 == 3


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_black_and_white_becomes_0_and_255(kind: str, limits: Limits) -> None:
    grey = decode_picture(encode(Image.fromarray(NOISE > 100), kind), limits)
    np.testing.assert_array_equal(grey, np.where(NOISE > 100, 255, 0))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "WEBP"])
def test_colours_become_their_luma(kind: str, limits: Limits) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    grey = decode_picture(encode(COLOURS[..., :3], kind, **options), limits)
    np.testing.assert_allclose(grey, luma(COLOURS), atol=1)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_transparent_colours_are_laid_on_white(kind: str, limits: Limits) -> None:
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    grey = decode_picture(encode(COLOURS, kind, **options), limits)
    np.testing.assert_allclose(grey, on_white(luma(COLOURS), COLOURS[..., 3]), atol=1)
    assert (decode_picture(encode(Image.new("RGBA", (5, 4), (0, 0, 0, 0)), kind, **options), limits) == 255).all()


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_white_strokes_on_transparency_are_laid_on_black(kind: str, limits: Limits) -> None:
    strokes = np.where(NOISE < 128, 255, 0).astype(np.uint8)  # as an HTML canvas with a white pen gives them
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    grey = decode_picture(encode(bands("RGBA", *[np.full_like(strokes, 255)] * 3, strokes), kind, **options), limits)
    np.testing.assert_array_equal(grey, strokes)


def test_transparent_grey_is_laid_on_white(limits: Limits) -> None:
    picture, alpha = COLOURS[..., 0], COLOURS[..., 3]
    np.testing.assert_allclose(decode_picture(encode(bands("LA", picture, alpha), "PNG"), limits), on_white(picture, alpha), atol=1)
    one_level_clear = decode_picture(encode(NOISE, "PNG", transparency=7), limits)
    np.testing.assert_array_equal(one_level_clear, np.where(NOISE == 7, 255, NOISE))


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF"])
def test_palette_becomes_the_luma_of_its_colours(kind: str, limits: Limits) -> None:
    image, grey, _ = palette_picture()
    np.testing.assert_allclose(decode_picture(encode(image, kind), limits), grey, atol=1)


@pytest.mark.parametrize(("kind", "transparency"), [("PNG", 3), ("PNG", bytes([255, 255, 255, 0])), ("GIF", 3)])
def test_transparent_colour_of_a_palette_counts_as_white(kind: str, transparency: int | bytes, limits: Limits) -> None:
    image, grey, clear = palette_picture()
    decoded = decode_picture(encode(image, kind, transparency=transparency), limits)
    np.testing.assert_allclose(decoded, np.where(clear, 255, grey), atol=1)


def test_16_bits_of_colour_become_8(limits: Limits) -> None:
    wide = COLOURS.astype(np.uint16)[..., [2, 1, 0, 3]] * 257  # OpenCV's order
    grey = decode_picture(cv2.imencode(".png", wide)[1].tobytes(), limits)
    np.testing.assert_allclose(grey, on_white(luma(COLOURS), COLOURS[..., 3]), atol=1)


@pytest.mark.parametrize(
    ("kind", "scale", "offset"),
    [("int32", 1, 0), ("int32", 257, 0), ("int32", 1000, -500), ("float32", 1, 0), ("float32", 1 / 255, 0), ("float32", 2, -255)],
)
def test_integer_and_float_pixels_become_8_bits(kind: str, scale: float, offset: float, limits: Limits) -> None:
    values = (NOISE * np.float64(scale) + offset).astype(kind)
    np.testing.assert_allclose(decode_picture(encode(values, "TIFF"), limits), NOISE, atol=1)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38, -3e38, 0.0])
def test_odd_float_pixels_raise_nothing(value: float, limits: Limits) -> None:
    values = np.full((HEIGHT, WIDTH), value, dtype=np.float32)
    assert decode_picture(encode(values, "TIFF"), limits).shape == (HEIGHT, WIDTH)
    values[0, 0] = 1
    assert decode_picture(encode(values, "TIFF"), limits).shape == (HEIGHT, WIDTH)


@pytest.mark.parametrize(("kind", "options"), [("TIFF", {}), ("JPEG", {"quality": 95})])
def test_cmyk_becomes_the_luma_of_its_colours(kind: str, options: dict[str, Any], limits: Limits) -> None:
    channels = (RAMP, 255 - RAMP, RAMP // 2, RAMP // 3)
    cyan, magenta, yellow, black = (1 - channel / 255.0 for channel in channels)
    expected = luma(np.stack([cyan * black, magenta * black, yellow * black], axis=-1) * 255)
    np.testing.assert_allclose(decode_picture(encode(bands("CMYK", *channels), kind, **options), limits), expected, atol=3)


# How a camera that writes this orientation stores the upright picture: CIPA DC-008 (Exif), tag 0x0112.
STORED: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    0: lambda upright: upright,  # no orientation of the standard's
    1: lambda upright: upright,
    2: np.fliplr,
    3: lambda upright: np.rot90(upright, 2),
    4: np.flipud,
    5: np.transpose,
    6: lambda upright: np.rot90(upright, 1),  # the first row is the right side, the first column the top
    7: lambda upright: np.rot90(upright, 2).T,
    8: lambda upright: np.rot90(upright, -1),  # the first row is the left side, the first column the bottom
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_picture_comes_out_upright(kind: str, orientation: int, limits: Limits) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {"quality": 95} if kind == "JPEG" else {}
    grey = decode_picture(encode(STORED[orientation](RAMP), kind, exif=exif, **options), limits)
    np.testing.assert_allclose(grey, RAMP, atol=4 if kind == "JPEG" else 0)


def test_empty_body_is_refused_with_400(limits: Limits) -> None:
    error = refusal(b"", limits)
    assert (error.status, error.type) == (400, "BadRequest")
    assert "empty" in str(error)
    assert_names_what_is_accepted(error)


@pytest.mark.parametrize("data", [b"\0", b"<script>", bytes(5000), NOISE.tobytes(), b"GIF", b"\x89PNG\r\n\x1a\n", b"BM", b"\xff\xd8\xff"])
def test_garbage_is_refused_with_400(data: bytes, limits: Limits) -> None:
    error = refusal(data, limits)
    assert (error.status, error.type) == (400, "UnreadablePicture")
    assert f"{len(data)} bytes" in str(error) or "header" in str(error)
    assert "script" not in str(error)  # a refusal never echoes what came
    assert_names_what_is_accepted(error)


@pytest.mark.parametrize(("kind", "options"), LOSSLESS + LOSSY)
def test_truncated_picture_is_read_or_refused(kind: str, options: dict[str, Any], limits: Limits) -> None:
    whole = encode(NOISE, kind, **options)
    cuts = {*range(1, min(200, len(whole))), *np.linspace(1, len(whole) - 1, 60).astype(int).tolist()}
    refused = 0
    for cut in sorted(cuts):
        try:
            grey = decode_picture(whole[:cut], limits)
        except DigitError as err:
            assert err.status == 400
            refused += 1
        else:
            assert grey.dtype == np.uint8
            assert grey.shape == (HEIGHT, WIDTH)
    assert refused > len(cuts) / 2
    error = refusal(whole[: len(whole) // 2], limits)
    assert (error.status, error.type) == (400, "UnreadablePicture")


def box(brand: bytes) -> bytes:
    """The first box of a file of ISO/IEC 14496-12."""
    return struct.pack(">I4s4sI4s", 20, b"ftyp", brand, 0, b"mif1") + bytes(40)


UNSUPPORTED = [
    ("PDF", b"%PDF-1.7\n1 0 obj"),
    ("SVG", b'<svg xmlns="http://www.w3.org/2000/svg"/>'),
    ("SVG", b'\xef\xbb\xbf\n <?xml version="1.0"?><svg/>'),
    ("HEIC", box(b"heic")),
    ("HEIC", box(b"mif1")),
    ("AVIF", box(b"avif")),
    ("video", box(b"isom")),
    ("video", box(b"mp42")),
    ("video", b"\x1a\x45\xdf\xa3" + bytes(40)),
]


@pytest.mark.parametrize(("name", "data"), UNSUPPORTED)
def test_known_but_unsupported_format_is_refused_with_415(name: str, data: bytes, limits: Limits) -> None:
    error = refusal(data, limits)
    assert (error.status, error.type) == (415, "UnsupportedMedia")
    assert str(error).startswith(name)
    assert_names_what_is_accepted(error)


@pytest.mark.parametrize("side", [20_000, 5_000])
def test_bomb_is_refused_with_413_before_it_is_decoded(side: int, limits: Limits) -> None:
    assert decode_picture(png(100, 100), limits).shape == (100, 100)  # the same in small is a good picture
    data = png(side, side)
    assert len(data) < limits.body_bytes / 10
    error = refusal(data, limits)
    assert (error.status, error.type) == (413, "TooLarge")
    assert str(refusal(data[: data.index(b"IDAT") + 4], limits)) == str(error)  # its header alone says so
    assert f"limit of {limits.pixels} pixels" in str(error) or f"limit is {limits.pixels} pixels" in str(error)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF"])
def test_picture_with_a_pixel_too_many_is_refused_with_413(kind: str, limits: Limits) -> None:
    data, knob = encode(NOISE, kind), "jpeg_pixels" if kind == "JPEG" else "pixels"
    assert decode_picture(data, replace(limits, **{knob: HEIGHT * WIDTH})).shape == (HEIGHT, WIDTH)
    error = refusal(data, replace(limits, **{knob: HEIGHT * WIDTH - 1}))
    assert (error.status, error.type) == (413, "TooLarge")
    assert "40 x 30" in str(error)
    assert "1199" in str(error)


def test_picture_with_a_byte_too_many_is_refused_with_413(limits: Limits) -> None:
    data = encode(NOISE, "PNG")
    assert decode_picture(data, replace(limits, body_bytes=len(data))).shape == (HEIGHT, WIDTH)
    error = refusal(data, replace(limits, body_bytes=len(data) - 1))
    assert (error.status, error.type) == (413, "TooLarge")
    assert f"{len(data)} bytes" in str(error)
    assert f"limit is {len(data) - 1}" in str(error)
