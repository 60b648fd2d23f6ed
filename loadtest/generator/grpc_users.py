"""Locust's users over gRPC: TorchServe's own service and the Open Inference Protocol.

Locust has no client for gRPC, so these users fire its request event themselves.
"""

import json
from time import perf_counter
from types import ModuleType
from typing import Any, ClassVar

import grpc
from grpc.experimental.gevent import init_gevent

from loadtest.generator.doors import from_grpc, from_tensors, in_words_of_rest, to_grpc
from loadtest.generator.stubs import load_stubs
from loadtest.generator.traffic import Case, Traffic
from loadtest.generator.users import TIMEOUT_S, Sender
from loadtest.profile import Profile
from testbed.answers import WrongAnswer, check_answers

# Without these options all users of a process would share one connection, and a proxy of the environment would be used.
OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0))


class GrpcSender(Sender):
    """Sends over its own channel."""

    abstract = True
    stubs: ClassVar[dict[str, ModuleType]] = {}

    @classmethod
    def prepare(cls, profile: Profile, traffic: Traffic) -> None:
        super().prepare(profile, traffic)
        if not GrpcSender.stubs:
            init_gevent()
            GrpcSender.stubs = load_stubs()

    def on_start(self) -> None:
        super().on_start()
        options: Any = self.environment.parsed_options
        secure = str(self.environment.host).startswith("https:")
        self.channel = (
            grpc.secure_channel(options.grpc, grpc.ssl_channel_credentials(self.certificates.encode() or None), OWN_CONNECTION)
            if secure
            else grpc.insecure_channel(options.grpc, OWN_CONNECTION)
        )
        self.call = {"metadata": (("authorization", f"Bearer {options.token}"),) if options.token else (), "timeout": TIMEOUT_S}

    def on_stop(self) -> None:
        super().on_stop()
        self.channel.close()

    def call_for(self, case: Case) -> tuple[list[Any], int]:
        """The answers to a case and their size in bytes; raises grpc.RpcError or WrongAnswer."""
        raise NotImplementedError

    def ask(self, case: Case, due: float) -> None:
        failure: Exception | None = None
        size = 0
        try:
            answers, size = self.call_for(case)
            check_answers(answers, case.expected)
        except WrongAnswer as err:
            failure = err
        except grpc.RpcError as err:
            failure = ConnectionError(f"gRPC status {err.code().name}")
        self.environment.events.request.fire(
            request_type=self.door, name=case.kind, response_time=(perf_counter() - due) * 1000, response_length=size,
            exception=failure, context=self.context(),
        )  # fmt: skip


class GrpcUser(GrpcSender):
    """TorchServe's own service."""

    door = "grpc"

    def on_start(self) -> None:
        super().on_start()
        self.service = self.stubs["inference_pb2_grpc"].InferenceAPIsServiceStub(self.channel)

    def call_for(self, case: Case) -> tuple[list[Any], int]:
        request = self.stubs["inference_pb2"].PredictionsRequest(model_name=self.model, input=to_grpc(case))
        body: bytes = self.service.Predictions(request, **self.call).prediction
        return from_grpc(body), len(body)


class OipUser(GrpcSender):
    """The Open Inference Protocol, which has no explanations."""

    door = "oip"
    kinds = ("single", "list", "bad")

    def on_start(self) -> None:
        super().on_start()
        self.service = self.stubs["open_inference_grpc_pb2_grpc"].GRPCInferenceServiceStub(self.channel)

    def call_for(self, case: Case) -> tuple[list[Any], int]:
        oip = self.stubs["open_inference_grpc_pb2"]
        contents = oip.InferTensorContents(bytes_contents=case.pictures)
        tensor = oip.ModelInferRequest.InferInputTensor(name="picture", datatype="BYTES", shape=[len(case.pictures)], contents=contents)
        answer = self.service.ModelInfer(oip.ModelInferRequest(model_name=self.model, inputs=[tensor]), **self.call)
        answers = from_tensors({output.name: _to_list(output.contents) for output in answer.outputs})
        return in_words_of_rest(answers, case), answer.ByteSize()


def _to_list(contents: Any) -> list[Any]:
    """The values of the field of InferTensorContents that is filled; TorchServe sends each text as JSON, in quotes."""
    ((field, values),) = [(field.name, values) for field, values in contents.ListFields()] or [("", [])]
    return [json.loads(text) for text in values] if field == "bytes_contents" else list(values)
