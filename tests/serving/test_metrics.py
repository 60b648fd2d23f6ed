"""What a worker counts, read back from the lines that TorchServe's frontend would read."""

import logging
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import psutil
import pytest
import yaml
from conftest import ROOT

from deploy.monitoring.probe import HELP
from digitkit.counting.drift import WINDOW, Reference
from digitkit.errors import BlankPicture, DigitError, TooLarge
from digitkit.readers.digits.digit import LABELS, NO_DIGIT, REASONS, SEVERAL, UNSURE, Prediction
from digitkit.readers.digits.recognise import Given
from digitkit.readers.digits.statistics import mean_ink, reference
from digitkit.readers.digits.tally import Tally
from digitkit.readers.numbers.tally import NumbersTally
from digitkit.serving import metrics
from digitkit.serving.metrics import ERRORS, Clock, Metrics, resident_bytes, worker_number
from digitkit.serving.reading import Question
from digitkit.serving.writing import Model

# The pattern of TorchServe's Metric.java, and what stands before it in a worker's output.
LINE = re.compile(r"\[METRICS\]\s*([\w\s]+)\.([\w\s]+):([0-9\-,.e]+)\|#([^|]*)(\|#type:([^|,]+))?\|#hostname:([^,]+),([^,]+)(,(.*))?")
CARD = reference(np.arange(1_000) % 10, np.full(1_000, 0.9995), np.linspace(20, 50, 1_000))
Read = Callable[[], dict[str, float]]


def prediction(digit: int, confidence: float = 0.9995, *, reason: str = "") -> Prediction:
    return Prediction(digit, confidence, not reason, tuple(float(label == digit) for label in LABELS), reason)


def given(ink: int = 30) -> Given:
    """What the model takes of a picture that is a canvas, all of one ink."""
    return Given([np.full((28, 28), ink, dtype=np.uint8)])


