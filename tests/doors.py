"""What the tests of the doors share: one picture in every form that a client may send, and stubs for gRPC."""

import base64
import importlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deploy.server import DEFAULT_PORT, Server
from loadtest.generator.stubs import PROTOS

FORMATS: dict[str, dict[str, Any]] = {
    "PNG": {}, "JPEG": {"quality": 100}, "BMP": {}, "GIF": {}, "WEBP": {"lossless": True}, "TIFF": {},
}  # fmt: skip


def encode(picture: NDArray[np.uint8], form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, form, **FORMATS[form])
    return buffer.getvalue()


def npy(pictures: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, pictures)
    return buffer.getvalue()


def v1(*pictures: bytes) -> dict[str, Any]:
    return {"instances": [base64.b64encode(picture).decode() for picture in pictures]}


def v2(pictures: NDArray[np.uint8]) -> dict[str, Any]:
    """An Open Inference Protocol request, (N, H, W) as UINT8."""
    return {
        "id": "a",
        "inputs": [{"name": "picture", "datatype": "UINT8", "shape": list(pictures.shape), "data": pictures.ravel().tolist()}],
    }


def v2_binary(pictures: NDArray[np.uint8]) -> tuple[bytes, dict[str, str]]:
    """The same as a stock Triton client sends it: the pixels after the JSON, whose length a header tells."""
    tensor = {"name": "picture", "datatype": "UINT8", "shape": list(pictures.shape), "parameters": {"binary_data_size": pictures.size}}
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    return head + pictures.tobytes(), {"Inference-Header-Content-Length": str(len(head)), "Content-Type": "application/octet-stream"}


def v2_bytes(pictures: list[bytes]) -> dict[str, Any]:
    data = [base64.b64encode(picture).decode() for picture in pictures]
    return {"inputs": [{"name": "picture", "datatype": "BYTES", "shape": [len(pictures)], "data": data}]}


def tensors(answer: dict[str, Any]) -> dict[str, list[Any]]:
    """The data of each output of a V2 answer by its name."""
    return {output["name"]: output["data"] for output in answer["outputs"]}


@dataclass(frozen=True)
class Grpc:
    """A gRPC client of a server, with its token.

    Attributes:
        pb, oip: the messages of TorchServe's own service and of the Open Inference Protocol.
        torchserve, inference: their stubs.
    """

    pb: ModuleType
    oip: ModuleType
    torchserve: Any
    inference: Any
    channel: Any
    metadata: tuple[tuple[str, str], ...]

    @classmethod
    def connect(cls, server: Server, folder: Path) -> "Grpc":
        """A client with the stubs in `folder`, which must be on sys.path."""
        pb, oip = (importlib.import_module(f"{name}_pb2") for name in PROTOS)
        pb_grpc, oip_grpc = (importlib.import_module(f"{name}_pb2_grpc") for name in PROTOS)
        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        channel = grpc.insecure_channel(f"127.0.0.1:{grpc_port(server)}", options)
        stubs = pb_grpc.InferenceAPIsServiceStub(channel), oip_grpc.GRPCInferenceServiceStub(channel)
        return cls(pb, oip, *stubs, channel, (("authorization", f"Bearer {server.token()}"),))

    def ask(self, model: str, version: str = "", **inputs: bytes) -> bytes:
        """The answer of Predictions."""
        request = self.pb.PredictionsRequest(model_name=model, model_version=version, input=inputs)
        answer: bytes = self.torchserve.Predictions(request, metadata=self.metadata, timeout=20).prediction
        return answer

    def infer(self, model: str, datatype: str, shape: list[int], request_id: str = "", **contents: Any) -> Any:
        """The answer of ModelInfer to one tensor."""
        tensor = self.oip.ModelInferRequest.InferInputTensor(
            name="picture", datatype=datatype, shape=shape, contents=self.oip.InferTensorContents(**contents)
        )
        request = self.oip.ModelInferRequest(model_name=model, id=request_id, inputs=[tensor])
        return self.inference.ModelInfer(request, metadata=self.metadata, timeout=20)


def grpc_port(server: Server) -> int:
    return server.port + 7070 - DEFAULT_PORT
