"""Bodies that hold arrays and lists: KServe V1, Open Inference Protocol V2, NumPy files."""

import base64
import io
import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from questions import found, read_question

from digitkit.errors import BadRequest, BlankPicture, DigitError, TooLarge, UnreadablePicture
from digitkit.readers.digits.digit import Prediction
from digitkit.readers.digits.reader import READER
from digitkit.serving.reading import Question
from digitkit.serving.request import from_torchserve
from digitkit.serving.writing import Model, write_answer
from digitkit.settings import Limits

Digits = NDArray[np.uint8]
MODEL = Model("digits", "1.0")
SEVEN = Prediction(7, 0.9, True, (0.0, 0.0, 0.0, 0.1, 0.0, 0.0, 0.0, 0.9, 0.0, 0.0))


def npy_file(array: NDArray[Any], *, pickled: bool = False) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=pickled)
    return buffer.getvalue()


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def tensor(datatype: str, shape: list[int], data: Any) -> dict[str, Any]:
    return {"id": "42", "inputs": [{"name": "pictures", "datatype": datatype, "shape": shape, "data": data}]}


def read(body: Any, limits: Limits, **headers: str) -> Question:
    return read_question(from_torchserve({"body": body}, {name.replace("_", "-"): value for name, value in headers.items()}), limits)


def same(question: Question, expected: Digits) -> bool:
    return all(np.array_equal(got, [canvas]) for got, canvas in zip(found(question), expected, strict=True))


def test_every_kind_of_v1_instance_is_the_same_picture(ten_digits: Digits, ten_pngs: list[bytes], limits: Limits) -> None:
    text = base64_of(ten_pngs[3])
    rows, url = ten_digits[3].tolist(), f"data:image/png;base64,{text}"
    question = read({"instances": [text, url, {"data": text}, {"b64": text}, {"data": url}, rows, {"data": rows}]}, limits)
    assert question.form == "v1"
    assert same(question, np.stack([ten_digits[3]] * 7))


def test_v2_tensors_of_pixels_flat_or_nested_are_pictures(ten_digits: Digits, limits: Limits) -> None:
    for data in (ten_digits.tolist(), ten_digits.ravel().tolist()):
        question = read(tensor("UINT8", [10, 28, 28], data), limits)
        assert (question.form, question.id) == ("v2", "42")
        assert same(question, ten_digits)


def test_v2_bytes_are_encoded_pictures(ten_digits: Digits, ten_pngs: list[bytes], limits: Limits) -> None:
    assert same(read(tensor("BYTES", [10], [base64_of(png) for png in ten_pngs]), limits), ten_digits)


@pytest.mark.parametrize("datatype", ["UINT8", "BYTES"])
def test_v2_binary_data_follows_its_json(datatype: str, ten_digits: Digits, ten_pngs: list[bytes], limits: Limits) -> None:
    lengths = [len(png).to_bytes(4, "little") + png for png in ten_pngs]
    binary, shape = (ten_digits.tobytes(), [10, 28, 28]) if datatype == "UINT8" else (b"".join(lengths), [10])
    request = tensor(datatype, shape, None)
    request["inputs"][0]["parameters"] = {"binary_data_size": len(binary)}
    header = json.dumps(request).encode()
    question = read(bytearray(header + binary), limits, Inference_Header_Content_Length=str(len(header)))
    assert question.form == "v2"
    assert same(question, ten_digits)


@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_file_of_one_picture_is_one_and_of_several_a_list(order: Any, ten_digits: Digits, limits: Limits) -> None:
    one = read(npy_file(np.asarray(ten_digits[5], order=order)), limits)
    many = read(npy_file(np.asarray(ten_digits, order=order)), limits, content_type="application/x-npy")
    assert (one.form, many.form) == ("one", "many")
    assert same(one, ten_digits[5:6])
    assert same(many, ten_digits)


def test_json_is_read_whatever_its_content_type_says(ten_digits: Digits, limits: Limits) -> None:
    text = json.dumps({"instances": [ten_digits[1].tolist()]})
    for body in (text, text.encode(), bytearray(b"\n " + text.encode())):
        assert same(read(body, limits), ten_digits[1:2])


def test_bad_instance_stands_in_its_place(ten_digits: Digits, limits: Limits) -> None:
    bad = ["%%%", base64_of(b"no picture"), 7, None, [], [1, 2], [[1], [2, 3]], [[300]], [["a"]], [[True]], [[float("nan")]], {"x": 1}]
    question = read({"instances": [*bad, ten_digits[2].tolist()]}, limits)
    *refused, good = found(question)
    assert np.array_equal(np.asarray(good), ten_digits[2:3])
    assert all(isinstance(error, BadRequest) for error in refused)
    assert isinstance(refused[1], UnreadablePicture)


