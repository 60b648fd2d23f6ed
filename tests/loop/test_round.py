"""A round of the loop: its steps, its lock, its summary, and what begins one."""

import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from loop import drift_listener, round
from loop.drift_listener import Rounds, handler, is_drift
from loop.round import RoundSummary, Step, make, steps, tell, work
from testbed.exclusive import AlreadyRunning, exclusive

ROOT = Path(__file__).resolve().parents[2]
PLANNED = steps("kept", "digits.pt", ["PORT=18080"], "anna")
FIRING = {"status": "firing", "labels": {"alertname": "DigitsDrift"}}


def test_a_round_retrains_judges_and_promotes_the_same_weights() -> None:
    done: list[Step] = []
    summary = RoundSummary("timer")
    work(PLANNED, summary, lambda step: (done.append(step), (0, ""))[1])
    assert done == [
        Step("retrain", ("COLLECTED=kept", "WEIGHTS=digits.pt")),
        Step("judge", ("CHAMPION=digits.pt", "CHALLENGER=runs/retrained/digits.pt")),
        Step("promote", ("RUN=runs/retrained", "BY=anna", "PORT=18080")),
    ]
    assert (summary.outcome, summary.reason, list(summary.minutes)) == ("promoted", "", ["retrain", "judge", "promote"])


def test_the_first_step_that_fails_ends_the_round_with_its_last_lines() -> None:
    summary = RoundSummary("drift")
    work(PLANNED, summary, lambda step: (2, "not to be promoted: worst group") if step.target == "judge" else (0, ""))
    assert (summary.outcome, summary.reason) == ("judge failed", "not to be promoted: worst group")
    assert list(summary.minutes) == ["retrain", "judge"]


def test_make_is_run_and_the_end_of_what_it_prints_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Makefile").write_text("judge:\n\t@seq 9; echo $(CHALLENGER); exit 3\n")
    monkeypatch.chdir(tmp_path)
    code, printed = make(Step("judge", ("CHALLENGER=new weights",)))
    assert code == 2
    assert printed.splitlines()[:3] == ["7", "8", "9"] or "new weights" in printed


def test_every_step_is_a_command_of_make_where_it_is_built() -> None:
    targets = {line.partition(":")[0] for line in (ROOT / "Makefile").read_text().splitlines() if line[:1].isalpha()}
    assert {"promote", "loop", "loop-on-drift"} <= targets
    assert [step.target for step in PLANNED] == list(round.DONE)


def test_two_rounds_never_run_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(round, "LOCK", tmp_path / "run" / "lock")
    monkeypatch.setattr(sys, "argv", ["loop.round", "--store", "kept"])
    with exclusive(tmp_path / "run" / "lock", "a round of the loop"), pytest.raises(SystemExit, match="is going on already"):
        round.main()


def test_a_lock_is_free_again_once_its_process_was_killed(tmp_path: Path) -> None:
    script = "import sys, time; from pathlib import Path; from testbed.exclusive import exclusive\n"
    script += "with exclusive(Path(sys.argv[1]), 'a test'): print('held', flush=True); time.sleep(600)"
    lock = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", script, str(lock)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(AlreadyRunning, match="a test is going on already"), exclusive(lock, "a test"):
            pass
        process.kill()
    with exclusive(lock, "a test"):
        pass


@contextmanager
def posted_to(answering: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a server of one class."""
    with HTTPServer(("127.0.0.1", 0), answering) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_the_summary_is_posted_and_a_webhook_that_refuses_it_or_is_away_fails_nothing() -> None:
    heard: list[dict[str, Any]] = []

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(500 if self.path == "/refuses" else 200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    summary = RoundSummary("timer", outcome="judge failed", reason="worst group", minutes={"judge": 1.5})
    with posted_to(Webhook) as url:
        assert tell(url, summary) == ""
        assert tell(f"{url}/refuses", summary) == "the summary was not taken by the webhook: HTTPError"
    assert heard[0] == heard[1]
    assert heard[0]["text"] == "digits, timer: judge failed worst group"
    assert heard[0]["minutes"] == {"judge": 1.5}
    assert tell("http://127.0.0.1:9", summary) == "the summary was not taken by the webhook: URLError"
    assert tell("no address", summary) == "the summary was not taken by the webhook: ValueError"


@pytest.mark.parametrize(
    ("posted", "expected"),
    [
        ({"alerts": [{"status": "firing", "labels": {"alertname": "DigitsSlow"}}, FIRING]}, True),
        ({"alerts": [FIRING | {"status": "resolved"}]}, False),
        ({"alerts": []}, False),
        ({"alerts": [{}]}, False),
        ([], False),
        ("x", False),
    ],
)
def test_only_a_firing_drift_alert_is_one(posted: Any, expected: bool) -> None:
    assert is_drift(json.dumps(posted).encode()) == expected
    assert not is_drift(b"{")


def test_a_drift_alert_begins_one_round_and_the_next_only_after_a_rest() -> None:
    begun: list[subprocess.Popen[bytes]] = []

    def begin() -> "subprocess.Popen[bytes]":
        begun.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))
        return begun[-1]

    rounds = Rounds(begin, rest_s=600)
    body = json.dumps({"alerts": [FIRING]}).encode()
    with posted_to(handler(rounds)) as url:

        def post(content: bytes) -> str:
            return str(urllib.request.urlopen(urllib.request.Request(url, content), timeout=20).read().decode().strip())

        try:
            assert post(b"{}") == "that is no drift alert"
            assert [post(body), post(body)] == ["a round has begun", "a round is going on"]
            begun[0].communicate(b"\n", timeout=60)
            assert post(body) == "the last round began too short a time ago"
            with pytest.raises(urllib.error.HTTPError, match="413"):
                post(b" " * (drift_listener.LARGEST_BYTES + 1))
        finally:
            begun[0].kill()
    assert len(begun) == 1


def test_the_examples_for_systemd_and_kubernetes_call_a_round_as_it_is() -> None:
    (line,) = [each for each in (ROOT / "deploy/systemd/digits-loop.service").read_text().splitlines() if each.startswith("ExecStart=")]
    job = yaml.safe_load((ROOT / "deploy/kubernetes/loop-cronjob.yaml").read_text())
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    known = (ROOT / "loop" / "round.py").read_text()
    for command in (line.removeprefix("ExecStart=").split(), [*container["command"], *container["args"]]):
        assert command[1:3] == ["-m", "loop.round"]
        assert [flag for flag in command if flag.startswith("--") and f'add_argument("{flag}"' not in known] == []
