"""Spans of requests: whose part they are, what they tell and what they never tell, and that there are none where nobody asks for them."""

import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from digitkit.pictures.codec import encode_png
from digitkit.reader import timed
from digitkit.readers.numbers.number import LineBackend
from digitkit.readers.numbers.reader import LineReader
from digitkit.readers.numbers.transcribe import Terms
from digitkit.serving.request import to_request, trace_id
from digitkit.serving.request_log import RequestLog
from digitkit.serving.tracing import Tracing, exporting
from digitkit.serving.writing import Answer, Model

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
SECRET = {"authorization": "Bearer secret"}


@pytest.fixture
def kept(handler: Any) -> InMemorySpanExporter:
    """The spans that the handler makes."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    handler.tracing = Tracing(handler.model, provider)
    handler.loaded = handler.loaded.watched(handler.tracing.tell)
    return exporter


def span(spans: tuple[ReadableSpan, ...], name: str) -> ReadableSpan:
    (found,) = [each for each in spans if each.name == name]
    return found


def photo(canvas: NDArray[np.uint8]) -> bytes:
    """The digit on a page, which the eye has to look at."""
    page = np.full((90, 90), 255, dtype=np.uint8)
    page[30:58, 30:58] -= canvas
    return encode_png(page)


def test_a_request_is_a_span_of_its_clients_trace_with_one_for_each_phase(
    handler: Any, kept: InMemorySpanExporter, ten_digits: Any
) -> None:
    headers = {"traceparent": PARENT} | SECRET
    handler.answer([to_request({"body": photo(ten_digits[7])}, headers, {}, "id-7")])
    handler.settle()
    spans = kept.get_finished_spans()
    root = span(spans, "predict")
    assert root.parent is not None
    assert (f"{root.context.trace_id:032x}", f"{root.parent.span_id:016x}") == (TRACE, PARENT.split("-")[2])
    assert {each.name for each in spans} == {"predict", "decode", "eye", "net", "write"}
    assert all(each.parent is not None and each.parent.span_id == root.context.span_id for each in spans if each is not root)
    begins = [span(spans, name).start_time or 0 for name in ("decode", "eye", "net", "write")]
    assert begins == sorted(begins)
    assert all((root.start_time or 0) <= (each.start_time or 0) <= (each.end_time or 0) <= (root.end_time or 0) for each in spans)
    assert dict(root.attributes or {}) == {
        **{"digits.model": "digits", "digits.version": "1.0", "digits.request_id": "id-7", "digits.pictures": 1},
        **{"digits.batch_requests": 1, "http.response.status_code": 200},
    }


def test_spans_tell_of_refusals_and_nothing_of_pictures_predictions_or_tokens(
    handler: Any, kept: InMemorySpanExporter, ten_pngs: Any
) -> None:
    requests = [to_request({"body": body}, SECRET, {}, f"id-{i}") for i, body in enumerate((ten_pngs[7], b"no picture"))]
    handler.answer(requests)
    handler.settle()
    told = {
        (each.attributes or {})["digits.request_id"]: dict(each.attributes or {}) for each in kept.get_finished_spans() if not each.parent
    }
    assert (told["id-1"]["http.response.status_code"], told["id-1"]["error.type"]) == (400, "UnreadablePicture")
    assert "error.type" not in told["id-0"]
    whole = "".join(each.to_json() for each in kept.get_finished_spans())
    assert not any(word in whole for word in ("secret", "no picture", "confidence", '"digit"', "accepted"))


def test_the_calls_of_one_net_are_one_span_and_a_call_that_fails_is_told_too() -> None:
    tracing = Tracing(Model("digits", "1.0"), TracerProvider(sampler=ALWAYS_OFF))
    tracing.tell("eye", 1.0, 2.0)
    tracing.tell("eye", 3.0, 3.5)
    assert tracing._nets == {"eye": (1.0, 3.5, 1.5)}
    calls: list[str] = []

    def failing() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        timed("net", failing, lambda name, *_: calls.append(name))()
    assert calls == ["net"]


def test_the_nets_of_a_reader_of_numbers_are_told_by_their_names() -> None:
    calls: list[str] = []
    plain = LineReader(LineBackend(lambda strips: strips, "cpu"), Terms(0.5, 1.0), lambda picture: [])  # type: ignore[arg-type, return-value]
    watched = plain.watched(lambda name, *_: calls.append(name))
    watched.try_out()
    assert watched.finder is not None
    watched.finder(np.zeros((9, 9), dtype=np.uint8))
    assert calls == ["net", "finder"]
    assert replace(plain, finder=None).watched(lambda *_: None).finder is None


@pytest.fixture
def received() -> Iterator[tuple[str, list[bytes]]]:
    """The address of a stand-in for a collector, and what it is sent."""
    bodies: list[bytes] = []

    class Collecting(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *values: object) -> None:
            """Log nothing."""

    with HTTPServer(("127.0.0.1", 0), Collecting) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", bodies
        server.shutdown()
        thread.join()


def test_spans_are_sent_to_where_the_variable_says(received: tuple[str, list[bytes]], monkeypatch: pytest.MonkeyPatch) -> None:
    url, bodies = received
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
    provider = exporting()
    provider.get_tracer("test").start_span("predict").end()
    provider.shutdown()
    (resource,) = ExportTraceServiceRequest.FromString(bodies[0]).resource_spans
    assert [each.value.string_value for each in resource.resource.attributes if each.key == "service.name"] == ["digits"]
    assert resource.scope_spans[0].spans[0].name == "predict"


def test_without_the_packages_requests_are_answered_all_the_same(
    handler: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ten_pngs: list[bytes]
) -> None:
    monkeypatch.setitem(sys.modules, "digitkit.serving.tracing", None)
    handler._trace()
    assert "no spans are made" in capsys.readouterr().out
    (answer,) = handler.answer([to_request({"body": ten_pngs[7]}, SECRET, {}, "id-7")])
    assert (answer.status, handler.tracing) == (200, None)


@pytest.mark.parametrize(("given", "id"), [(PARENT, TRACE), ("", ""), ("00-xyz", ""), (f"{PARENT}\n", "")])
def test_the_log_of_requests_names_the_trace_that_a_request_is_a_part_of(given: str, id: str, tmp_path: Path) -> None:
    request = to_request({}, {"traceparent": given, "host": "h"}, {}, "id-0")
    assert trace_id(request) == id
    RequestLog(tmp_path / "log", Model("digits", "1.0"), "all").write([request], [Answer(200, "", b"", pictures=1)], 1.0)
    assert (f'"trace_id": "{id}"' in (tmp_path / "log").read_text()) == bool(id)