@pytest.mark.parametrize(
    ("instance", "message"),
    [
        ("AAAAA", "5 characters that are no base64: A to Z"),
        ("AA*A", "lines may be broken"),
        ("", "the picture is empty, 0 bytes"),
        ({"picture": "AAAA"}, "an object without data, b64 or image"),
        ({"data": None}, "missing or null"),
        ({"image": {"image": {"image": "AAAA"}}}, "an instance is an object"),
        ([0, 255], "has 1 dimensions and 2 numbers"),
        ([[[0] * 28] * 28] * 2, "holds 2 pictures; each must be an instance of its own"),
    ],
)
def test_bad_instance_is_told_what_is_accepted(instance: Any, message: str, limits: Limits) -> None:
    (error,) = read({"instances": [instance]}, limits).pictures
    assert isinstance(error, BadRequest)
    assert message in str(error)


BROKEN: list[tuple[Any, str]] = [
    ({"instances": []}, "list of 0"),
    ({"instances": "text"}, "a string"),
    ({"inputs": []}, "list of 0"),
    ({"inputs": [1]}, "one tensor"),
    (tensor("UINT8", [1, 28, 28], [0] * 783), "783 pixels came"),
    (tensor("UINT8", [0, 28, 28], []), "1 or more"),
    (tensor("UINT8", [28, 28], [0] * 784), "UINT8 [N, H, W]"),
    (tensor("BOOL", [1, 28, 28], [0] * 784), "other integers, FP16, FP32 and FP64"),
    (tensor("UINT8", [1, 28, 28], None), "missing"),
    (tensor("UINT8", [1, 1, 1], [-1]), "0 to 255"),
    (tensor("UINT8", [1, 1, 1], [[[[[]]]]]), "0 to 255"),
    (tensor("BYTES", [2], ["AAAA"]), "has 1 elements"),
    (tensor("UINT8", [True, 1, 1], [0]), "whole numbers"),
    ({"inputs": [], "id": 5}, "id must be a string"),
    (b'{"instances": [', "no JSON"),
    (b"[" * 100_000, "no picture"),
    (b'{"a":' * 100_000, "no JSON"),
    (npy_file(np.zeros((2, 2), dtype=np.complex64)), "complex64 (2, 2)"),
    (npy_file(np.zeros(4, dtype=np.uint8)), "uint8 (4,)"),
    (npy_file(np.zeros((28, 28), dtype=np.uint8))[:-1], "783 pixels came"),
    (npy_file(np.zeros((0, 28, 28), dtype=np.uint8)), "(0, 28, 28) holds no pixels"),
    (npy_file(np.zeros((1, 784), dtype=np.uint8)).replace(b"(1, 784), }   ", b"(True, 784), }"), "no whole number from 0 to"),
    (npy_file(np.array([{}]), pickled=True), "object (1,)"),
    (npy_file(np.zeros((2, 2), dtype=np.uint8))[:30], "no NumPy file"),
    (b"\x93NUMPY\x09\x09", "no NumPy file"),
]


@pytest.mark.parametrize(("body", "message"), BROKEN)
def test_body_that_is_broken_as_a_whole_is_400_and_says_how(body: Any, message: str, limits: Limits) -> None:
    try:
        (error,) = read(body, limits).pictures
    except DigitError as err:
        error = err
    assert isinstance(error, BadRequest)
    assert message in str(error)


def test_npy_header_that_claims_a_terabyte_takes_no_memory(limits: Limits) -> None:
    header = str({"descr": "|u1", "fortran_order": False, "shape": (1024, 32768, 32768)}).encode().ljust(118) + b"\n"
    with pytest.raises(BadRequest, match="0 pixels came"):
        read(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header, limits)


@pytest.mark.parametrize(
    "body",
    [
        {"instances": ["AAAA"] * 1025},
        tensor("UINT8", [1025, 1, 1], [0] * 1025),
        npy_file(np.zeros((1025, 1, 1), dtype=np.uint8)),
    ],
)
def test_more_pictures_than_the_limit_are_413_in_every_form(body: Any, limits: Limits) -> None:
    with pytest.raises(TooLarge, match="1025 pictures in one request, the limit is 1024"):
        read(body, limits)


def test_v1_is_answered_with_predictions_in_order() -> None:
    answer = write_answer(Question((), "v1"), [SEVEN, BlankPicture("no ink")], MODEL, READER)
    predictions = json.loads(answer.body)["predictions"]
    assert predictions[0]["digit"] == 7
    assert predictions[1] == {"code": 422, "type": "BlankPicture", "message": "no ink"}


def test_v2_is_answered_with_a_tensor_for_each_field() -> None:
    answer = json.loads(write_answer(Question((), "v2", id="42"), [SEVEN, BlankPicture("no ink")], MODEL, READER).body)
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("digits", "1.0", "42")
    outputs = {output["name"]: output for output in answer["outputs"]}
    assert outputs["digit"] == {"name": "digit", "datatype": "INT64", "shape": [2], "data": [7, -1]}
    assert outputs["probabilities"]["shape"] == [2, 10]
    assert len(outputs["probabilities"]["data"]) == 20
    assert outputs["accepted"]["data"] == [True, False]
    assert outputs["error"]["data"][0] == ""
    assert json.loads(outputs["error"]["data"][1])["type"] == "BlankPicture"


def test_v2_without_an_id_is_answered_without_one() -> None:
    assert "id" not in json.loads(write_answer(Question((), "v2"), [SEVEN], MODEL, READER).body)
