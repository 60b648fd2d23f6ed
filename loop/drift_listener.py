"""Begins a round of the loop when the drift alert fires: `python -m loop.drift_listener`, or make loop-on-drift.

It listens on loopback for what Alertmanager posts: make monitor WEBHOOK=http://127.0.0.1:8087 sends it there. While a round is going on,
and for some hours after it began, further alerts begin no other: Alertmanager repeats them for as long as the pictures are unlike.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

ALERT = "DigitsDrift"
LOOPBACK, PORT = "127.0.0.1", 8087
REST_HOURS = 24.0
LARGEST_BYTES = 1_000_000  # of what is posted
PASSED_OVER_BYTES, PART_BYTES = 16_000_000, 65_536  # of a larger message, so that its sender hears why it is refused; and at a time
TIMEOUT_S = 10.0  # without a byte of a message


def is_drift(body: bytes) -> bool:
    """Whether Alertmanager says that the drift alert fires; False for whatever else is posted."""
    try:
        alerts = json.loads(body)["alerts"]
        return any(each["status"] == "firing" and each["labels"]["alertname"] == ALERT for each in alerts)
    except (ValueError, KeyError, TypeError):
        return False


class Rounds:
    """Begins rounds, one at a time and none too soon after another.

    Args:
        begin: starts a round, and returns its process.
        rest_s: from the beginning of a round to the earliest next.
    """

    def __init__(self, begin: Callable[[], "subprocess.Popen[bytes]"], rest_s: float) -> None:
        self._begin, self._rest_s = begin, rest_s
        self._round: subprocess.Popen[bytes] | None = None
        self._began_s = -rest_s

    def alerted(self) -> str:
        """Begin a round if it is time; what was done, in words."""
        if self._round is not None and self._round.poll() is None:
            return "a round is going on"
        if time.monotonic() - self._began_s < self._rest_s:
            return "the last round began too short a time ago"
        self._round, self._began_s = self._begin(), time.monotonic()
        return "a round has begun"


def handler(rounds: Rounds) -> type[BaseHTTPRequestHandler]:
    """The class that answers posts; whoever posts an alert is told what was done."""

    class Alerted(BaseHTTPRequestHandler):
        timeout = TIMEOUT_S

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if not length.isdecimal() or int(length) > LARGEST_BYTES:
                self._pass_over(int(length) if length.isdecimal() else 0)
                self.send_error(413, f"a Content-Length of up to {LARGEST_BYTES} is accepted")
                return
            told = rounds.alerted() if is_drift(self.rfile.read(int(length))) else "that is no drift alert"
            print(told, flush=True)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(f"{told}\n".encode())

        def _pass_over(self, length: int) -> None:
            """Read what is refused: who is cut off while it sends never reads an answer."""
            left = min(length, PASSED_OVER_BYTES)
            while left > 0 and (part := self.rfile.read(min(left, PART_BYTES))):
                left -= len(part)

        def log_message(self, format: str, *args: Any) -> None:
            """Print nothing of each request: what was done is printed."""

    return Alerted


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="loop.drift_listener", description=__doc__.partition("\n\n")[0])
    parser.add_argument("--listen", type=int, default=PORT, help="port on loopback (%(default)s)")
    parser.add_argument("--rest-hours", type=float, default=REST_HOURS, help="from a round to the earliest next (%(default)s)")
    parser.add_argument("round", nargs=argparse.REMAINDER, help="-- and the flags of loop.round")
    flags = parser.parse_args(arguments)
    command = [sys.executable, "-m", "loop.round", "--cause", "drift", *(flag for flag in flags.round if flag != "--")]
    rounds = Rounds(lambda: subprocess.Popen(command), 3600 * flags.rest_hours)
    try:
        server = HTTPServer((LOOPBACK, flags.listen), handler(rounds))
    except OSError as err:
        sys.exit(f"{parser.prog}: port {flags.listen} cannot be used ({err.strerror}); choose another with --listen")
    print(f"{ALERT} at http://{LOOPBACK}:{flags.listen} begins a round of the loop; Ctrl-C ends it", flush=True)
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("ended; a round that is going on goes on")


if __name__ == "__main__":
    main()
