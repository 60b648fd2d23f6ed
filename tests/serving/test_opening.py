"""A request is opened: which pictures it holds, and in which form it is to be answered."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from questions import found, read_question

from digitkit.errors import BadRequest, DigitError, TooLarge
from digitkit.pictures.codec import encode_png
from digitkit.serving.reading import Question
from digitkit.serving.request import from_torchserve
from digitkit.settings import Limits

PARAMETER = {"content-type": ""}  # how TorchServe marks what came with the address
PNG = {"content-type": "image/png"}


def multipart(**parts: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """The row and the headers that TorchServe makes of multipart/form-data."""
    row = {name: bytearray(content) for name, content in parts.items()}
    return row, {"content-type": "multipart/form-data; boundary=x"} | dict.fromkeys(parts, PNG)


def canvases(question: Question) -> NDArray[np.uint8]:
    return np.concatenate([picture for picture in found(question) if not isinstance(picture, DigitError)])


def refusal(row: dict[str, Any], headers: dict[str, Any], limits: Limits) -> DigitError:
    """Why a request of one picture or none is refused, whether it is the request or the picture that is."""
    try:
        (error,) = read_question(from_torchserve(row, headers), limits).pictures
    except DigitError as err:
        error = err
    assert isinstance(error, DigitError)
    return error


@pytest.mark.parametrize("name", ["body", "data"])  # REST, gRPC
@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_raw_body_is_one_picture(name: str, kind: type, ten_digits: NDArray[np.uint8], ten_pngs: list[bytes], limits: Limits) -> None:
    question = read_question(from_torchserve({name: kind(ten_pngs[7])}, {name: {"content-type": "image/png"}}), limits)
    assert question.form == "one"
    assert question.accept == ""
    np.testing.assert_array_equal(canvases(question), ten_digits[[7]])


@pytest.mark.parametrize("content_type", ["", "image/png", "image/jpeg", "application/octet-stream", "application/x-www-form-urlencoded"])
def test_content_type_of_a_raw_body_does_not_matter(content_type: str, ten_pngs: list[bytes], limits: Limits) -> None:
    headers = {"body": {"content-type": content_type}, "Content-Type": content_type}
    assert len(canvases(read_question(from_torchserve({"body": bytearray(ten_pngs[7])}, headers), limits))) == 1


def test_each_part_of_a_form_is_a_picture_in_order(ten_digits: NDArray[np.uint8], ten_pngs: list[bytes], limits: Limits) -> None:
    question = read_question(from_torchserve(*multipart(left=ten_pngs[4], middle=ten_pngs[0], right=ten_pngs[2])), limits)
    assert question.form == "many"
    np.testing.assert_array_equal(canvases(question), ten_digits[[4, 0, 2]])


def test_form_of_one_part_is_one_picture(ten_digits: NDArray[np.uint8], ten_pngs: list[bytes], limits: Limits) -> None:
    question = read_question(from_torchserve(*multipart(picture=ten_pngs[4])), limits)
    assert question.form == "one"
    np.testing.assert_array_equal(canvases(question), ten_digits[[4]])


@pytest.mark.parametrize("name", ["data", "body"])
def test_part_that_is_named_as_a_raw_body_costs_no_other_part(name: str, ten_pngs: list[bytes], limits: Limits) -> None:
    question = read_question(from_torchserve(*multipart(first=ten_pngs[1], **{name: ten_pngs[2]})), limits)
    assert question.form == "many"
    assert len(question.pictures) == 2


@pytest.mark.parametrize("name", ["content-type", "Content-Type", "CONTENT-TYPE"])
def test_form_is_known_by_its_header_in_any_case(name: str, ten_pngs: list[bytes], limits: Limits) -> None:
    row, headers = multipart(a=ten_pngs[1], b=ten_pngs[2])
    headers[name] = headers.pop("content-type")
    assert len(canvases(read_question(from_torchserve(row, headers), limits))) == 2


def test_bad_part_stands_in_its_place(ten_digits: NDArray[np.uint8], ten_pngs: list[bytes], limits: Limits) -> None:
    blank = encode_png(np.zeros((28, 28), dtype=np.uint8))
    question = read_question(from_torchserve(*multipart(a=ten_pngs[1], b=b"garbage", c=blank, d=b"", e=ten_pngs[9])), limits)
    types = [picture.type if isinstance(picture, DigitError) else "canvas" for picture in question.pictures]
    assert types == ["canvas", "UnreadablePicture", "BlankPicture", "BadRequest", "canvas"]
    np.testing.assert_array_equal(canvases(question), ten_digits[[1, 9]])


@pytest.mark.parametrize(("part", "found"), [({"instances": []}, "an object"), ("text", "a string")])  # as TorchServe parses them
def test_part_that_is_no_file_of_a_picture_stands_in_its_place(part: Any, found: str, ten_pngs: list[bytes], limits: Limits) -> None:
    row, headers = multipart(good=ten_pngs[1], odd=b"")
    types = {"odd": {"content-type": "text/plain" if isinstance(part, str) else "application/json"}}
    _, odd = read_question(from_torchserve(row | {"odd": part}, headers | types), limits).pictures
    assert isinstance(odd, BadRequest)
    assert str(odd).startswith(f"a part is {found}, by its Content-Type;")


def test_query_parameters_are_no_pictures(ten_digits: NDArray[np.uint8], ten_pngs: list[bytes], limits: Limits) -> None:
    row, headers = multipart(picture=ten_pngs[4])
    parameters = {"target": bytearray(b"3"), "from": bytearray(b"camera")}
    question = read_question(from_torchserve(parameters | row, headers | dict.fromkeys(parameters, PARAMETER)), limits)
    assert question.form == "one"
    np.testing.assert_array_equal(canvases(question), ten_digits[[4]])


def test_query_parameters_beside_a_raw_body_are_no_pictures(ten_pngs: list[bytes], limits: Limits) -> None:
    row = {"target": bytearray(b"3"), "body": bytearray(ten_pngs[4])}
    question = read_question(from_torchserve(row, {"target": PARAMETER, "body": PARAMETER}), limits)
    assert question.form == "one"
    assert len(canvases(question)) == 1


ACCEPTS: list[tuple[dict[str, Any], bool]] = [
    ({}, False),
    ({"accept": "text/plain"}, True),
    ({"Accept": "text/plain"}, True),
    ({"ACCEPT": "text/plain; charset=utf-8"}, True),
    ({"Accept": " text/plain "}, True),
    ({"Accept": "Text/Plain, */*;q=0.1"}, True),
    ({"Accept": "application/json"}, False),
    ({"Accept": "*/*"}, False),
    ({"Accept": "text/html"}, False),
    ({"Content-Type": "text/plain"}, False),
]


@pytest.mark.parametrize(("headers", "plain"), ACCEPTS)
def test_text_is_answered_only_to_who_accepts_it(headers: dict[str, Any], plain: bool, ten_pngs: list[bytes], limits: Limits) -> None:
    question = read_question(from_torchserve({"body": bytearray(ten_pngs[7])}, headers), limits)
    assert (question.accept == "text/plain") is plain


NO_BODY: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({}, {"Accept": "text/plain"}),
    ({"target": bytearray(b"3")}, {"target": PARAMETER}),
    ({"body": bytearray()}, {"body": PARAMETER}),
]


@pytest.mark.parametrize(("row", "headers"), NO_BODY)
def test_request_without_a_picture_is_refused_with_400(row: dict[str, Any], headers: dict[str, Any], limits: Limits) -> None:
    error = refusal(row, headers, limits)
    assert (error.status, error.type) == (400, "BadRequest")
    assert "the body is empty" in str(error)
    assert "picture" in str(error) or "accepted" in str(error)


def test_form_of_fields_says_how_a_file_is_sent(limits: Limits) -> None:
    error = refusal({}, {"Content-Type": "application/x-www-form-urlencoded"}, limits)  # curl -d
    assert isinstance(error, BadRequest)
    assert "curl -T file" in str(error)


def test_form_whose_parts_have_no_file_names_says_so(limits: Limits) -> None:
    error = refusal({"picture": "PNG"}, {"content-type": "multipart/form-data; boundary=b"}, limits)
    assert isinstance(error, BadRequest)
    assert "no part with a file name" in str(error)


NO_REQUESTS = [  # JSON that TorchServe has parsed, and what is said of it
    (7, "is a number;"), (7.5, "is a number;"), (True, "is true or false;"), (None, "is missing or null;"), ([1, 2], "is a list of 2;"),
    ({}, "is an object with neither;"), ({"instances": [1], "inputs": []}, "is an object with instances and inputs;"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "found"), NO_REQUESTS)
def test_json_that_is_no_request_is_refused_with_400(body: Any, found: str, limits: Limits) -> None:
    error = refusal({"body": body}, {"body": {"content-type": "application/json"}}, limits)
    assert isinstance(error, BadRequest)
    assert error.status == 400
    assert f'the JSON body {found} it must be an object with either "instances"' in str(error)
    assert "inputs" in str(error)


def test_too_many_pictures_are_refused_with_413(ten_pngs: list[bytes], limits: Limits) -> None:
    assert limits.pictures == 1024
    with pytest.raises(TooLarge) as caught:
        read_question(from_torchserve(*multipart(**{f"p{i}": ten_pngs[7] for i in range(1025)})), limits)
    assert (caught.value.status, caught.value.type) == (413, "TooLarge")
    assert "1025" in str(caught.value)
    assert "the limit is 1024" in str(caught.value)


def test_as_many_pictures_as_the_limit_are_read(ten_pngs: list[bytes], limits: Limits) -> None:
    assert len(read_question(from_torchserve(*multipart(a=ten_pngs[1], b=ten_pngs[2])), replace(limits, pictures=2)).pictures) == 2


def test_too_many_bytes_are_refused_with_413(limits: Limits) -> None:
    error = refusal({"body": bytearray(limits.body_bytes + 1)}, {}, limits)
    assert (error.status, error.type) == (413, "TooLarge")
    assert str(limits.body_bytes + 1) in str(error)
    assert str(limits.body_bytes) in str(error)
