"""What can only be seen from outside the workers: `python -m deploy.monitoring.probe` serves it on port 9115, loopback by default.

GET /ready says whether every model answers, /ready/MODEL whether one does: 200 or 503, for load balancers, without a token.
GET /metrics is for Prometheus: each scrape asks every model for a picture whose answer is known, counts its workers that are READY,
and reads when the tokens expire. `python -m deploy.monitoring.probe check` asks once, and ends with 0 or 1.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests

from deploy.model_list import LIST, ListedModel
from deploy.monitoring.ready import TIMEOUT_S, Readiness, why_not_ready
from deploy.server import ROOT, Server, ServerError
from deploy.settings.server_flags import add_server_flags

PORT = 9115
LOOPBACK = "127.0.0.1"
SCRAPE_TIMEOUT_S = 4.0  # a scrape has five seconds
READY, METRICS = "/ready", "/metrics"
JSON, EXPOSITION = "application/json", "text/plain; version=0.0.4"

HELP = {
    "digits_probe_success": "Whether the model read the known picture correctly.",
    "digits_probe_duration_seconds": "Seconds until it answered.",
    "digits_workers_ready": "Workers of the model that are READY.",
    "digits_workers_wanted": "Workers that the model should have at least.",
    "digits_token_expires_timestamp_seconds": "When the token expires, in seconds since 1970.",
}

Sample = tuple[str, str, float]  # metric, its label, value


def probe(server: Server, models: Iterable[ListedModel]) -> Iterator[Sample]:
    """The samples for Prometheus; what cannot be found out is left out, and a model that does not answer counts as failed."""
    for model in models:
        label, started = f'model_name="{model.name}"', time.perf_counter()
        yield "digits_probe_success", label, not why_not_ready(server, model, SCRAPE_TIMEOUT_S)
        yield "digits_probe_duration_seconds", label, time.perf_counter() - started
        yield from workers(server, model.name, label)
    for kind, expires in expiries(server).items():
        yield "digits_token_expires_timestamp_seconds", f'kind="{kind}"', expires


def workers(server: Server, model: str, label: str) -> Iterator[Sample]:
    try:
        told = server.describe(model)
        ready = sum(worker["status"] == "READY" for worker in told["workers"])
    except (requests.RequestException, ServerError, ValueError, KeyError):  # no server, no token, no JSON, no workers in it
        return
    yield "digits_workers_ready", label, ready
    yield "digits_workers_wanted", label, told["minWorkers"]


def expiries(server: Server) -> dict[str, float]:
    """When each token expires, in seconds since 1970; empty if there is no key file."""
    try:
        keys = json.loads((server.folder / "key_file.json").read_text())
        return {kind: datetime.fromisoformat(key["expiration time"]).timestamp() for kind, key in keys.items() if "expiration time" in key}
    except (OSError, ValueError):
        return {}


def exposition(samples: Iterator[Sample]) -> str:
    """Samples in Prometheus' text format, grouped by metric below its help text."""
    rows = list(samples)
    lines = []
    for name, text in HELP.items():
        lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge"]
        lines += [f"{name}{{{label}}} {float(value)}" for metric, label, value in rows if metric == name]
    return "\n".join(lines) + "\n"


def verdict(why: Mapping[str, str]) -> tuple[int, str]:
    """The status and the body that say which models are ready, and why others are not."""
    reasons = {model: reason for model, reason in why.items() if reason}
    told = {"ready": not reasons, "models": {model: not reason for model, reason in why.items()}}
    return (503, json.dumps(told | {"why": reasons})) if reasons else (200, json.dumps(told))


class Probe(ThreadingHTTPServer):
    """Serves /ready and /metrics for `server` on an address of this machine, (host, port)."""

    def __init__(self, address: tuple[str, int], server: Server, timeout_s: float = TIMEOUT_S) -> None:
        super().__init__(address, _Answers)
        self.watched, self.models = server, server.known()
        self.readiness = Readiness(server, timeout_s)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print no traceback when a load balancer closes the connection as soon as it has read the status."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Answers(BaseHTTPRequestHandler):
    server: Probe
    timeout = 5  # seconds that a client may take for its request

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        readiness = self.server.readiness
        if path == METRICS:
            self._send(200, EXPOSITION, exposition(probe(self.server.watched, self.server.models)))
        elif path == READY:
            self._send_verdict(readiness.models)
        elif path.removeprefix(f"{READY}/") in readiness.models:
            self._send_verdict((path.removeprefix(f"{READY}/"),))
        else:
            known = ", ".join([METRICS, READY, *(f"{READY}/{model}" for model in readiness.models)])
            self._send(404, JSON, json.dumps({"code": 404, "type": "NotFound", "message": f"there are {known}"}))

    do_HEAD = do_GET  # noqa: N815 - as http.server wants it; some load balancers ask so

    def _send_verdict(self, models: tuple[str, ...]) -> None:
        status, body = verdict(self.server.readiness.why_not(models))
        self._send(status, JSON, body)

    def _send(self, status: int, content_type: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *values: object) -> None:
        """Log nothing, because a line for each scrape would be of no use."""


def check(server: Server, timeout_s: float) -> None:
    """Print that every model is ready, or end with exit code 1 and the reasons why some are not."""
    readiness = Readiness(server, timeout_s)
    reasons = {model: why for model, why in readiness.why_not(readiness.models).items() if why}
    if reasons:
        sys.exit(f"deploy.monitoring.probe: not ready: {'; '.join(f'{model}: {why}' for model, why in reasons.items())}")
    print(f"ready: {', '.join(readiness.models)}")


def address(text: str) -> tuple[str, int]:
    """The host and the port of `PORT` or `HOST:PORT`; raises ValueError."""
    host, _, port = text.rpartition(":")
    return host or LOOPBACK, int(port)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="deploy.monitoring.probe", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", nargs="?", choices=("serve", "check"), default="serve")
    add_server_flags(parser)
    parser.add_argument("--state", type=Path, default=Server.state, help="folder with the server's tokens, in PORT/key_file.json")
    parser.add_argument("--store", type=Path, default=ROOT / "model_store", help="folder whose archives name the models")
    parser.add_argument("--model-list", type=Path, default=LIST, help="list that says how each model must answer its known picture")
    parser.add_argument("--listen", type=address, default=(LOOPBACK, PORT), help="PORT or HOST:PORT of the probe itself")
    parser.add_argument("--timeout", type=float, default=TIMEOUT_S, help="seconds within which a model must answer to count as ready")
    flags = parser.parse_args()
    server = Server(flags.port, flags.store, flags.state, models=flags.models, model_list=flags.model_list)
    try:
        if flags.action == "check":
            check(server, flags.timeout)
        else:
            with Probe(flags.listen, server, flags.timeout) as listening:
                listening.serve_forever()
    except ServerError as err:
        sys.exit(f"{parser.prog}: {err}")
    except (OSError, OverflowError) as err:  # OverflowError means that the number is not a port
        sys.exit(f"{parser.prog}: {':'.join(map(str, flags.listen))}: {err}")
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
