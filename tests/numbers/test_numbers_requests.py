"""Numbers through the handler: every form of a request, what it may ask for, and every refusal with its code."""

import base64
import json
from typing import Any

import numpy as np
import pytest
from asked_numbers import REST, Ask, ask
from doors import encode, npy, tensors, v1, v2, v2_binary, v2_bytes
from lines import spelled

from digitkit.serving.writing import Answer

__all__ = ["ask"]  # a fixture of another file

EXPLAIN = REST | {"explain": "True"}
CARD = "4539148803436467"
LINE = encode(spelled("*1.234,50*12/05/24*"))


def texts(answer: Answer) -> list[str]:
    assert answer.status == 200
    return [number["text"] for number in json.loads(answer.body)["numbers"]]


def test_a_raw_picture_is_answered_with_its_numbers(ask: Ask) -> None:
    answer = ask(LINE)
    assert (texts(answer), answer.content_type) == (["1.234,50", "12/05/24"], "application/json")


@pytest.mark.parametrize(
    ("media", "begins"), [("text/plain", b"1.234,50\n12/05/24"), ("text/csv", b"text,digits"), ("image/png", b"\x89PNG")]
)
def test_a_client_may_prefer_another_form(media: str, begins: bytes, ask: Ask) -> None:
    answer = ask(LINE, REST | {"accept": f"{media};q=0.9, */*"})
    assert (answer.status, answer.content_type) == (200, media)
    assert answer.body.startswith(begins)


def test_a_header_says_what_is_known(ask: Ask) -> None:
    first, second = json.loads(ask(LINE, REST | {"x-format": "amount"}).body)["numbers"]
    assert (first["accepted"], first["value"], second["reason"]) == (True, 1234.5, "breaks_format")


def test_an_instance_says_what_is_known_of_it_before_the_header_does(ask: Ask) -> None:
    data = base64.b64encode(encode(spelled("1234"))).decode()
    body = {"instances": [{"data": data, "format": "length=4"}, data, {"data": data, "format": "secret"}]}
    first, second, third = json.loads(ask(body, REST | {"x-format": "length=3"}).body)["predictions"]
    assert [each["numbers"][0].get("reason") for each in (first, second)] == [None, "breaks_format"]
    assert (third["code"], third["type"]) == (400, "BadRequest")
    assert "secret" not in third["message"]
    alone = json.loads(ask({"data": data, "format": "length=3"}).body)
    assert alone["numbers"][0]["reason"] == "breaks_format"


def test_a_tensor_request_says_it_among_its_parameters(ask: Ask) -> None:
    body = v2_bytes([encode(spelled("1234")), encode(spelled("*"))]) | {"parameters": {"format": "length=3"}}
    told = tensors(json.loads(ask(body).body))
    assert (told["text"], told["accepted"], told["reason"]) == (["1234", ""], [False, False], ["breaks_format", "no_number"])
    assert [len(json.loads(each)) for each in told["numbers"]] == [1, 0]
    assert tensors(json.loads(ask(v2(spelled("58")[np.newaxis])).body))["digits"] == ["58"]


def test_an_input_says_it_over_grpc(ask: Ask) -> None:
    answer = ask({"data": encode(spelled("1234")), "format": b"length=3", "accept": b"text/plain"}, {}, {"data": ""})
    assert (answer.status, answer.body) == (200, b"1234")
    answer = ask({"data": encode(spelled("1234")), "format": b"length=3"}, {}, {"data": ""})
    assert json.loads(answer.body)["numbers"][0]["reason"] == "breaks_format"


def test_many_pictures_are_answered_in_order_with_the_refused_in_place(ask: Ask) -> None:
    pictures = np.stack([spelled("12"), spelled("34")])
    assert [each["numbers"][0]["text"] for each in json.loads(ask(npy(pictures)).body)] == ["12", "34"]
    parts = {"a": encode(spelled("12")), "b": b"no picture", "c": encode(spelled("56"))}
    listed = json.loads(ask(parts, REST | {"content-type": "multipart/form-data"}, dict.fromkeys(parts, "image/png")).body)
    assert [each.get("type", "") or each["numbers"][0]["text"] for each in listed] == ["12", "UnreadablePicture", "56"]
    told = json.loads(ask(v1(encode(spelled("12")), encode(spelled("*")))).body)["predictions"]
    assert (told[0]["numbers"][0]["text"], told[1]["reason"]) == ("12", "no_number")


