"""TorchServe's way in. One handler serves every task and every kind of weights: the archive's card says which reader it takes."""

import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2

from digitkit.artifacts.card import FIRST_TASK, check_card
from digitkit.errors import DigitError, Overloaded, TooLarge, too_late
from digitkit.reader import Explanation, Input, Reader, Recogniser, Result, Target
from digitkit.readers.tasks import find_reader
from digitkit.serving import frames, opening, writing
from digitkit.serving.bodies.body import Sources, as_it_is
from digitkit.serving.describe import is_describe, write_description
from digitkit.serving.grouping import Results, read_in_groups
from digitkit.serving.guard import Guard
from digitkit.serving.metrics import Clock, Metrics, worker_number
from digitkit.serving.reading import Prepared, Question, Reading, read_in_turns
from digitkit.serving.request import TARGET, Request, from_torchserve, is_explain, is_kserve, own_headers, shared_headers
from digitkit.serving.request_log import RequestLog, log_folder
from digitkit.serving.unloaded import CAUSES, Unloaded
from digitkit.settings import LOGGED, Collecting, Settings

if TYPE_CHECKING:
    from digitkit.collect.collector import Collector
    from digitkit.serving.tracing import Tracing

# OpenTelemetry's variables that say where spans are sent; where neither is set, a worker has none.
TRACED: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
NOTHING_ASKED: Final = Sources((), as_it_is)  # of a request for the description


