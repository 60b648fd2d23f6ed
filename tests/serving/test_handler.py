"""DigitHandler with a stand-in for TorchServe and for the model: what it asks, what it answers, whom it leaves alone."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from conftest import HANDLERS, FakeContext, FakeRun
from numpy.typing import NDArray
from stand_ins import FakeBackend, FakeSight, raw, statuses

from digitkit.artifacts.card import Card, check_card, write_card
from digitkit.pictures.codec import encode_png
from digitkit.readers.digits.reader import BACKENDS
from digitkit.serving import metrics

JSON = "application/json"
NAMED = {"X-Model-Name": "digits", "X-Model-Version": "1.0"}
MANIFEST = {"model": {"modelName": "digits", "modelVersion": "1.0", "serializedFile": "digits.fake"}}
CARD: dict[str, Any] = {
    "version": "1.0", "recipe": {}, "data_sha256": "", "commit": "", "accuracy": {}, "temperature": 1.0, "parameters": 1, "packages": {},
}  # fmt: skip

Handle = Callable[[list[dict[str, Any]], FakeContext], list[bytes]]


@pytest.fixture
def sight(monkeypatch: pytest.MonkeyPatch) -> FakeSight:
    sight = FakeSight()
    monkeypatch.setitem(sys.modules, sight.__name__, sight)
    return sight


@pytest.fixture
def backend(
    handler_module: ModuleType, fake_run: FakeRun, sight: FakeSight, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> FakeBackend:
    """A backend of the handler for weights files that end in .fake."""
    backend = FakeBackend(fake_run)
    monkeypatch.setitem(sys.modules, backend.__name__, backend)
    monkeypatch.setitem(BACKENDS, ".fake", (backend.__name__, sight.__name__))
    monkeypatch.setenv("LOG_LOCATION", str(tmp_path))
    monkeypatch.setattr(metrics, "FLUSH_S", 3600)  # what is counted here shall not be handed on in the middle of another test
    known = Card(**CARD, contract=1, bytes=0, sha256="")  # of weights that no file holds
    monkeypatch.setattr(handler_module, "check_card", lambda path: check_card(path) if path.is_file() else known)
    return backend


def worker(model_dir: str = "/models/digits", **changed: Any) -> FakeContext:
    """The context that TorchServe initialises a handler with."""
    config = yaml.safe_load((HANDLERS / "model-config.yaml").read_text())
    properties = {"model_dir": model_dir, "gpu_id": None}
    return FakeContext([], manifest=MANIFEST, system_properties=properties, model_yaml_config=config | changed)


@pytest.fixture
def handle(handler_module: ModuleType, backend: FakeBackend) -> Handle:
    """The handle() of a handler that is ready."""
    handler = handler_module.DigitHandler()
    handler.initialize(worker())
    return handler.handle  # type: ignore[no-any-return]


def test_initialize_loads_the_archives_model_and_eye_as_its_settings_say(
    handler_module: ModuleType, backend: FakeBackend, sight: FakeSight
) -> None:
    handler_module.DigitHandler().initialize(worker(device="cpu", threads=2))
    assert backend.asked == ("digits.fake", "cpu", None, 2)
    assert sight.asked == ("eye.fake", "cpu", None, 2)


def test_opencv_computes_with_as_many_threads_as_the_settings_say(handler_module: ModuleType, backend: FakeBackend) -> None:
    before = cv2.getNumThreads()
    try:
        for threads in (2, 1):
            handler_module.DigitHandler().initialize(worker(threads=threads))
            assert cv2.getNumThreads() == threads
    finally:
        cv2.setNumThreads(before)


def test_no_rows_are_answered_with_nothing(handle: Handle, fake_run: FakeRun) -> None:
    assert handle([], FakeContext([])) == []
    assert fake_run.batches == []


def test_every_row_gets_its_own_digit_by_one_call_of_the_model(handle: Handle, fake_run: FakeRun, ten_pngs: list[bytes]) -> None:
    order = [3, 1, 4, 1, 5, 9, 2, 6]
    rows, context = raw(*(ten_pngs[digit] for digit in order))
    answers = [json.loads(body) for body in handle(rows, context)]
    assert [answer["digit"] for answer in answers] == order
    assert all(answer["accepted"] and answer["confidence"] > 0.99 for answer in answers)
    assert statuses(context) == [200] * 8
    assert fake_run.batches == [8]


def test_corrupt_requests_among_good_ones_get_400_and_no_other_does(handle: Handle, fake_run: FakeRun, ten_pngs: list[bytes]) -> None:
    order = [i % 10 for i in range(16)]
    bodies = [ten_pngs[digit] for digit in order]
    bodies[0], bodies[5], bodies[6], bodies[15] = b"garbage", bodies[5][:40], b"", bytes(2000)
    rows, context = raw(*bodies)
    answers = [json.loads(body) for body in handle(rows, context)]
    bad = {0: "UnreadablePicture", 5: "UnreadablePicture", 6: "BadRequest", 15: "UnreadablePicture"}
    assert statuses(context) == [400 if i in bad else 200 for i in range(16)]
    for i, answer in enumerate(answers):
        if i in bad:
            assert (answer["code"], answer["type"]) == (400, bad[i])
        else:
            assert answer["digit"] == order[i]
    assert fake_run.batches == [12]


def test_pictures_of_several_forms_come_back_to_their_requests(handle: Handle, fake_run: FakeRun, ten_pngs: list[bytes]) -> None:
    forms: list[list[int | None]] = [[4, 2], [7], [0, None, 9]]  # None is a part that is no picture
    rows = [{f"p{i}": bytearray(b"?" if digit is None else ten_pngs[digit]) for i, digit in enumerate(form)} for form in forms]
    form_type = {"Content-Type": "multipart/form-data; boundary=x"}
    context = FakeContext([form_type | {name: {"content-type": "image/png"} for name in row} for row in rows])
    two, one, three = (json.loads(body) for body in handle(rows, context))
    assert [answer["digit"] for answer in two] == [4, 2]
    assert one["digit"] == 7
    assert [answer.get("digit", answer.get("type")) for answer in three] == [0, "UnreadablePicture", 9]
    assert statuses(context) == [200, 200, 200]
    assert fake_run.batches == [5]


def test_blank_picture_is_refused_with_422(handle: Handle, fake_run: FakeRun) -> None:
    rows, context = raw(encode_png(np.full((28, 28), 255, dtype=np.uint8)))
    (body,) = handle(rows, context)
    assert statuses(context) == [422]
    answer = json.loads(body)
    assert (answer["code"], answer["type"]) == (422, "BlankPicture")
    assert "no ink" in answer["message"]
    assert fake_run.batches == []  # nothing to ask the model


def test_picture_that_is_no_digit_is_answered_and_not_accepted(handle: Handle, ten_digits: NDArray[np.uint8]) -> None:
    rows, context = raw(encode_png(ten_digits[7].T.copy()))
    (body,) = handle(rows, context)
    assert statuses(context) == [200]
    answer = json.loads(body)
    assert (answer["accepted"], answer["reason"]) == (False, "no_digit")


def test_each_row_has_the_form_that_its_own_headers_ask_for(handle: Handle, ten_pngs: list[bytes]) -> None:
    rows, context = raw(ten_pngs[7], ten_pngs[2], b"garbage")
    context.request_headers[1]["Accept"] = context.request_headers[2]["Accept"] = "text/plain"
    first, second, third = handle(rows, context)
    assert json.loads(first)["digit"] == 7
    assert second == b"2"
    assert json.loads(third)["code"] == 400
    assert [headers["content-type"] for headers in context.response_headers.values()] == [JSON, "text/plain", JSON]


def test_every_answer_names_the_model_and_its_version(handle: Handle, ten_pngs: list[bytes]) -> None:
    rows, context = raw(ten_pngs[7], b"garbage", b"")
    answers = handle(rows, context)
    assert all(isinstance(answer, bytes) for answer in answers)
    assert context.response_headers == {i: {"content-type": JSON} | NAMED for i in range(3)}


def test_fault_of_the_model_is_not_hidden(handler_module: ModuleType, backend: FakeBackend, ten_pngs: list[bytes]) -> None:
    def broken(canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
        raise RuntimeError("the model is broken")

    backend.run = broken
    handler = handler_module.DigitHandler()
    handler.initialize(worker())
    with pytest.raises(RuntimeError, match="the model is broken"):
        handler.handle(*raw(ten_pngs[7]))


def test_a_refused_open_inference_call_over_grpc_is_answered_in_tensors(handle: Handle) -> None:
    tensor = {"name": "x", "datatype": "FP32", "shape": [1], "data": [1.0]}
    row = {"body": {"id": "a", "model_name": "digits", "inputs": [tensor]}}  # the one form that TorchServe's worker survives
    (body,) = handle([row], FakeContext([{"body": {"content-type": JSON}}]))
    answer = json.loads(body)
    outputs = {output["name"]: output["data"] for output in answer["outputs"]}
    assert (answer["id"], answer["model_name"], answer["model_version"]) == ("a", "digits", "1.0")
    assert outputs["digit"] == [-1]
    assert json.loads(outputs["error"][0])["type"] == "BadRequest"


def test_over_grpc_inputs_stand_for_headers_and_every_answer_is_marked_as_the_last(handle: Handle, ten_pngs: list[bytes]) -> None:
    picture = {"data": bytearray(ten_pngs[7])}
    rows = [picture, picture | {"accept": b"text/plain"}, picture | {"explain": b"true", "target": b"3"}]
    context = FakeContext([{name: {"content-type": ""} for name in row} for row in rows])
    first, second, third = handle(rows, context)
    assert json.loads(first)["digit"] == 7
    assert second == b"7"
    assert json.loads(third)["target"] == 3
    assert [headers["ts_stream_next"] for headers in context.response_headers.values()] == ["false"] * 3


def test_a_describe_request_is_answered_with_what_runs_where_and_costs_no_neighbour(
    handler_module: ModuleType, backend: FakeBackend, ten_pngs: list[bytes], tmp_path: Path
) -> None:
    (tmp_path / "digits.fake").write_bytes(b"weights")
    card = write_card(tmp_path / "digits.fake", **CARD)
    handler = handler_module.DigitHandler()
    handler.initialize(worker(model_dir=str(tmp_path)))
    rows, context = raw(ten_pngs[7], ten_pngs[2])
    rows.insert(1, {})
    context.request_headers.insert(1, {"Host": "127.0.0.1:8081", "describe": "True"})
    context.response_headers[2] = {}
    first, told, second = (json.loads(body) for body in handler.handle(rows, context))
    assert (first["digit"], second["digit"], statuses(context)) == (7, 2, [200, 200, 200])
    assert (told["file"], told["device"], told["runs_on"], told["explains_by"]) == ("digits.fake", "auto", "nowhere", "by heart")
    assert told["card"] == asdict(card)


def test_a_body_with_the_describe_header_is_a_picture_all_the_same(handle: Handle, ten_pngs: list[bytes]) -> None:
    rows, context = raw(ten_pngs[7])
    context.request_headers[0]["describe"] = "True"
    (body,) = handle(rows, context)
    assert json.loads(body)["digit"] == 7


def test_what_is_explained_is_the_canvas_that_was_read(
    handle: Handle, backend: FakeBackend, ten_digits: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    filled = np.maximum(ten_digits[3], 255 * np.eye(28, dtype=np.uint8))  # struck through: moved, or as it is
    monkeypatch.setattr(backend.run, "labels", {filled.tobytes(): 3})
    explained: list[NDArray[np.uint8]] = []
    monkeypatch.setattr(backend, "explain", lambda canvas, _: explained.append(canvas) or np.zeros((28, 28), dtype=np.float32))
    rows, _ = raw(encode_png(filled))
    (body,) = handle(rows, FakeContext([{"explain": "True"}]))
    assert json.loads(body)["digit"] == 3
    np.testing.assert_array_equal(explained, [filled])


def test_each_row_of_a_batch_is_explained_for_its_own_target(handle: Handle, ten_pngs: list[bytes]) -> None:
    rows, context = raw(ten_pngs[7], ten_pngs[7], ten_pngs[2], ten_pngs[1])
    for headers, target in zip(context.request_headers, ("3", "", "x", None), strict=True):
        if target is not None:
            headers |= {"explain": "True"} | ({"X-Target": target} if target else {})
    first, second, third, fourth = (json.loads(body) for body in handle(rows, context))
    assert (first["digit"], first["target"], second["target"]) == (7, 3, 7)
    assert (third["code"], fourth["digit"], "target" in fourth) == (400, 1, False)
    assert statuses(context) == [200, 200, 400, 200]


def refusals(handle: Handle, body: Any, *, content_type: str = JSON, **headers: str) -> dict[str, Any]:
    """The answer to a body that is refused, with the headers that TorchServe hands over."""
    given = {"Host": "127.0.0.1:8080", "Content-Type": content_type, **headers, "body": {"content-type": content_type}}
    (answer,) = handle([{"body": body}], FakeContext([given]))
    refused: dict[str, Any] = json.loads(answer)
    return refused


NO_TENSOR = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": [1.0]}]}


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (NO_TENSOR, {"url_path": ""}),
        (bytearray(json.dumps(NO_TENSOR).encode()), {"url_path": ""}),
        (bytearray(b'{"inputs": ['), {"url_path": ""}),
        (bytearray(b"{}"), {"url_path": "", "Inference-Header-Content-Length": "9"}),
        (bytearray(b"{"), {}),  # by the routes of the protocols, which have no url_path
        (bytearray(b"no picture"), {}),
    ],
    ids=["body", "body of another type", "broken body", "binary extension", "route, broken body", "route, no picture"],
)
def test_a_refusal_over_kserves_protocols_has_its_message_under_error_too(handle: Handle, body: Any, headers: dict[str, str]) -> None:
    refused = refusals(handle, body, **headers)
    assert list(refused) == ["code", "type", "message", "error"]
    assert refused["error"] == refused["message"] != ""


@pytest.mark.parametrize("body", [bytearray(b"no picture"), {"instances": "x"}, bytearray(b"[1]"), bytearray(b"")])
def test_any_other_refusal_has_no_error_key(handle: Handle, body: Any) -> None:
    assert list(refusals(handle, body, url_path="")) == ["code", "type", "message"]


def test_the_clients_own_id_comes_back_and_every_request_is_in_the_log(handle: Handle, ten_pngs: list[bytes], tmp_path: Path) -> None:
    rows, context = raw(ten_pngs[7], b"garbage", ten_pngs[2])
    context.request_headers[1]["X-Request-ID"] = "mine-1"
    context.request_headers[2]["X-Request-ID"] = "not\r\nprintable"
    handle(rows, context)
    assert [headers.get("X-Client-Request-Id") for headers in context.response_headers.values()] == [None, "mine-1", None]
    (path,) = tmp_path.glob("requests.*.log")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["id"] for line in lines] == ["request-0", "request-1", "request-2"]
    assert [(line["status"], line["error"], line["pictures"]) for line in lines] == [
        (200, "", 1),
        (400, "UnreadablePicture", 1),
        (200, "", 1),
    ]
    assert [line.get("client_id") for line in lines] == [None, "mine-1", None]
