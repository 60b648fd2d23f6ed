"""TorchServe's way in. One handler serves both targets; the archive's weights file says which it is."""

import importlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

import cv2
import numpy as np

from digitkit.artifacts.card import check_card
from digitkit.contract import SIDE_PX, Backend, Canvas, Prediction
from digitkit.errors import DigitError, Overloaded, TooLarge
from digitkit.readers.digits.classify import classify
from digitkit.readers.digits.explain import Explanation
from digitkit.serving import frames, wire
from digitkit.serving.body import Sources, as_it_is
from digitkit.serving.describe import is_describe, write_description
from digitkit.serving.guard import Guard
from digitkit.serving.metrics import Clock, Metrics, worker_number
from digitkit.serving.reading import Decoded, Question, Reading, read_in_turns
from digitkit.serving.request import Request, from_torchserve, is_explain, is_kserve, own_headers, read_target, shared_headers
from digitkit.serving.request_log import RequestLog, log_folder
from digitkit.serving.unloaded import CAUSES, Unloaded
from digitkit.settings import LOGGED, Settings

BACKENDS = {".pt": "digitkit.backends.net", ".onnx": "digitkit.backends.ort"}  # imported when needed: each costs seconds and memory
NOTHING_ASKED: Final = Sources((), as_it_is)  # of a request for the description
EMPTY: Final = np.zeros((1, SIDE_PX, SIDE_PX), dtype=np.uint8)

Results: TypeAlias = list[Prediction | DigitError]


