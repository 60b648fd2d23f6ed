"""TorchServe's way in. One handler serves both targets; the archive's weights file says which it is."""

import importlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import cv2

from digitkit import frames, wire
from digitkit.card import check_card
from digitkit.classify import classify
from digitkit.contract import Backend, Canvas, Prediction
from digitkit.describe import is_describe, write_description
from digitkit.errors import DigitError, Overloaded, TooLarge
from digitkit.explain import Explanation
from digitkit.metrics import Clock, Metrics, worker_number
from digitkit.request import Request, from_torchserve, is_explain, is_kserve, own_headers, read_target, shared_headers
from digitkit.request_log import RequestLog, log_folder
from digitkit.settings import LOGGED, Settings
from digitkit.unloaded import CAUSES, Unloaded

BACKENDS = {".pt": "digitkit.net", ".onnx": "digitkit.ort"}  # imported when needed: each costs seconds and memory
NOTHING_ASKED = wire.Question((), "many")  # of a request for the description


class DigitHandler:
    """Answer a batch of requests, each on its own. TorchServe builds one in every worker process."""

    unloaded: Unloaded | None = None  # what answers in the place of a model that could not be loaded

    def initialize(self, context: Any) -> None:
        """Load the model; TorchServe calls it once, before the first request."""
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
        if not frames.take_over(self.respond, self.headers):
            print(f"batches are read as TorchServe reads them: digitkit.frames is for TorchServe {frames.VERSION}", flush=True)

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
        requests = [from_torchserve(row, context.get_all_request_header(i), context.get_request_id(i)) for i, row in enumerate(rows)]
        answers = self.respond(requests)
        for i, (request, answer) in enumerate(zip(requests, answers, strict=True)):
            context.set_response_status(code=answer.status, idx=i)
            context.set_response_content_type(i, answer.content_type)
            for name, value in (shared_headers(request, self.headers) | own_headers(request)).items():
                context.set_response_header(i, name, value)
        return [answer.body for answer in answers]

    def respond(self, requests: Sequence[Request]) -> list[wire.Answer]:
        """The answers to a batch of requests, in order, each as its protocol wants it and noted in the log."""
        started = time.perf_counter()
        answers = self.answer(requests) if self.unloaded is None else self.unloaded.answer(requests)
        for i, (request, answer) in enumerate(zip(requests, answers, strict=True)):
            if answer.error and is_kserve(request):
                answers[i] = wire.with_error_key(answer)
        self.log.write(requests, answers, 1000 * (time.perf_counter() - started))
        return answers

    def answer(self, requests: Sequence[Request]) -> list[wire.Answer]:
        """The answers to a batch of requests, in order. A bad request never costs its neighbours."""
        started = time.perf_counter()
        deadline = started + self.settings.limits.batch_seconds
        questions, canvas_s = self._read_all(requests, deadline)
        good = [question for question in questions if isinstance(question, wire.Question)]
        pictures = [picture for question in good for picture in question.pictures if not isinstance(picture, DigitError)]
        ready = time.perf_counter()
        predictions = classify(pictures, self.backend.run, self.settings.min_score)
        inferred, remaining = time.perf_counter(), iter(predictions)
        answers = []
        for request, question in zip(requests, questions, strict=True):
            if is_describe(request):
                answers.append(self._describe())
                continue
            if isinstance(question, DigitError):
                answers.append(wire.write_refusal(question, request, self.model))
                continue
            results = [p if isinstance(p, DigitError) else next(remaining) for p in question.pictures]
            if is_explain(request):
                answers.append(self._explain(request, question, results, deadline=deadline))
            else:
                answers.append(wire.write_answer(question, results, self.model))
        self.metrics.record(questions, pictures, predictions, Clock(started, ready, inferred, canvas_s))
        return answers

    def _read_all(self, requests: Sequence[Request], deadline: float) -> tuple[list[wire.Question | DigitError], float]:
        """Each request's question or why it is refused, and the seconds that all their canvases took."""
        questions, canvas_s, now = [], 0.0, time.perf_counter()
        for request in requests:
            question = self._read(request, now, deadline)
            now = time.perf_counter()
            if isinstance(question, wire.Question) and question.pictures:
                canvas_s += now - question.decoded_at
            questions.append(question)
        return questions, canvas_s

    def _read(self, request: Request, now: float, deadline: float) -> wire.Question | DigitError:
        try:
            self._check_time(now, deadline)
            if is_describe(request):
                return NOTHING_ASKED
            return wire.read_question(request, self.settings.limits)
        except DigitError as err:
            return err.alone()

    def _check_time(self, now: float, deadline: float) -> None:
        if now > deadline:
            raise Overloaded(f"the batch has taken {self.settings.limits.batch_seconds} s so far; send the request again")

    def _explain(
        self, request: Request, question: wire.Question, results: list[Prediction | DigitError], *, deadline: float
    ) -> wire.Answer:
        try:
            self._check_time(time.perf_counter(), deadline)
            wanted = read_target(request)
            limit = self.settings.limits.explanations
            if len(results) > limit:
                raise TooLarge(f"{len(results)} pictures to explain in one request, the limit is {limit}")
        except DigitError as err:
            self.metrics.refuse(err)
            return wire.write_error(err)
        pairs = zip(question.pictures, results, strict=True)  # a result is an error exactly where its picture is one
        explained = [r if isinstance(r, DigitError) else self._explain_one(cast(list[Canvas], p)[r.reading], r, wanted) for p, r in pairs]
        return wire.write_explanation(question, explained)

    def _explain_one(self, canvas: Canvas, prediction: Prediction, wanted: int | None) -> Explanation:
        target = prediction.digit if wanted is None else wanted
        return Explanation(prediction.digit, target, self.backend.method, canvas, self.backend.explain(canvas, target))

    def _describe(self) -> wire.Answer:
        card = check_card(self.weights)
        return write_description(self.weights.name, self.backend, device=self.settings.device, card=card)