@pytest.fixture
def read(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Read:
    """A function that says which values of which series were handed on since it was last asked, by flush() alone."""
    monkeypatch.setattr(metrics, "FLUSH_S", 3600)
    caplog.set_level(logging.INFO, "digitkit.serving.metrics")

    def read_back() -> dict[str, float]:
        lines = [line for record in caplog.records for line in record.getMessage().splitlines()]
        caplog.clear()
        parsed = [LINE.fullmatch(line) for line in lines if line.startswith("[METRICS]")]
        assert all(parsed)
        found = [(f"{line[1]} {line[4]}", float(line[3])) for line in parsed if line]
        assert len({series for series, _ in found}) == len(found)  # one line a series
        return dict(found)

    return read_back


def worker(reference: Reference = CARD, **changed: object) -> Metrics:
    given = {"place": "CPUExecutionProvider", "fell_back": False, "statistics": Tally(reference)}
    return Metrics(Model("digits", "1.0"), **(given | changed))  # type: ignore[arg-type]


@pytest.fixture
def counted(read: Read) -> Metrics:
    """A worker whose first lines, of everything at 0, have been read."""
    started = worker()
    read()
    return started


def series(name: str, labels: str = "") -> str:
    return f"digits_{name} model_name:digits,model_version:1.0" + (f",{labels}" if labels else "")


def record(counted: Metrics, *questions: Question | DigitError, confidence: float = 0.9995) -> None:
    """A batch whose pictures are all read as 7; decoding took 2 ms, canvases 1 ms, inference 6 ms."""
    inputs = [p for q in questions if isinstance(q, Question) for p in q.pictures if not isinstance(p, DigitError)]
    read = [replace(prediction(7, confidence), canvas=each.canvases[0]) for each in inputs]
    rest = iter(read)
    results = [q if isinstance(q, DigitError) else [p if isinstance(p, DigitError) else next(rest) for p in q.pictures] for q in questions]
    now = time.perf_counter()
    clock = Clock(now - 0.0094, now - 0.0064, now - 0.0004, now, 0.001 if inputs else 0.0)
    counted.record(results, inputs, read, clock)


def test_every_declared_metric_is_known_from_the_start_with_its_labels_in_order(read: Read) -> None:
    declared = yaml.safe_load((ROOT / "metrics.yaml").read_text())["model_metrics"]
    drift_alone = {"digits_drift_psi model_name,model_version,worker,statistic"}  # known once there are pictures enough
    of_model = "model_name,model_version"
    kept = {f"digits_collected_total {of_model},reason", f"digits_collect_dropped_total {of_model},cause"}
    expected = {f"{metric['name']} {','.join(metric['dimensions'])}" for kind in declared.values() for metric in kind}
    told = set()
    for statistics in (Tally(CARD), NumbersTally()):
        worker(statistics=statistics)
        told |= {re.sub(r":[^,]*", "", name) for name in read()}
    assert told == expected - drift_alone - kept  # what is kept is counted where pictures are
    assert drift_alone | kept < expected


def test_the_documentation_names_exactly_what_is_declared() -> None:
    declared = yaml.safe_load((ROOT / "metrics.yaml").read_text())
    names = {metric["name"] for section in declared.values() for kind in section.values() for metric in kind}
    rows = re.findall(r"^\| (`[^|]+) \|", (ROOT / "docs" / "metrics.md").read_text(), re.M)
    told = {name for row in rows for name in re.findall(r"`(\w+)`", row)} - {"digit", "confidence", "ink"}  # the table of drift
    assert {re.sub("_(bucket|sum|count)$", "", name) for name in names} | set(HELP) == told


def test_no_two_metrics_share_a_list_of_labels_by_an_anchor() -> None:
    assert "&" not in (ROOT / "metrics.yaml").read_text()


def test_a_first_batch_is_counted_exactly(counted: Metrics, read: Read) -> None:
    record(counted, Question((given(),), "one"), Question((given(), BlankPicture("no ink"), given()), "many"), TooLarge("too large"))
    counted.flush()
    found = read()
    assert found[series("batch_requests_sum")] == 3
    assert found[series("batch_requests_bucket", "le:4.0")] == found[series("batch_requests_count")] == 1
    assert series("batch_requests_bucket", "le:2.0") not in found
    assert found[series("request_pictures_count")] == 2
    assert found[series("request_pictures_sum")] == 4
    assert found[series("predictions_total", "digit:7")] == found[series("confidence_count")] == 3
    assert series("predictions_total", "digit:6") not in found
    assert found[series("errors_total", "type:BlankPicture,code:422")] == 1
    assert found[series("errors_total", "type:TooLarge,code:413")] == 1
    assert found[series("decode_seconds_sum")] == pytest.approx(0.002, rel=1e-6)
    assert found[series("canvas_seconds_sum")] == pytest.approx(0.001, rel=1e-6)
    assert found[series("inference_seconds_sum")] == pytest.approx(0.006, rel=1e-6)
    assert found[series("handler_seconds_sum")] == pytest.approx(0.0094, rel=1e-6)
    assert found[series("handler_seconds_sum")] == found[series("worker_busy_seconds_total", "worker:0")]


def test_a_batch_is_counted_once(counted: Metrics, read: Read) -> None:
    record(counted, Question((given(),), "one"))
    counted.flush()
    read()
    counted.flush()
    assert set(read()) == {series("worker_resident_bytes", "worker:0")}


def test_what_is_not_accepted_is_counted_by_its_reason(counted: Metrics, read: Read) -> None:
    now = time.perf_counter()
    predicted = [prediction(1), *(prediction(2, 0.3, reason=reason) for reason in (NO_DIGIT, SEVERAL, NO_DIGIT))]
    counted.record([predicted], [given()] * 4, predicted, Clock(now, now, now, now, 0.0))
    counted.flush()
    found = read()
    assert {reason: found.get(series("not_accepted_total", f"reason:{reason}"), 0) for reason in REASONS} == {
        SEVERAL: 1,
        NO_DIGIT: 2,
        UNSURE: 0,
    }


def test_a_batch_without_pictures_has_no_time_of_canvas_or_inference(counted: Metrics, read: Read) -> None:
    record(counted, BlankPicture("no ink"), Question((), "many"))
    counted.flush()
    found = read()
    assert not {series(f"{name}_count") for name in ("canvas_seconds", "inference_seconds", "request_pictures")} & set(found)
    assert found[series("batch_requests_sum")] == 2


def test_counts_reach_the_frontend_by_themselves(counted: Metrics, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "FLUSH_S", 0.01)
    record(counted, Question((given(),), "one"))
    deadline, found = time.monotonic() + 10, {}
    while not found and time.monotonic() < deadline:
        time.sleep(0.01)
        found = read()
    assert found[series("predictions_total", "digit:7")] == 1


def test_drift_is_told_once_there_are_pictures_enough(counted: Metrics, read: Read) -> None:
    for _ in range(WINDOW // 64):
        record(counted, Question(tuple(given() for _ in range(64)), "many"), confidence=0.7)
    counted.flush()
    found = read()
    assert min(found[series("drift_psi", f"worker:0,statistic:{name}")] for name in ("digit", "confidence", "ink")) > 1


def test_drift_looks_at_the_first_pictures_of_many(counted: Metrics, read: Read) -> None:
    alike = Question(tuple(given(20 + i % 31) for i in range(WINDOW)), "many")  # CARD's ink and confidence
    unlike = Question(tuple(given(255) for _ in range(WINDOW)), "many")
    told = [series("drift_psi", f"worker:0,statistic:{name}") for name in ("confidence", "ink")]
    record(counted, alike)
    record(counted, unlike, confidence=0.7)
    counted.flush()
    found = read()
    assert found[series("confidence_count")] == 2 * WINDOW
    assert max(found[name] for name in told) < 0.1
    record(counted, unlike, confidence=0.7)
    counted.flush()
    found = read()
    assert min(found[name] for name in told) > 1


def test_a_card_without_a_reference_is_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "digitkit.serving.metrics")
    worker(reference={})
    assert "the card of digits has no reference: its drift is not watched" in caplog.text


@pytest.mark.parametrize(
    ("place", "provider"),
    [("cpu", "cpu"), ("cuda:1", "cuda"), ("CUDAExecutionProvider", "cuda"), ("TensorrtExecutionProvider", "tensorrt")],
)
def test_exactly_the_provider_that_answers_is_1(place: str, provider: str, read: Read) -> None:
    worker(place=place, fell_back=True)
    found = read()
    names = ("cpu", "cuda", "tensorrt")
    assert {name for name in names if found[series("worker_provider", f"worker:0,provider:{name}")]} == {provider}
    assert found[series("worker_fell_back", "worker:0")] == 1


def test_every_error_a_client_can_meet_is_counted_under_its_name() -> None:
    def below(kind: type[DigitError]) -> Iterator[type[DigitError]]:
        for child in kind.__subclasses__():
            yield child
            yield from below(child)

    assert set(ERRORS) == {kind for kind in below(DigitError) if kind.__module__ == "digitkit.errors"}


def test_mean_ink_is_numpys() -> None:
    canvases = list(np.random.default_rng(0).integers(256, size=(9, 28, 28), dtype=np.uint8))
    assert mean_ink(canvases) == pytest.approx(np.stack(canvases).mean(axis=(1, 2)), abs=1e-3)
    assert mean_ink([]).shape == (0,)


@pytest.mark.parametrize(
    ("arguments", "number"),
    [("worker.py --sock-type unix --sock-name /tmp/.ts.sock.9001 --metrics-config m", "9001"), ("--port 9000", "9000"), ("pytest -q", "0")],
)
def test_a_worker_is_named_by_its_sockets_number(arguments: str, number: str) -> None:
    assert worker_number(arguments.split()) == number


def test_resident_memory_is_psutils() -> None:
    assert resident_bytes() == pytest.approx(psutil.Process().memory_info().rss, rel=0.05)
