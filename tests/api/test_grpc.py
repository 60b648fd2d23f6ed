"""The doors of gRPC: TorchServe's own service and the Open Inference Protocol, with the answers of REST."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
from doors import Grpc, encode, npy, v1, v2
from google.protobuf.empty_pb2 import Empty
from numpy.typing import NDArray
from served import MODELS, connected, workers

from deploy.server import Server

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def client(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grpc]:
    with connected(server, tmp_path_factory.mktemp("stubs")) as client:
        yield client


@pytest.fixture(scope="module")
def rest(server: Server) -> Callable[..., Any]:
    def ask(model: str, body: bytes) -> Any:
        return httpx.post(f"{server.inference}/predictions/{model}", content=body, headers=server.headers(), timeout=30).json()

    return ask


@pytest.fixture(scope="module")
def seven(ten_digits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return ten_digits[7]


def test_ping_is_healthy_and_needs_the_token(client: Grpc) -> None:
    assert json.loads(client.torchserve.Ping(Empty(), metadata=client.metadata, timeout=10).health)["status"] == "Healthy"
    with pytest.raises(grpc.RpcError) as refused:
        client.torchserve.Ping(Empty(), timeout=10)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize("model", MODELS)
def test_predictions_answers_every_body_as_rest_does(model: str, client: Grpc, rest: Callable[..., Any], seven: NDArray[np.uint8]) -> None:
    bodies = (
        encode(seven),
        npy(seven),
        npy(seven[np.newaxis]),
        json.dumps(v1(encode(seven))).encode(),
        json.dumps(v2(seven[None])).encode(),
    )
    for body in bodies:
        assert json.loads(client.ask(model, data=body)) == json.loads(client.ask(model, "1.0", body=body)) == rest(model, body)


@pytest.mark.parametrize("model", MODELS)
def test_inputs_stand_for_the_headers_that_grpc_cannot_carry(model: str, client: Grpc, seven: NDArray[np.uint8]) -> None:
    digit = json.loads(client.ask(model, data=encode(seven)))["digit"]
    assert client.ask(model, data=encode(seven), accept=b"text/plain") == str(digit).encode()
    explained = json.loads(client.ask(model, data=encode(seven), explain=b"true", target=b"3"))
    assert (explained["digit"], explained["target"]) == (digit, 3)
    assert client.ask(model, data=encode(seven), explain=b"true", accept=b"image/png").startswith(b"\x89PNG")
    assert json.loads(client.ask(model, data=encode(seven), explain=b"true", target=b"x"))["code"] == 400


def test_a_refused_picture_is_an_error_object_under_status_ok(client: Grpc, rest: Callable[..., Any]) -> None:
    assert json.loads(client.ask("digits", data=b"no picture")) == rest("digits", b"no picture")
    assert json.loads(client.ask("digits"))["type"] == "BadRequest"


@pytest.mark.parametrize(("model", "version"), [("nothing", ""), ("digits", "9.9")])
def test_an_unknown_model_or_version_is_torchserves_internal(model: str, version: str, client: Grpc) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        client.ask(model, version, data=b"x")
    assert refused.value.code() is grpc.StatusCode.INTERNAL


def test_stream_predictions_answers_once_and_leaves_the_worker_alive(client: Grpc, server: Server, seven: NDArray[np.uint8]) -> None:
    before = workers(server).keys()
    request = client.pb.PredictionsRequest(model_name="digits", input={"data": encode(seven)})
    (answer,) = client.torchserve.StreamPredictions(request, metadata=client.metadata, timeout=20)
    assert client.ask("digits", data=encode(seven)) == answer.prediction
    assert workers(server).keys() == before


@pytest.mark.parametrize("model", MODELS)
def test_open_inference_protocol_answers_as_rest_does(model: str, client: Grpc, rest: Callable[..., Any], seven: NDArray[np.uint8]) -> None:
    expected = rest(model, encode(seven))
    by_pixels = client.infer(model, "UINT8", [1, 28, 28], "q", uint_contents=seven.ravel().tolist())
    by_file = client.infer(model, "BYTES", [1], bytes_contents=[encode(seven)])
    assert (by_pixels.id, by_pixels.model_name, by_pixels.model_version) == ("q", model, "1.0")
    assert list(by_pixels.outputs) == list(by_file.outputs)
    outputs = {output.name: output.contents for output in by_pixels.outputs}
    assert list(outputs["digit"].int64_contents) == [expected["digit"]]
    assert list(outputs["accepted"].bool_contents) == [expected["accepted"]]
    assert list(outputs["probabilities"].fp32_contents) == pytest.approx(expected["probabilities"], abs=1e-6)
    assert list(outputs["reason"].bytes_contents) == [b'""']
    assert list(outputs["error"].bytes_contents) == [b'""']  # TorchServe sends each string as JSON, in quotes


def test_a_refused_open_inference_request_is_a_row_of_minus_one_and_leaves_the_worker_alive(client: Grpc, server: Server) -> None:
    raw = client.oip.ModelInferRequest(
        model_name="digits",
        inputs=[client.oip.ModelInferRequest.InferInputTensor(name="picture", datatype="UINT8", shape=[1, 28, 28])],
        raw_input_contents=[bytes(784)],
    )
    before = workers(server).keys()
    answers = [
        client.infer("digits", "FP32", [1], fp32_contents=[1.0]),
        client.infer("digits", "BYTES", [1], bytes_contents=[b"no picture"]),
        client.inference.ModelInfer(raw, metadata=client.metadata, timeout=20),  # TorchServe drops raw contents
    ]
    assert workers(server).keys() == before
    for answer in answers:
        outputs = {output.name: output.contents for output in answer.outputs}
        assert list(outputs["digit"].int64_contents) == [-1]
        assert json.loads(json.loads(outputs["error"].bytes_contents[0]))["code"] == 400


def test_open_inference_health_and_metadata(client: Grpc) -> None:
    oip, call = client.oip, {"metadata": client.metadata, "timeout": 10}
    assert client.inference.ServerLive(oip.ServerLiveRequest(), **call).live
    assert client.inference.ServerReady(oip.ServerReadyRequest(), **call).ready
    assert client.inference.ModelReady(oip.ModelReadyRequest(name="digits"), **call).ready
    assert list(client.inference.ModelMetadata(oip.ModelMetadataRequest(name="digits"), **call).versions) == ["1.0"]


def test_the_service_name_of_stock_clients_is_unknown_to_torchserve(client: Grpc) -> None:
    live = client.channel.unary_unary("/inference.GRPCInferenceService/ServerLive")
    with pytest.raises(grpc.RpcError) as refused:
        live(b"", metadata=client.metadata, timeout=10)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
