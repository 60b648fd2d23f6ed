"""What a picture is wrapped in on its way: content encodings, base64 of every dialect, data URLs, objects of JSON."""

import base64
import gzip
import json
import textwrap
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from doors import npy, v2_binary
from numpy.typing import NDArray
from questions import found, read_question

from digitkit.errors import BadRequest, DigitError, TooLarge, UnsupportedMedia
from digitkit.serving.reading import Question
from digitkit.serving.request import parse_parameter, to_request
from digitkit.settings import Limits

JSON = "application/json"
Digits = NDArray[np.uint8]


def ask(body: bytes, limits: Limits, **headers: str) -> Question:
    """As TorchServe hands a body over: with its header of the encoding, and packed as it came."""
    named = {"host": "here"} | {name.replace("_", "-"): value for name, value in headers.items()}
    kind = named.get("content-type", "")
    return read_question(to_request({"body": parse_parameter(body, kind)}, named, {"body": kind}), limits)


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZIP", gzip.compress),
    "two files of gzip": ("gzip", lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:])),
    "deflate": ("deflate", zlib.compress),
    "raw deflate": ("Deflate", raw_deflate),
    "identity": ("identity", bytes),
    "identity and gzip": ("identity, gzip", gzip.compress),
    "nothing": ("", bytes),
}


@pytest.mark.parametrize("packer", PACKERS)
def test_a_body_of_every_kind_may_be_packed(packer: str, ten_digits: Digits, ten_pngs: list[bytes], limits: Limits) -> None:
    encoding, pack = PACKERS[packer]
    text = base64.b64encode(ten_pngs[3]).decode()
    binary, length = v2_binary(ten_digits[3:4])
    bodies: list[tuple[bytes, dict[str, str]]] = [
        (ten_pngs[3], {}),
        (npy(ten_digits[3]), {}),
        (json.dumps({"instances": [text]}).encode(), {"content_type": JSON}),
        (f"data:image/png;base64,{text}".encode(), {"content_type": "text/plain"}),
        (binary, {"inference_header_content_length": length["Inference-Header-Content-Length"]}),
    ]
    for body, headers in bodies:
        question = ask(pack(body), limits, content_encoding=encoding, **headers)
        assert np.array_equal(found(question), [[ten_digits[3]]])


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, gzip", "gzip, br", "*"])
def test_another_encoding_is_415_and_names_the_accepted_ones(encoding: str, ten_pngs: list[bytes], limits: Limits) -> None:
    with pytest.raises(UnsupportedMedia, match="gzip, deflate and identity are accepted"):
        ask(ten_pngs[3], limits, content_encoding=encoding)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_body_that_is_not_packed_or_ends_too_soon_is_400(encoding: str, ten_pngs: list[bytes], limits: Limits) -> None:
    packed = PACKERS[encoding][1](ten_pngs[3])
    with pytest.raises(BadRequest, match=rf"bytes that are no {encoding}, which its header content-encoding names"):
        ask(b"\xff" * 40, limits, content_encoding=encoding)
    with pytest.raises(BadRequest, match=rf"bytes of {encoding} that end too soon"):
        ask(packed[:-20], limits, content_encoding=encoding)
    with pytest.raises(BadRequest, match="the body is empty"):
        ask(b"", limits, content_encoding=encoding)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_is_413_and_is_not_unpacked(encoding: str, limits: Limits) -> None:
    bomb = PACKERS[encoding][1](bytes(200 * limits.pictures * limits.pictures))
    with pytest.raises(TooLarge, match=f"unpacks to more than the limit of {limits.body_bytes} bytes"):
        ask(bomb, limits, content_encoding=encoding)


def test_a_packed_form_is_415(ten_pngs: list[bytes], limits: Limits) -> None:
    headers = {"content-type": "multipart/form-data; boundary=x", "content-encoding": "gzip"}
    with pytest.raises(UnsupportedMedia, match="send its parts as they are"):
        read_question(to_request({"a": ten_pngs[3]}, headers, {"a": "image/png"}), limits)


