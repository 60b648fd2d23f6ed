"""What only somebody outside of the workers can tell, for Prometheus: `python -m deploy.probe`.

Each scrape asks every model for a digit that is known, counts its workers that are READY, and reads when the tokens expire.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import requests

from deploy.config import to_port
from deploy.local import client
from deploy.server import MODELS, Server, ServerError
from digitkit.picture import encode_png

PORT = 9115
TIMEOUT_S = 4.0  # a scrape has five seconds
DIGIT = 7
NOT_ANSWERED = (requests.RequestException, ServerError, ValueError, KeyError)  # no server, no token, no JSON, no digit in it

HELP = {
    "digits_probe_success": "Whether the model read the known digit right.",
    "digits_probe_duration_seconds": "Seconds until it answered.",
    "digits_workers_ready": "Workers of the model that are READY.",
    "digits_workers_wanted": "Workers that the model is to have at least.",
    "digits_token_expires_timestamp_seconds": "When the token expires, in seconds since 1970.",
}

Sample = tuple[str, str, float]  # metric, its label, value


def draw_digit() -> bytes:
    """A PNG of DIGIT, dark on light, 64 x 64."""
    paper = np.full((64, 64), 255, dtype=np.uint8)
    cv2.putText(paper, str(DIGIT), (16, 50), cv2.FONT_HERSHEY_SIMPLEX, 1.6, 0, 4, cv2.LINE_AA)
    return encode_png(paper)


def probe(server: Server, picture: bytes) -> Iterator[Sample]:
    """What Prometheus is told; whatever cannot be found out is left out, and a probe without an answer has failed."""
    for model in MODELS:
        label, started = f'model_name="{model}"', time.perf_counter()
        yield "digits_probe_success", label, reads_right(server, model, picture)
        yield "digits_probe_duration_seconds", label, time.perf_counter() - started
        yield from workers(server, model, label)
    for kind, expires in expiries(server).items():
        yield "digits_token_expires_timestamp_seconds", f'kind="{kind}"', expires


def reads_right(server: Server, model: str, picture: bytes) -> bool:
    url = f"{server.inference}/predictions/{model}"
    try:
        with client() as session:
            answer = session.post(url, data=picture, headers=server.headers(), timeout=TIMEOUT_S)
        return answer.ok and bool(answer.json()["digit"] == DIGIT)
    except NOT_ANSWERED:
        return False


def workers(server: Server, model: str, label: str) -> Iterator[Sample]:
    try:
        told = server.describe(model)
        ready = sum(worker["status"] == "READY" for worker in told["workers"])
    except NOT_ANSWERED:
        return
    yield "digits_workers_ready", label, ready
    yield "digits_workers_wanted", label, told["minWorkers"]


def expiries(server: Server) -> dict[str, float]:
    """When each token expires, in seconds since 1970; none where there is no key file."""
    try:
        keys = json.loads((server.folder / "key_file.json").read_text())
        return {kind: datetime.fromisoformat(key["expiration time"]).timestamp() for kind, key in keys.items() if "expiration time" in key}
    except (OSError, ValueError):
        return {}


def exposition(samples: Iterator[Sample]) -> str:
    """Samples in Prometheus' text format, each metric's together under its help."""
    rows = list(samples)
    lines = []
    for name, text in HELP.items():
        lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge"]
        lines += [f"{name}{{{label}}} {float(value)}" for metric, label, value in rows if metric == name]
    return "\n".join(lines) + "\n"


def serve(server: Server, port: int) -> None:
    """Answer scrapes on loopback until the process is ended."""
    picture = draw_digit()

    class Scrapes(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = exposition(probe(server, picture)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *values: object) -> None:
            """Say nothing: a line for each scrape tells nobody anything."""

    with ThreadingHTTPServer(("127.0.0.1", port), Scrapes) as listening:
        listening.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(prog="deploy.probe", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=to_port, default="", help="of the server's inference API")
    parser.add_argument("--state", type=Path, default=Server.state, help="folder in which the server keeps its tokens, under its port")
    parser.add_argument("--listen", type=int, default=PORT, help="port of the probe's own /metrics")
    flags = parser.parse_args()
    try:
        serve(Server(flags.port, state=flags.state), flags.listen)
    except (OSError, OverflowError) as err:  # the second is of no port at all
        sys.exit(f"{parser.prog}: port {flags.listen}: {err}")
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
