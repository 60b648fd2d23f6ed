"""Prometheus and Alertmanager for real: a worker is killed under load, the alert fires, is delivered, and clears."""

import io
import json
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
from served import MODELS
from test_monitoring import NAME, panels, rules

from deploy.monitoring.monitor import PROMETHEUS, SOURCE, Monitor
from deploy.server import Server
from digitkit.counting.drift import LEAST
from digitkit.pictures.codec import encode_png
from training.data import mnist

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(
        shutil.which("prometheus") is None or shutil.which("prometheus-alertmanager") is None,
        reason="prometheus is not installed: apt-get install prometheus prometheus-alertmanager",
    ),
]

UNSERVED = {"quality: Numbers", "quality: Kept for labels"}  # panels of what this server does not have or do
WAIT_S = 60.0
KILLED = "digits_onnx"


def sixty_times_faster(text: str) -> str:
    """Rules and intervals in which a minute is a second; names like rate5m stay as they are."""
    text = re.sub(r"\b(\d+)h\b", lambda found: f"{60 * int(found[1])}s", re.sub(r"\b(\d+)m\b", r"\1s", text))
    return re.sub(r"_interval: 5s|group_wait: 10s", lambda found: found[0].partition(":")[0] + ": 1s", text)


class Webhook(ThreadingHTTPServer):
    """Keeps the alerts that it is sent, as (name, model, status)."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Deliveries)
        self.alerts: list[tuple[str, str, str]] = []


class Deliveries(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["alerts"]
        self.server.alerts += [(a["labels"]["alertname"], a["labels"].get("model_name", ""), a["status"]) for a in sent]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Tests are silent."""


@pytest.fixture(scope="module")
def webhook() -> Iterator[Webhook]:
    with Webhook() as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield listening
        listening.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def watching(server: Server, webhook: Webhook, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitor]:
    """Prometheus, Alertmanager and the probe beside the running server."""
    source = tmp_path_factory.mktemp("monitoring")
    for path in SOURCE.glob("*.yml"):
        (source / path.name).write_text(sixty_times_faster(path.read_text()))
    monitor = Monitor(server, source, webhook=f"http://127.0.0.1:{webhook.server_port}/alerts")
    started = monitor.start()
    try:
        yield monitor
    finally:
        monitor.stop()
        for process in started:
            process.wait()


@pytest.fixture(scope="module")
def load(server: Server, mnist_test: mnist.Split) -> Iterator[None]:
    """Both models are asked all the time: single pictures, one of ten of them broken, after a list that is long enough for drift."""
    ended = threading.Event()
    pictures = [encode_png(picture) for picture in mnist_test.pictures[:9]] + [b"no picture"]
    many = io.BytesIO()
    np.save(many, mnist_test.pictures[:LEAST])

    def ask() -> None:
        with httpx.Client(base_url=server.inference, headers=server.headers(), timeout=10) as client:
            for model in MODELS:
                client.post(f"/predictions/{model}", content=many.getvalue()).raise_for_status()
            while not ended.wait(0.02):
                for picture in pictures:
                    for model in MODELS:
                        with suppress(httpx.TransportError):  # what the killed worker had in hand may go unanswered, docs/faults.md
                            client.post(f"/predictions/{model}", content=picture)

    asking = threading.Thread(target=ask)
    asking.start()
    yield
    ended.set()
    asking.join()


def until(found: Callable[[], Any], what: str) -> Any:
    """What `found` returns, once that is something."""
    deadline = time.monotonic() + WAIT_S
    while not (value := found()):
        assert time.monotonic() < deadline, f"{what}: not within {WAIT_S:.0f} s"
        time.sleep(0.2)
    return value


def ask_prometheus(monitor: Monitor, path: str, **parameters: str) -> Any:
    answer = httpx.get(f"http://{monitor.address(PROMETHEUS)}/api/v1/{path}", params=parameters).json()
    assert answer["status"] == "success", answer
    return answer["data"]


def states(monitor: Monitor, alert: str) -> set[str]:
    """The states in which an alert is for the model whose worker is killed."""
    alerts = ask_prometheus(monitor, "alerts")["alerts"]
    return {a["state"] for a in alerts if a["labels"]["alertname"] == alert and a["labels"].get("model_name") == KILLED}


def test_every_metric_of_rules_and_dashboards_is_there_and_every_panel_shows_something(watching: Monitor, load: None) -> None:
    expressions = [*panels(), *((rule.get("alert") or rule["record"], rule["expr"]) for rule in rules())]
    asked = {name for place, expression in expressions if place not in UNSERVED for name in NAME.findall(expression)} - {"Requests5XX"}
    until(lambda: asked <= set(ask_prometheus(watching, "label/__name__/values")), "every metric that is asked for")
    silent = {"service: Answers by status", "service: Load test: requests", "service: Load test: answers"} | UNSERVED  # no 5xx, no Locust
    shown = [expression for place, expression in panels() if place not in silent]
    until(lambda: all(ask_prometheus(watching, "query", query=each)["result"] for each in shown), "something in every panel")


def test_the_probe_reads_the_digit_and_knows_the_workers_and_the_tokens(watching: Monitor) -> None:
    def value(query: str) -> float:
        result = ask_prometheus(watching, "query", query=query)["result"]
        return float(result[0]["value"][1]) if len(result) == 1 else 0.0

    until(lambda: value("count(digits_probe_success == 1)") == len(MODELS), "both models read the known digit")
    assert value("count(digits_workers_ready == digits_workers_wanted)") == len(MODELS)
    assert 23 * 3600 < value('digits_token_expires_timestamp_seconds{kind="inference"} - time()') < 24 * 3600


def test_a_killed_workers_alert_fires_is_delivered_and_clears(watching: Monitor, webhook: Webhook, server: Server, load: None) -> None:
    alert = "DigitsWorkerRestarted"
    until(lambda: not states(watching, alert), "no restart at first")
    psutil.Process(int(server.describe(KILLED)["workers"][0]["pid"])).kill()
    until(lambda: "firing" in states(watching, alert), "the alert fires")
    until(lambda: (alert, KILLED, "firing") in webhook.alerts, "the webhook is told")
    until(lambda: not states(watching, alert), "the alert clears")
    until(lambda: (alert, KILLED, "resolved") in webhook.alerts, "the webhook is told that it is over")
    assert server.is_ready(KILLED)


def test_what_was_started_is_ended(server: Server, watching: Monitor) -> None:
    started = watching.processes()
    assert len(started) == 3
    assert watching.stop()
    assert all(process.status() == psutil.STATUS_ZOMBIE for process in started if process.is_running())  # until their parent waits
    assert list(watching.folder.glob("*.pid")) == []
