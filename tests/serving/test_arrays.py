"""Arrays of numbers, in JSON, tensors and NumPy files: whatever their type, range and shape, one reading or a refusal."""

import base64
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hostile import encoded
from numpy.typing import NDArray
from PIL import Image
from questions import found, read_question

from digitkit.errors import BadRequest, BlankPicture, DigitError
from digitkit.pictures.codec import decode_picture
from digitkit.readers.digits.canvas import to_canvases
from digitkit.serving.reading import Question
from digitkit.serving.request import to_request
from digitkit.settings import Limits

Digits = NDArray[np.uint8]
Send = Callable[[NDArray[Any], Limits], Question]
TYPES = {
    "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8",
    "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
NAMES = {np.dtype(code): name for name, code in TYPES.items()}


def ask(body: bytes, limits: Limits, **headers: str) -> Question:
    named = {"host": "here"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return read_question(to_request({"body": body}, named, {"body": ""}), limits)


def as_npy(array: NDArray[Any], limits: Limits) -> Question:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return ask(buffer.getvalue(), limits)


def as_tensor(array: NDArray[Any], limits: Limits) -> Question:
    tensor = {"name": "x", "datatype": NAMES[array.dtype], "shape": list(array.shape), "data": array.ravel().tolist()}
    return ask(json.dumps({"inputs": [tensor]}).encode(), limits)


def as_binary(array: NDArray[Any], limits: Limits) -> Question:
    data = array.tobytes()
    tensor = {"name": "x", "datatype": NAMES[array.dtype], "shape": list(array.shape), "parameters": {"binary_data_size": len(data)}}
    head = json.dumps({"inputs": [tensor]}).encode()
    return ask(head + data, limits, inference_header_content_length=str(len(head)))


def as_instance(array: NDArray[Any], limits: Limits) -> Question:
    return ask(json.dumps({"instances": [array.tolist()]}).encode(), limits)


def same(question: Question, expected: Digits) -> bool:
    return all(np.array_equal(got, [canvas]) for got, canvas in zip(found(question), expected, strict=True))


def refused(send: Send, array: NDArray[Any], limits: Limits) -> str:
    """Why an array is refused, as a whole or in the place of its picture."""
    try:
        (error,) = send(array, limits).pictures
    except DigitError as err:
        error = err
    assert isinstance(error, BadRequest), error
    return str(error)


@pytest.mark.parametrize("send", [as_npy, as_tensor, as_binary])
@pytest.mark.parametrize("datatype", sorted(set(TYPES) - {"INT8"}))
def test_every_numeric_type_is_read(datatype: str, send: Send, ten_digits: Digits, limits: Limits) -> None:
    assert same(send(ten_digits.astype(TYPES[datatype]), limits), ten_digits)


@pytest.mark.parametrize("send", [as_npy, as_tensor, as_binary])
def test_int8_holds_levels_up_to_127_or_ink_as_ones(send: Send, ten_digits: Digits, limits: Limits) -> None:
    for values, levels in ((ten_digits // 3, ten_digits // 3), (ten_digits > 127, (ten_digits > 127) * np.uint8(255))):
        expected = [to_canvases(picture) for picture in levels]
        assert all(np.array_equal(*pair) for pair in zip(found(send(values.astype("i1"), limits)), expected, strict=True))


@pytest.mark.parametrize("send", [as_npy, as_tensor, as_binary, as_instance])
@pytest.mark.parametrize("datatype", ["FP16", "FP32", "FP64"])
def test_fractions_are_stretched(datatype: str, send: Send, ten_digits: Digits, limits: Limits) -> None:
    fractions = (ten_digits[:1] / 255).astype(TYPES[datatype])
    assert same(send(fractions, limits), ten_digits[:1])


@pytest.mark.parametrize("shape", [(-1, 28, 28), (10, 1, 28, 28), (10, 28, 28, 1), (10, 784), (-1, 784), (-1, 1, 28, 28)])
@pytest.mark.parametrize("datatype", ["UINT8", "FP32"])
def test_every_shape_of_a_list_of_mnist_is_read(datatype: str, shape: tuple[int, ...], ten_digits: Digits, limits: Limits) -> None:
    values = ten_digits if datatype == "UINT8" else ten_digits / 255
    tensor = {"name": "x", "datatype": datatype, "shape": list(shape), "data": values.ravel().tolist()}
    assert same(ask(json.dumps({"inputs": [tensor]}).encode(), limits), ten_digits)


@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 1), (1, 28, 28), (1, 28, 28, 1), (1, 1, 28, 28), (784,)])
def test_an_instance_may_have_every_shape_of_one_picture(shape: tuple[int, ...], ten_digits: Digits, limits: Limits) -> None:
    assert same(as_instance(ten_digits[3].reshape(shape), limits), ten_digits[3:4])


@pytest.mark.parametrize("send", [as_npy, as_tensor, as_binary, as_instance])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_coloured_array_is_one_picture_with_the_grey_of_its_file(channels: int, send: Send, limits: Limits) -> None:
    grey = np.full((60, 50), 255, dtype=np.uint8)
    grey[15:45, 20:30] = 0
    alpha = np.full_like(grey, 255)
    alpha[:, :25] = 200
    planes = {1: [grey], 2: [grey, alpha], 3: [grey, grey // 2, grey], 4: [grey, grey // 2, grey, alpha]}[channels]
    pixels = np.stack(planes, axis=-1)
    image = Image.fromarray(pixels if channels > 1 else grey)
    expected = to_canvases(decode_picture(encoded(image, "PNG"), limits))
    for array in (pixels, pixels[np.newaxis], np.moveaxis(pixels, -1, 0)[np.newaxis]):
        (got,) = found(send(np.ascontiguousarray(array), limits))
        assert np.array_equal(got, expected)


@pytest.mark.parametrize("shape", [(1, 3, 28, 3), (2, 4, 28, 4), (5, 28, 28, 28), (2, 5, 28, 28)])
def test_a_shape_that_may_mean_two_things_or_none_is_refused(shape: tuple[int, ...], limits: Limits) -> None:
    for send in (as_npy, as_tensor):
        assert "(N, H, W, C)" in refused(send, np.zeros(shape, dtype=np.uint8), limits)


def test_rows_of_784_in_a_numpy_file_may_be_a_picture_or_many(ten_digits: Digits, limits: Limits) -> None:
    assert "may be one picture or a row for each of 10" in refused(as_npy, ten_digits.reshape(10, 784), limits)
    assert same(as_npy(ten_digits[:1].reshape(1, 784), limits), ten_digits[:1])


@pytest.mark.parametrize("send", [as_npy, as_tensor, as_instance])
def test_zeros_and_ones_are_paper_and_ink(send: Send, ten_digits: Digits, limits: Limits) -> None:
    mask = (ten_digits[:1] > 127).astype(np.uint8)
    (got,) = found(send(mask, limits))
    assert np.array_equal(got, to_canvases(mask[0] * 255))


EIGHT = np.array([
    [0, 0, 5, 13, 9, 1, 0, 0], [0, 0, 13, 15, 10, 15, 5, 0], [0, 3, 15, 2, 0, 11, 8, 0], [0, 4, 12, 0, 0, 8, 8, 0],
    [0, 5, 8, 0, 0, 9, 8, 0], [0, 4, 11, 0, 1, 12, 7, 0], [0, 2, 14, 5, 10, 12, 0, 0], [0, 0, 6, 13, 10, 0, 0, 0],
])  # fmt: skip


@pytest.mark.parametrize("datatype", ["UINT8", "INT64", "FP32", "FP64"])
@pytest.mark.parametrize("send", [as_npy, as_tensor, as_binary, as_instance])
def test_scikit_learns_digits_go_from_0_to_16(send: Send, datatype: str, limits: Limits) -> None:
    (got,) = found(send(EIGHT[np.newaxis].astype(TYPES[datatype]), limits))
    assert np.array_equal(got, to_canvases(np.round(EIGHT * (255 / 16)).astype(np.uint8)))
    flat = as_instance if send is as_instance else as_tensor
    shape = (64,) if send is as_instance else (1, 64)
    (again,) = found(flat(EIGHT.reshape(shape).astype(TYPES[datatype]), limits))
    assert np.array_equal(again, got)


@pytest.mark.parametrize("send", [as_npy, as_tensor, as_binary, as_instance])
@pytest.mark.parametrize(("low", "high"), [(-1, 1), (-0.42, 2.82), (0, 1.5), (0, 16), (0, 4), (0, 300), (0, np.nan), (0, np.inf)])
def test_values_of_no_clear_range_are_refused_by_the_range_that_is_accepted(low: float, high: float, send: Send, limits: Limits) -> None:
    values = np.full((1, 28, 28), low, dtype=np.float32)
    values[0, 8:20, 10:14] = high
    if not (send is as_tensor and not np.isfinite(high)):
        assert "from 0 to 255, or fractions from 0 to 1" in refused(send, values, limits)


def test_one_blank_level_is_a_blank_picture_whatever_it_is(limits: Limits) -> None:
    for level in (0, 1, 7, 200):
        (error,) = as_npy(np.full((28, 28), level, dtype=np.uint8), limits).pictures
        assert isinstance(error, BlankPicture)


@pytest.mark.parametrize("shape", [[-1], [2], [2, 1], [1, 2]])
def test_torchserves_own_example_of_bytes_is_read(shape: list[int], ten_digits: Digits, ten_pngs: list[bytes], limits: Limits) -> None:
    texts = [base64.b64encode(png).decode() for png in ten_pngs[:2]]
    tensor = {"name": "312a4eb0-0ca7-4803-a101-a6d2c18486fe", "datatype": "BYTES", "shape": shape}
    assert same(ask(json.dumps({"id": "a", "inputs": [tensor | {"data": texts}]}).encode(), limits), ten_digits[:2])
    data = b"".join(len(png).to_bytes(4, "little") + png for png in ten_pngs[:2])
    head = json.dumps({"inputs": [tensor | {"parameters": {"binary_data_size": len(data)}}]}).encode()
    assert same(ask(head + data, limits, inference_header_content_length=str(len(head))), ten_digits[:2])


def test_a_binary_tensor_of_half_a_number_is_refused(limits: Limits) -> None:
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 1, 1], "parameters": {"binary_data_size": 3}}
    head = json.dumps({"inputs": [tensor]}).encode()
    with pytest.raises(BadRequest, match="3 bytes are no whole number of FP32"):
        ask(head + b"abc", limits, inference_header_content_length=str(len(head)))