def test_an_explanation_is_asked_for_as_of_digits(ask: Ask) -> None:
    told = json.loads(ask(LINE, EXPLAIN | {"x-target": "1.3"}).body)
    assert (told["text"], told["number"], told["character"]) == ("0", 1, 3)
    assert ask(LINE, EXPLAIN | {"accept": "image/png"}).body.startswith(b"\x89PNG")


def test_a_check_digit_is_checked_wherever_the_format_comes_from(ask: Ask) -> None:
    assert json.loads(ask(encode(spelled(CARD)), REST | {"x-format": "luhn"}).body)["numbers"][0]["accepted"]
    assert not json.loads(ask(encode(spelled(CARD[:-1] + "0")), REST | {"x-format": "luhn"}).body)["numbers"][0]["accepted"]


WHITE = encode(np.full((32, 100), 255, dtype=np.uint8))
LONG = np.full((2, 300), 255, dtype=np.uint8)
LONG[0, 0] = 0
BAD: list[tuple[Any, dict[str, str], int, str]] = [
    (b"", {}, 400, "BadRequest"),
    (b"no picture at all", {}, 400, "UnreadablePicture"),
    (LINE[:100], {}, 400, "UnreadablePicture"),
    (b"%PDF-1.7", {}, 400, "UnreadablePicture"),
    (b"<svg/>", {}, 415, "UnsupportedMedia"),
    (b"\x00\x00\x00\x18ftypheic" + bytes(20), {}, 415, "UnsupportedMedia"),
    (WHITE, {}, 422, "BlankPicture"),
    (encode(LONG), {}, 413, "TooLarge"),
    (bytes(10_485_761), {}, 413, "TooLarge"),
    (b'{"instances": [', {}, 400, "BadRequest"),
    ({"instances": []}, {}, 400, "BadRequest"),
    ({"instances": "x"}, {}, 400, "BadRequest"),
    ({"instances": ["a"] * 1025}, {}, 413, "TooLarge"),
    ({"inputs": []}, {}, 400, "BadRequest"),
    ({"inputs": [{"name": "x", "datatype": "BOOL", "shape": [1], "data": [True]}]}, {}, 400, "BadRequest"),
    ({"data": "not base64!"}, {}, 400, "BadRequest"),
    (npy(np.zeros((2, 2, 2, 2, 2), dtype=np.uint8)), {}, 400, "BadRequest"),
    (LINE, {"x-format": "secret"}, 400, "BadRequest"),
    (LINE, {"x-format": "9" * 1000}, 400, "BadRequest"),
    (LINE, {"x-format": "pattern=(a+)+"}, 400, "BadRequest"),
    (LINE, {"explain": "True", "x-target": "first"}, 400, "BadRequest"),
    (LINE, {"explain": "True", "x-target": "7"}, 400, "BadRequest"),
    (LINE, {"content-encoding": "br"}, 415, "UnsupportedMedia"),
    (encode(spelled("*")), {"explain": "True"}, 400, "BadRequest"),
]


@pytest.mark.parametrize(("body", "headers", "status", "type"), BAD)
def test_what_cannot_be_read_is_refused_with_its_code(body: Any, headers: dict[str, str], status: int, type: str, ask: Ask) -> None:
    answer = ask(body, REST | headers)
    told = json.loads(answer.body)
    assert (answer.status, told["code"], told["type"]) == (status, status, type)
    assert "secret" not in told["message"]


def test_a_binary_tensor_is_read_as_its_pixels(ask: Ask) -> None:
    body, headers = v2_binary(spelled("204")[np.newaxis])
    lower = {name.lower(): value for name, value in headers.items()}
    assert tensors(json.loads(ask(body, REST | lower).body))["text"] == ["204"]
