"""TIFF and DICOM as documents, and what is read as a picture still."""

import logging
from dataclasses import replace
from math import inf
from typing import Any

import numpy as np
import pytest
from doors import encode
from made_documents import NAME, dicom, tiff

from digitkit.documents.document import Document
from digitkit.documents.file_kinds import open_file
from digitkit.errors import TooLarge, UnreadablePicture
from digitkit.pictures.allowance import Allowance
from digitkit.pictures.codec import decode_picture
from digitkit.settings import Limits

RAMP = np.tile(np.arange(200, dtype=np.uint8), (50, 1))


def opened(data: bytes, limits: Limits) -> Any:
    return open_file(data, limits, Allowance(limits.request_pixels, pages=limits.pages))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF"])
def test_a_file_of_one_picture_is_the_picture_as_ever(form: str, limits: Limits) -> None:
    data = encode(RAMP, form)
    assert np.array_equal(opened(data, limits), decode_picture(data, limits))


def test_a_tiff_of_several_pages_is_a_document_of_them(limits: Limits) -> None:
    document = opened(tiff(RAMP, 255 - RAMP, RAMP[:, ::-1], dpi=200), limits)
    assert document.count == 3
    for i, expected in enumerate((RAMP, 255 - RAMP, RAMP[:, ::-1])):
        page = document.open_page(i, inf)
        assert np.array_equal(page.picture, expected)
        assert (page.dpi, page.text) == (200, None)


def test_its_pages_are_counted_up_to_the_limit_alone(limits: Limits) -> None:
    with pytest.raises(TooLarge, match="a document of 3 pages or more; 2 are left"):
        opened(tiff(*[RAMP] * 9), replace(limits, pages=2))


def test_a_page_of_a_tiff_that_is_damaged_costs_no_other(limits: Limits) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    data = bytearray(tiff(noise, noise, noise))
    document = opened(bytes(data), limits)
    second = len(data) // 3 + 500
    data[second : second + 2000] = b"\xff" * 2000
    damaged = opened(bytes(data), limits)
    assert np.array_equal(damaged.open_page(0, inf).picture, document.open_page(0, inf).picture)
    with pytest.raises(UnreadablePicture):
        damaged.open_page(1, inf)


def test_frames_of_dicom_are_pages_and_in_the_right_order(limits: Limits) -> None:
    document = opened(dicom(np.stack([RAMP, RAMP[:, ::-1]])), limits)
    assert isinstance(document, Document)
    assert document.count == 2
    for i, expected in enumerate((RAMP, RAMP[:, ::-1])):
        levels = document.open_page(i, inf).picture
        assert np.abs(levels - np.round(expected * (255 / 199))).max() <= 1


def test_a_window_shows_its_values_alone_and_monochrome1_is_white_on_black(limits: Limits) -> None:
    values = np.tile(np.linspace(0, 4000, 400), (20, 1)).astype(np.uint16)
    window = {"WindowCenter": 2000, "WindowWidth": 1000, "RescaleSlope": 1, "RescaleIntercept": 0}
    shown = opened(dicom(values, **window), limits).open_page(0, inf).picture[0]
    assert (shown[140] <= 2, shown[260] >= 253, 110 < shown[200] < 146) == (True, True, True)
    inverted = opened(dicom(values, PhotometricInterpretation="MONOCHROME1"), limits).open_page(0, inf).picture[0]
    assert (inverted[0], inverted[-1]) == (255, 0)


def test_signed_values_and_colours_become_grey(limits: Limits) -> None:
    signed = np.tile(np.linspace(-1000, 1000, 100), (10, 1)).astype(np.int16)
    row = opened(dicom(signed), limits).open_page(0, inf).picture[0]
    assert (row[0], row[-1]) == (0, 255)
    coloured = np.zeros((20, 30, 3), dtype=np.uint8)
    coloured[5:10, 5:10] = (255, 255, 0)
    page = opened(dicom(coloured), limits).open_page(0, inf)
    assert (page.picture.shape, page.picture[7, 7], page.picture[0, 0]) == ((20, 30), 255, 0)


def test_no_name_of_a_patient_is_read_or_logged(limits: Limits, caplog: pytest.LogCaptureFixture) -> None:
    data = dicom(RAMP)
    assert NAME.encode() in data
    with caplog.at_level(logging.DEBUG):
        document = opened(data, limits)
        document.open_page(0, inf)
    assert NAME not in caplog.text
    assert NAME not in repr(vars(document.open_page.args[0]))