DIALECTS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in lines of MIME": lambda text: "\r\n".join(textwrap.wrap(text, 76)) + "\r\n",
    "in lines": lambda text: "\n".join(textwrap.wrap(text, 60)) + "\n",
    "safe in addresses": lambda text: text.replace("+", "-").replace("/", "_"),
    "without its end": lambda text: text.rstrip("="),
    "of a data URL": lambda text: f"data:image/png;base64,{text}",
    "of all of these": lambda text: "data:,\n" + "\n".join(textwrap.wrap(text.translate(str.maketrans("+/", "-_")).rstrip("="), 64)),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_of_base64_is_read(dialect: str, ten_digits: Digits, ten_pngs: list[bytes], limits: Limits) -> None:
    text = DIALECTS[dialect](base64.b64encode(ten_pngs[3]).decode())
    tensor = {"name": "x", "datatype": "BYTES", "shape": [-1], "data": [text]}
    bodies = ({"instances": [text]}, {"instances": [{"image": text}]}, {"inputs": [tensor]}, {"image": text}, {"data": text})
    for body in bodies:
        assert np.array_equal(found(ask(json.dumps(body).encode(), limits, content_type=JSON)), [[ten_digits[3]]])


@pytest.mark.parametrize("content_type", ["", "text/plain", "text/plain;charset=UTF-8", "image/png", "application/octet-stream"])
def test_a_data_url_is_a_body_and_a_part(content_type: str, ten_digits: Digits, ten_pngs: list[bytes], limits: Limits) -> None:
    url = b"data:image/png;base64," + base64.b64encode(ten_pngs[3])
    assert np.array_equal(found(ask(url, limits, content_type=content_type)), [[ten_digits[3]]])
    form = to_request({"a": url}, {"content-type": "multipart/form-data; boundary=x"}, {"a": content_type or "image/png"})
    assert np.array_equal(found(read_question(form, limits)), [[ten_digits[3]]])


@pytest.mark.parametrize("url", [b"data:", b"data:image/png;base64,%%%", b"data:image/png;base64,\xff"])
def test_a_data_url_without_base64_is_400(url: bytes, limits: Limits) -> None:
    (error,) = ask(url, limits).pictures
    assert isinstance(error, BadRequest)


def test_an_object_with_one_picture_is_answered_as_one(ten_digits: Digits, ten_pngs: list[bytes], limits: Limits) -> None:
    text = base64.b64encode(ten_pngs[3]).decode()
    forms: list[Any] = [text, ten_digits[3].tolist(), {"b64": text}, (ten_digits[3] / 255).tolist()]
    for key in ("image", "data", "b64"):
        for form in forms:
            for content_type in (JSON, ""):
                question = ask(json.dumps({key: form}).encode(), limits, content_type=content_type, accept="text/plain")
                assert (question.form, question.accept) == ("one", "text/plain")
                assert np.array_equal(found(question), [[ten_digits[3]]])


def test_a_bad_picture_in_an_object_is_told_what_is_accepted(limits: Limits) -> None:
    for body in ({"image": 7}, {"image": None}, {"data": {"x": 1}}, {"b64": "*"}):
        (error,) = ask(json.dumps(body).encode(), limits).pictures
        assert isinstance(error, DigitError)
        assert error.status == 400


def test_an_instance_names_what_it_asks_to_have_explained(ten_pngs: list[bytes], limits: Limits) -> None:
    text = base64.b64encode(ten_pngs[3]).decode()
    body = {"instances": [{"data": text, "target": 0}, {"data": text}, text, {"data": text, "target": "9"}]}
    assert ask(json.dumps(body).encode(), limits).targets == ("0", "", "", "9")
    assert ask(json.dumps({"image": text, "target": 4}).encode(), limits).targets == ("4",)