class DigitHandler:
    """Answer a batch of requests, each on its own. TorchServe builds one in every worker process."""

    unloaded: Unloaded | None = None  # what answers in the place of a model that could not be loaded

    def initialize(self, context: Any) -> None:
        """Load the model; TorchServe calls it once, before the first request."""
        self.guard = Guard()
        model = context.manifest["model"]
        self.weights = Path(context.system_properties["model_dir"]) / model["serializedFile"]
        self.model = wire.Model(model["modelName"], model["modelVersion"])
        self.headers = {"X-Model-Name": self.model.name, "X-Model-Version": self.model.version}
        logged = LOGGED[0]
        try:
            self.settings = Settings.from_mapping(context.model_yaml_config)
            logged = self.settings.log_requests
            self._load(context.system_properties["gpu_id"])
        except CAUSES as err:
            self.unloaded = Unloaded(self.model, err)
        self.log = RequestLog(log_folder() / f"requests.{worker_number(sys.argv)}.log", self.model, logged)
        if not frames.take_over(self.respond, self.headers, self.guard):
            print(f"batches are read as TorchServe reads them: digitkit.serving.frames is for TorchServe {frames.VERSION}", flush=True)

    def _load(self, gpu: int | None) -> None:
        """Load the model as the settings say; raises one of CAUSES."""
        card = check_card(self.weights)
        # OpenCV would take every core: a photo of 640 x 480 px then costs twice the processor time, and 12 % more time, on two of them.
        cv2.setNumThreads(self.settings.threads)
        load = importlib.import_module(BACKENDS[self.weights.suffix]).load
        self.backend: Backend = load(self.weights, device=self.settings.device, gpu_id=gpu, threads=self.settings.threads)
        print(f"{self.weights.name} runs on {self.backend.place}", flush=True)
        fell_back = gpu is not None and self.settings.device == "auto" and "cpu" in self.backend.place.lower()
        self.metrics = Metrics(self.model, place=self.backend.place, fell_back=fell_back, reference=card.reference)

    def handle(self, rows: list[dict[str, Any]], context: Any) -> list[bytes]:
        """One body for each row; statuses and headers go through `context`. TorchServe's own way, where frames.py has none."""
        requests = [self._request(row, context.get_all_request_header(i), context.get_request_id(i)) for i, row in enumerate(rows)]
        answers = self.respond(requests)
        for i, (request, answer) in enumerate(zip(requests, answers, strict=True)):
            context.set_response_status(code=answer.status, idx=i)
            context.set_response_content_type(i, answer.content_type)
            for name, value in (shared_headers(request, self.headers) | own_headers(request)).items():
                context.set_response_header(i, name, value)
        return [answer.body for answer in answers]

    def _request(self, row: dict[str, Any], headers: dict[str, Any], id: str) -> Request:
        request = self.guard(from_torchserve, row, headers, id)
        return Request({}, {}, {}, is_grpc=False, id=id, refusal=request) if isinstance(request, DigitError) else request

    def respond(self, requests: Sequence[Request]) -> list[wire.Answer]:
        """The answers to a batch of requests, in order, each as its protocol wants it and noted in the log."""
        started = time.perf_counter()
        answers = self.answer(requests) if self.unloaded is None else self.unloaded.answer(requests)
        for i, (request, answer) in enumerate(zip(requests, answers, strict=True)):
            if answer.error and is_kserve(request):
                answers[i] = wire.with_error_key(answer)
        self.guard(self.log.write, requests, answers, 1000 * (time.perf_counter() - started))
        return answers

    def answer(self, requests: Sequence[Request]) -> list[wire.Answer]:
        """The answers to a batch of requests, in order. Whatever becomes of a request never costs its neighbours."""
        order = sorted(range(len(requests)), key=lambda i: requests[i].size)  # what is small is not to wait for what is large
        answers = self._answer_in_order([requests[i] for i in order])
        return [answer for _, answer in sorted(zip(order, answers, strict=True))]

    def _answer_in_order(self, requests: Sequence[Request]) -> list[wire.Answer]:
        started, limits = time.perf_counter(), self.settings.limits
        deadline = started + limits.batch_seconds
        readings = [self.guard(self._open, request, deadline) for request in requests]
        questions = read_in_turns(readings, limits, self.guard, deadline)
        pictures = [p for q in questions if isinstance(q, Question) for p in q.pictures if not isinstance(p, DigitError)]
        ready = time.perf_counter()
        predicted = self._predict(pictures)
        inferred, remaining = time.perf_counter(), iter(predicted)
        answers: list[wire.Answer] = []
        results: list[Results | DigitError] = []
        for request, question in zip(requests, questions, strict=True):
            if isinstance(question, DigitError):
                results.append(question)
                answers.append(wire.write_refusal(question, request, self.model))
                continue
            read = [p if isinstance(p, DigitError) else next(remaining) for p in question.pictures]
            results.append(read)
            answers.append(self._answer_one(request, question, read, deadline))
        canvas_s = sum(reading.canvas_s for reading in readings if isinstance(reading, Reading))
        self.guard(self.metrics.record, results, pictures, predicted, Clock(started, ready, inferred, canvas_s))
        return answers

    def _open(self, request: Request, deadline: float) -> Reading:
        self._check_time(deadline)
        if request.refusal is not None:
            raise request.refusal
        return Reading(NOTHING_ASKED, "many") if is_describe(request) else wire.open_request(request, self.settings.limits)

    def _check_time(self, deadline: float) -> None:
        if time.perf_counter() > deadline:
            raise Overloaded(f"the batch has taken {self.settings.limits.batch_seconds} s so far; send the request again")

    def _predict(self, pictures: Sequence[list[Canvas]]) -> Results:
        """A prediction of each picture. Where the model fails it is asked about halves, until the guilty picture alone has none."""
        predictions = self.guard(classify, pictures, self.backend.run, self.settings.min_score)
        if not isinstance(predictions, DigitError):
            return [*predictions]
        self.backend.run(EMPTY)  # a model that fails here as well is no request's fault: TorchServe tells the batch to ask again
        if len(pictures) == 1:
            return [predictions]
        half = len(pictures) // 2
        return self._predict(pictures[:half]) + self._predict(pictures[half:])

    def _answer_one(self, request: Request, question: Question, results: Results, deadline: float) -> wire.Answer:
        answer = self.guard(self._write, request, question, results, deadline)
        if isinstance(answer, DigitError):
            self.guard(self.metrics.refuse, answer)
            return wire.write_refusal(answer, request, self.model)
        return answer

    def _write(self, request: Request, question: Question, results: Results, deadline: float) -> wire.Answer:
        if is_describe(request):
            return write_description(self.weights.name, self.backend, device=self.settings.device, card=check_card(self.weights))
        if not is_explain(request):
            return wire.write_answer(question, results, self.model)
        wanted, limit = read_target(request), self.settings.limits.explanations
        if len(results) > limit:
            raise TooLarge(f"{len(results)} pictures to explain in one request, the limit is {limit}")
        self._check_time(deadline)
        pairs = zip(question.pictures, results, strict=True)
        explained = [self._explain(picture, result, wanted, deadline) for picture, result in pairs]
        return wire.write_explanation(question, explained)

    def _explain(self, picture: Decoded, result: Prediction | DigitError, wanted: int | None, deadline: float) -> Explanation | DigitError:
        if isinstance(result, DigitError):
            return result
        canvas = cast(list[Canvas], picture)[result.reading]  # where a picture is refused, so is its result
        explanation = self.guard(self._explain_one, canvas, result, wanted, deadline)
        if isinstance(explanation, DigitError):
            self.guard(self.metrics.refuse, explanation)
        return explanation

    def _explain_one(self, canvas: Canvas, prediction: Prediction, wanted: int | None, deadline: float) -> Explanation:
        self._check_time(deadline)
        target = prediction.digit if wanted is None else wanted
        return Explanation(prediction.digit, target, self.backend.method, canvas, self.backend.explain(canvas, target))
