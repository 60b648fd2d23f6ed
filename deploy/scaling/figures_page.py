"""The metrics of deploy.autoscale itself, and the page on which Prometheus finds them."""

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

WORKERS, QUEUE, SHARE = "digits_autoscale_workers", "digits_autoscale_queue_seconds", "digits_autoscale_busy_share"
CHANGES, FAILURES = "digits_autoscale_changes_total", "digits_autoscale_failures_total"
HELP: Final = {
    WORKERS: "Workers that the model has.",
    QUEUE: "Average seconds that a request waited for a worker, since the reading before.",
    SHARE: "The share of the time in which a worker was busy, averaged over the workers.",
    CHANGES: "Workers that were added and taken away.",
    FAILURES: "Readings and changes that failed.",
}


@dataclass(slots=True)
class AutoscaleFigures:
    """The metrics of this command; the thread that serves them reads while the other writes."""

    samples: dict[tuple[str, str], float] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def set(self, name: str, labels: str, value: float) -> None:
        with self.lock:
            self.samples[name, labels] = value

    def count(self, name: str, labels: str) -> None:
        with self.lock:
            self.samples[name, labels] = self.samples.get((name, labels), 0.0) + 1

    def text(self) -> str:
        """In Prometheus' text format."""
        with self.lock:
            rows = sorted(self.samples.items())
        lines = []
        for name, told in HELP.items():
            lines += [f"# HELP {name} {told}", f"# TYPE {name} {'counter' if name.endswith('_total') else 'gauge'}"]
            lines += [f"{metric}{{{labels}}} {value}" for (metric, labels), value in rows if metric == name]
        return "\n".join(lines) + "\n"


class AutoscalePage(ThreadingHTTPServer):
    """Serves figures at /metrics of an address of this machine, (host, port), in a thread of its own."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], figures: AutoscaleFigures) -> None:
        super().__init__(address, _Page)
        self.figures = figures
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Page(BaseHTTPRequestHandler):
    server: AutoscalePage
    timeout = 5  # seconds that a client may take for its request

    def do_GET(self) -> None:
        is_known = self.path.partition("?")[0] == "/metrics"
        body = self.server.figures.text().encode() if is_known else b"there is /metrics\n"
        self.send_response(200 if is_known else 404)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *values: object) -> None:
        """Log nothing, because a line for each scrape would be of no use."""
