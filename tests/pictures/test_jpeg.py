"""A JPEG may have as many pixels as today's phones take, by what it costs to decode: a progressive one fewer than a baseline one."""

import io
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hostile import encoded
from PIL import Image

from digitkit.errors import TooLarge
from digitkit.pictures.allowance import Allowance
from digitkit.pictures.codec import decode_picture
from digitkit.settings import Limits

RAMP = np.add.outer(np.arange(480) // 4, np.arange(640) // 5).astype(np.uint8)


@cache
def photo(width: int, height: int, mode: str = "L", progressive: bool = False) -> bytes:
    return encoded(Image.fromarray(RAMP).resize((width, height)).convert(mode), "JPEG", progressive=progressive)


def split_by_colours() -> bytes:
    """A baseline JPEG of three scans, one for each of its colours, as libjpeg's `-scans` option writes it."""
    data = encoded(Image.new("RGB", (64, 48), "white"), "JPEG")
    start = data.index(b"\xff\xda")
    return data[: start + 4] + b"\x01\x01\x00\x00\x3f\x00" + data[start + 14 :]


@pytest.mark.slow
@pytest.mark.parametrize("size", [(5712, 4284), (8064, 6048), (8160, 6144), (12_000, 9_000)], ids=["24", "48", "50", "108"])
def test_a_baseline_jpeg_may_have_the_pixels_of_a_phones_sensor(size: tuple[int, int], limits: Limits) -> None:
    allowance = Allowance(limits.request_pixels)
    grey = decode_picture(photo(*size), limits, allowance)
    assert grey.shape == (-(-size[1] // 8), -(-size[0] // 8))
    assert allowance.spent == grey.size
    np.testing.assert_allclose(grey, np.asarray(Image.fromarray(RAMP).resize(grey.shape[::-1])), atol=4)


@pytest.mark.slow
def test_a_progressive_jpeg_of_50_million_pixels_is_read(limits: Limits) -> None:
    allowance = Allowance(limits.request_pixels)
    assert decode_picture(photo(8160, 6144, progressive=True), limits, allowance).shape == (768, 1020)
    assert allowance.spent == 8160 * 6144 * 6 // 32  # libjpeg writes grey in six scans


@pytest.mark.parametrize("progressive", [False, True])
def test_the_limit_is_that_of_the_kind_of_jpeg_and_the_refusal_names_both(progressive: bool, limits: Limits) -> None:
    few = replace(limits, pixels=1, jpeg_pixels=64 * 48, jpeg_progressive_pixels=64 * 47)
    data = photo(64, 48, progressive=progressive)
    if not progressive:
        assert decode_picture(data, few).shape == (48, 64)
        with pytest.raises(TooLarge, match="the picture is 64 x 49 pixels, the limit is 3072 pixels for a baseline JPEG"):
            decode_picture(photo(64, 49), few)
    else:
        with pytest.raises(
            TooLarge, match="limit is 3008 pixels for a progressive JPEG, or one of several scans; of a baseline one it is 3072"
        ):
            decode_picture(data, few)


def test_a_baseline_jpeg_whose_scans_part_its_colours_counts_as_a_progressive_one(limits: Limits) -> None:
    data = split_by_colours()
    assert "progressive" not in Image.open(io.BytesIO(data)).info
    with pytest.raises(TooLarge, match="or one of several scans"):
        decode_picture(data, replace(limits, jpeg_progressive_pixels=64 * 48 - 1))


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"keep_rgb": True}, {"restart_marker_rows": 1}])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_every_kind_of_jpeg_has_the_same_grey(mode: str, options: dict[str, Any], limits: Limits) -> None:
    data = encoded(Image.fromarray(RAMP).convert("RGB").convert(mode), "JPEG", quality=95, **options)
    np.testing.assert_allclose(decode_picture(data, limits), RAMP[::2, ::2], atol=4)


def test_a_phones_file_of_several_jpegs_is_decoded_at_a_fraction_too(limits: Limits) -> None:
    first, second = (Image.fromarray(shade).resize((2560, 1920)) for shade in (RAMP, 255 - RAMP))
    data = encoded(first, "MPO", save_all=True, append_images=[second])
    assert Image.open(io.BytesIO(data)).format == "MPO"
    grey = decode_picture(data, limits)
    np.testing.assert_allclose(grey, RAMP[: grey.shape[0] * 2 : 2, : grey.shape[1] * 2 : 2], atol=4)


def test_a_preview_inside_of_a_baseline_jpeg_is_no_scan_of_it(limits: Limits) -> None:
    exif = Image.Exif()
    exif[0x927C] = photo(32, 24) * 40  # as a maker's note
    data = encoded(Image.fromarray(RAMP), "JPEG", exif=exif)
    assert data.count(b"\xff\xda") > limits.jpeg_scans
    assert decode_picture(data, limits).shape == (240, 320)