class DigitHandler:
    """Answer a batch of requests, each on its own. TorchServe builds one in every worker process."""

    unloaded: Unloaded | None = None  # what answers in the place of a model that could not be loaded
    collector: "Collector | None" = None  # what keeps pictures, where the settings have some kept
    tracing: "Tracing | None" = None  # what makes spans, where the environment says where to send them

    def __init__(self) -> None:
        self._later: list[Callable[[], object]] = []  # what is to be counted, noted and kept once the answers are sent

    def initialize(self, context: Any) -> None:
        """Load the model; TorchServe calls it once, before the first request."""
        self.guard = Guard()
        model = context.manifest["model"]
        self.weights = Path(context.system_properties["model_dir"]) / model["serializedFile"]
        self.model = writing.Model(context.model_name, model["modelVersion"])  # an archive may be registered under another name
        self.headers = {"X-Model-Name": self.model.name, "X-Model-Version": self.model.version}
        logged = LOGGED[0]
        self.reader: Reader = find_reader(FIRST_TASK)  # in whose words it refuses while no card has named another
        try:
            self.settings = Settings.from_mapping(context.model_yaml_config)
            logged = self.settings.log_requests
            self._load(context.system_properties["gpu_id"])
        except CAUSES as err:
            self.unloaded = Unloaded(self.model, err, self.reader)
        if self.unloaded is None and any(map(os.environ.get, TRACED)):
            self._trace()
        self.log = RequestLog(log_folder() / f"requests.{worker_number(sys.argv)}.log", self.model, logged)
        if not frames.take_over(self.respond, self.settle, self.headers, self.guard):
            print(f"batches are read as TorchServe reads them: digitkit.serving.frames is for TorchServe {frames.VERSION}", flush=True)

    def _load(self, gpu: int | None) -> None:
        """Load the model as the settings say; raises one of CAUSES."""
        card = check_card(self.weights)
        self.reader = find_reader(card.task)
        # OpenCV would take every core: a photo of 640 x 480 px then costs twice the processor time, and 12 % more time, on two of them.
        cv2.setNumThreads(self.settings.threads)
        self.loaded: Recogniser = self.reader.load(self.weights, self.settings, gpu)
        place = self.loaded.place
        print(f"{self.weights.name} runs on {place}", flush=True)
        fell_back = gpu is not None and self.settings.device == "auto" and "cpu" in place.lower()
        statistics = self.reader.statistics(card.reference)
        if self.settings.collect and self.settings.collect.store:
            self.collector = self._collector(self.settings.collect, card.task)
        others = self.collector.drain if self.collector else tuple
        self.metrics = Metrics(self.model, place=place, fell_back=fell_back, statistics=statistics, others=others)

    def _collector(self, knobs: Collecting, task: str) -> "Collector | None":
        """What keeps pictures; its libraries, which take 0.3 s and 25 MB, are imported where something is kept."""
        try:
            collector: type[Collector] = import_module("digitkit.collect.collector").Collector
        except ImportError as err:  # requests are answered all the same
            print(f"no pictures are kept: {err}; collecting needs the packages of pyproject.toml's extra collect", flush=True)
            return None
        return collector(knobs, task, {"model": self.model.name, "version": self.model.version}, self.guard)

    def _trace(self) -> None:
        """Have spans made from now on; OpenTelemetry, which takes 0.3 s to import, is loaded here alone."""
        try:
            tracing = import_module("digitkit.serving.tracing")
        except ImportError as err:  # requests are answered all the same
            print(f"no spans are made: {err}; tracing needs the packages of pyproject.toml's extra traces", flush=True)
            return
        self.tracing = tracing.Tracing(self.model, tracing.exporting())
        self.loaded = self.loaded.watched(self.tracing.tell)

    def handle(self, rows: list[dict[str, Any]], context: Any) -> list[bytes]:
        """One body for each row; statuses and headers go through `context`. TorchServe's own way, where frames.py has none."""
        requests = [self._request(row, context.get_all_request_header(i), context.get_request_id(i)) for i, row in enumerate(rows)]
        answers = self.respond(requests)
        for i, (request, answer) in enumerate(zip(requests, answers, strict=True)):
            context.set_response_status(code=answer.status, idx=i)
            context.set_response_content_type(i, answer.content_type)
            for name, value in (shared_headers(request, self.headers) | own_headers(request)).items():
                context.set_response_header(i, name, value)
        self.settle()
        return [answer.body for answer in answers]

    def _request(self, row: dict[str, Any], headers: dict[str, Any], id: str) -> Request:
        request = self.guard(from_torchserve, row, headers, id)
        return Request({}, {}, {}, is_grpc=False, id=id, refusal=request) if isinstance(request, DigitError) else request

    def respond(self, requests: Sequence[Request]) -> list[writing.Answer]:
        """The answers to a batch of requests, in order, each as its protocol wants it; `settle` is to be called once they are sent."""
        started = time.perf_counter()
        answers = self.answer(requests) if self.unloaded is None else self.unloaded.answer(requests)
        for i, (request, answer) in enumerate(zip(requests, answers, strict=True)):
            if answer.error and is_kserve(request):
                answers[i] = writing.with_error_key(answer)
        self._later.append(partial(self.log.write, requests, answers, 1000 * (time.perf_counter() - started)))
        return answers

    def settle(self) -> None:
        """Count, note and keep what was answered. It takes a tenth of a request's time, for which its client need not wait."""
        later, self._later = self._later, []
        for step in later:
            self.guard(step)

    def answer(self, requests: Sequence[Request]) -> list[writing.Answer]:
        """The answers to a batch of requests, in order. Whatever becomes of a request never costs its neighbours."""
        order = sorted(range(len(requests)), key=lambda i: requests[i].size)  # what is small is not to wait for what is large
        answers = self._answer_in_order([requests[i] for i in order])
        return [answer for _, answer in sorted(zip(order, answers, strict=True))]

    def _answer_in_order(self, requests: Sequence[Request]) -> list[writing.Answer]:
        started, limits = time.perf_counter(), self.settings.limits
        deadline = started + limits.batch_seconds
        readings = [self.guard(self._open, request, deadline) for request in requests]
        questions = read_in_turns(readings, self.reader, limits, self.guard, deadline)
        asked = [[p for p in q.pictures if not isinstance(p, DigitError)] if isinstance(q, Question) else [] for q in questions]
        ready = time.perf_counter()
        read = read_in_groups(asked, self._read, limits.request_seconds, max(deadline, ready + limits.batch_seconds / 2))
        inferred = time.perf_counter()
        answers: list[writing.Answer] = []
        results: list[Results | DigitError] = []
        for request, question, found in zip(requests, questions, read, strict=True):
            if isinstance(question, DigitError):
                results.append(question)
                answers.append(writing.write_refusal(question, request, self.model, self.reader))
                continue
            remaining = iter(found)
            own = [p if isinstance(p, DigitError) else next(remaining) for p in question.pictures]
            results.append(own)
            answers.append(self._answer_one(request, question, own, deadline))
        canvas_s = sum(reading.canvas_s for reading in readings if isinstance(reading, Reading))
        clock = Clock(started, ready, inferred, time.perf_counter(), canvas_s)
        if self.tracing:
            self._later.append(partial(self.tracing.record, requests, answers, clock))
        self._later.append(partial(self.metrics.record, results, [*chain(*asked)], [*chain(*read)], clock))
        if self.collector:
            self._later.append(partial(self._collect, self.collector, requests, questions, results))
        return answers

    def _collect(
        self,
        collector: "Collector",
        requests: Sequence[Request],
        questions: Sequence[Question | DigitError],
        results: Sequence[Results | DigitError],
    ) -> None:
        """Offer every picture that was read to the collector, but those that were asked to be explained, which were read before."""
        for request, question, own in zip(requests, questions, results, strict=True):
            if isinstance(question, DigitError) or isinstance(own, DigitError) or is_explain(request):
                continue
            for given, result in zip(question.pictures, own, strict=True):
                if not isinstance(result, DigitError) and (seen := self.reader.observe(given, result)) is not None:
                    collector.offer(request.id, seen, partial(self.metrics.statistics.has_drifted, result))

    def _open(self, request: Request, deadline: float) -> Reading:
        self._check_time(deadline)
        if request.refusal is not None:
            raise request.refusal
        return Reading(NOTHING_ASKED, "many") if is_describe(request) else opening.open_request(request, self.settings.limits)

    def _check_time(self, deadline: float) -> None:
        if time.perf_counter() > deadline:
            raise Overloaded(f"the batch has taken {self.settings.limits.batch_seconds} s so far; send the request again")

    def _read(self, inputs: Sequence[Input], deadline: float) -> Results:
        """The result of each input. Where the model fails it is asked about halves, until the guilty picture alone has none."""
        results = self.guard(self.loaded.read, inputs, deadline)
        if not isinstance(results, DigitError):
            return [*results]
        self.loaded.try_out()  # a model that fails here as well is no request's fault: TorchServe tells the batch to ask again
        if len(inputs) == 1:
            return [results]
        half = len(inputs) // 2
        return self._read(inputs[:half], deadline) + self._read(inputs[half:], deadline)

    def _answer_one(self, request: Request, question: Question, results: Results, deadline: float) -> writing.Answer:
        answer = self.guard(self._write, request, question, results, deadline)
        if isinstance(answer, DigitError):
            self.guard(self.metrics.refuse, answer)
            return writing.write_refusal(answer, request, self.model, self.reader)
        return answer

    def _write(self, request: Request, question: Question, results: Results, deadline: float) -> writing.Answer:
        if is_describe(request):
            return write_description(self.weights.name, self.loaded, device=self.settings.device, card=check_card(self.weights))
        if not is_explain(request):
            return writing.write_answer(question, results, self.model, self.reader)
        shared, limit = self.reader.parse_target(request.headers.get(TARGET, "")), self.settings.limits.explanations
        if len(results) > limit:
            raise TooLarge(f"{len(results)} pictures to explain in one request, the limit is {limit}")
        self._check_time(deadline)
        until = min(deadline, time.perf_counter() + self.settings.limits.request_seconds)
        targets = [self.guard(self.reader.parse_target, own) if own else shared for own in question.targets or ("",) * len(results)]
        asked = zip(question.pictures, results, targets, strict=True)
        explained = [self._explain(picture, result, target, until) for picture, result, target in asked]
        return writing.write_explanation(question, explained, self.reader)

    def _explain(
        self, given: Prepared, result: Result | DigitError, target: Target | DigitError, deadline: float
    ) -> Explanation | DigitError:
        if isinstance(result, DigitError):
            return result
        explanation = target if isinstance(target, DigitError) else self.guard(self._explain_one, given, result, target, deadline)
        if isinstance(explanation, DigitError):
            self.guard(self.metrics.refuse, explanation)
        return explanation

    def _explain_one(self, given: Input, result: Result, target: Target, deadline: float) -> Explanation:
        if time.perf_counter() > deadline:
            raise too_late()
        return self.loaded.explain(given, result, target)
