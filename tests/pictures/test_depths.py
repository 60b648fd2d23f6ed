"""Files of 16 bits hold what a sensor or a program gave: values of 8, 10, 12 or 16 bits, each as dark as it was meant."""

import io

import numpy as np
import pytest
from hostile import encoded
from PIL import Image

from digitkit.pictures.codec import decode_picture
from digitkit.settings import Limits

NOISE = np.random.default_rng(0).integers(0, 256, (30, 40), dtype=np.uint8)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_16_bits_of_grey_are_scaled_by_what_they_hold(bits: int, kind: str, limits: Limits) -> None:
    deep = np.round(NOISE / 255 * (2**bits - 1)).astype(np.uint16)
    data = encoded(Image.fromarray(deep), kind)
    assert Image.open(io.BytesIO(data)).mode.startswith("I")
    np.testing.assert_allclose(decode_picture(data, limits), NOISE, atol=1 if bits == 10 else 0)


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_32_bits_of_grey_are_scaled_as_16_are(bits: int, limits: Limits) -> None:
    deep = np.round(NOISE / 255 * (2**bits - 1)).astype(np.int32)
    np.testing.assert_allclose(decode_picture(encoded(Image.fromarray(deep), "TIFF"), limits), NOISE, atol=1 if bits == 10 else 0)


def test_a_dark_picture_of_16_bits_is_not_stretched(limits: Limits) -> None:
    dark = (NOISE.astype(np.uint16) * 257) // 4
    np.testing.assert_allclose(decode_picture(encoded(Image.fromarray(dark), "PNG"), limits), NOISE / 4, atol=1)
