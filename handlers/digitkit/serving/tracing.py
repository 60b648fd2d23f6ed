"""Spans of OpenTelemetry for each request: decode, the nets by their names, write; only where a worker is told where to send them.

The SDK reads its own variables: OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_SAMPLER, OTEL_RESOURCE_ATTRIBUTES and the like. A request with
a W3C traceparent becomes a part of that trace. Spans hold no picture, no prediction and no token. A thread sends them, and what it
cannot send is dropped.
"""

import os
import time
from collections.abc import Mapping, Sequence
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from digitkit.serving.metrics import Clock
from digitkit.serving.request import Request
from digitkit.serving.writing import Answer, Model

SERVICE: Final = "digits"  # OTEL_SERVICE_NAME has another
FAULT: Final = 500  # from this status on a span says that it failed: a refusal is no failure of the server

Phase = tuple[float, float, float]  # from when until when by time.perf_counter(), and the seconds in between that it took


def exporting() -> TracerProvider:
    """What makes spans and sends them to where the variables say."""
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: os.environ.get("OTEL_SERVICE_NAME", SERVICE)}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


class Tracing:
    """Makes the spans of one worker.

    Args:
        model: that answers.
        provider: of spans, as exporting() gives it.
    """

    def __init__(self, model: Model, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer(__name__)
        self._named: dict[str, str | int] = {"digits.model": model.name, "digits.version": model.version}
        self._parents = TraceContextTextMapPropagator()
        self._nets: dict[str, Phase] = {}

    def tell(self, net: str, started: float, ended: float) -> None:
        """Note a call of a net in the present batch; several calls of one net become one span."""
        first, _, took = self._nets.get(net, (started, ended, 0.0))
        self._nets[net] = first, ended, took + ended - started

    def record(self, requests: Sequence[Request], answers: Sequence[Answer], clock: Clock) -> None:
        """Make the spans of a batch's requests, whose answers are written."""
        nets, self._nets = self._nets, {}
        phases: dict[str, Phase] = {"decode": (clock.started, clock.ready, clock.ready - clock.started), **nets}
        phases["write"] = clock.inferred, clock.written, clock.written - clock.inferred
        ns, size = _Nanoseconds(), len(requests)
        for request, answer in zip(requests, answers, strict=True):
            parent = self._parents.extract(request.headers)
            told = {"digits.request_id": request.id, "digits.pictures": answer.pictures, "digits.batch_requests": size, **_outcome(answer)}
            begun = ns(clock.started)
            span = self._tracer.start_span("predict", parent, SpanKind.SERVER, self._named | told, start_time=begun)
            if span.is_recording():
                self._children(span, phases, ns)
            if answer.status >= FAULT:
                span.set_status(Status(StatusCode.ERROR, answer.error))
            span.end(ns(clock.written))

    def _children(self, span: Span, phases: Mapping[str, Phase], ns: "_Nanoseconds") -> None:
        """The phases of a batch, which all of its requests went through together."""
        context = set_span_in_context(span)
        for name, (started, ended, took) in phases.items():
            child = self._tracer.start_span(name, context, start_time=ns(started), attributes={"digits.busy_ms": round(1000 * took, 3)})
            child.end(ns(ended))


class _Nanoseconds:
    """Turns times by time.perf_counter() into nanoseconds since 1970."""

    def __init__(self) -> None:
        self._shift = time.time_ns() - time.perf_counter_ns()

    def __call__(self, seconds: float) -> int:
        return self._shift + int(seconds * 1e9)


def _outcome(answer: Answer) -> dict[str, str | int]:
    status: dict[str, str | int] = {"http.response.status_code": answer.status}
    return status | ({"error.type": answer.error} if answer.error else {})
