"""One round of the loop: `python -m loop.round`, or make loop. A timer or a drift alert starts it, by itself or by deploy/loop.

The served weights learn from what people say of kept pictures (make retrain), the gates judge what came of it (make judge), and what
passes is promoted (make promote). Each step is one of make's commands, so that whoever wants to may do the same by hand. The first one
that fails ends the round: the served weights go on, and its last lines are the reason. A summary goes to a webhook, which can be slow
or away without harm.
"""

import argparse
import json
import os
import subprocess
import sys
import urllib.request
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from testbed.command import EXIT_FAILED
from testbed.exclusive import AlreadyRunning, exclusive

LOCK = Path("run/loop.lock")
RUN = Path("runs/retrained")
CHAMPION = Path("model_store/champion.pt")  # the weights that were promoted last
FIRST = Path("runs/quick/digits.pt")  # before any were
DONE = {"retrain": "retrained", "judge": "passed its gates", "promote": "promoted"}
REASON_LINES = 5  # of the step that failed, in the summary
WEBHOOK_TIMEOUT_S = 10.0
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Step:
    """One of make's commands.

    Attributes:
        target: its name.
        variables: what make is told, as NAME=value.
    """

    target: str
    variables: tuple[str, ...]


@dataclass(slots=True)
class RoundSummary:
    """What a round came to.

    Attributes:
        cause: why it was begun.
        outcome: how far it came, or the step that ended it.
        reason: the last lines of that step; "" where none failed.
        minutes: how long each step took, by its name.
    """

    cause: str
    began: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    outcome: str = ""
    reason: str = ""
    minutes: dict[str, float] = field(default_factory=dict)


def steps(store: str, champion: str, server: Sequence[str], by: str) -> list[Step]:
    """What a round does, in this order.

    Args:
        store: the folder with the kept pictures.
        champion: the weights that are served.
        server: what make is told of the server: PORT=…, MODELS=….
    """
    return [
        Step("retrain", (f"COLLECTED={store}", f"WEIGHTS={champion}")),
        Step("judge", (f"CHAMPION={champion}", f"CHALLENGER={RUN}/digits.pt")),
        Step("promote", (f"RUN={RUN}", f"BY={by}", *server)),
    ]


def work(planned: Sequence[Step], summary: RoundSummary, call: Callable[[Step], tuple[int, str]]) -> None:
    """Do the steps up to the first that fails, and note in the summary what became of them.

    Args:
        call: does one, and returns its exit code and its last lines.
    """
    for step in planned:
        began = datetime.now(UTC)
        code, printed = call(step)
        summary.minutes[step.target] = round((datetime.now(UTC) - began).total_seconds() / 60, 1)
        if code:
            summary.outcome, summary.reason = f"{step.target} failed", printed or f"exit code {code}"
            return
    summary.outcome = DONE.get(planned[-1].target, planned[-1].target)


def make(step: Step) -> tuple[int, str]:
    """Run make, show what it prints, and return its exit code and the last lines."""
    print(f"make {step.target}", flush=True)
    last: deque[str] = deque(maxlen=REASON_LINES)
    command = ["make", "--no-print-directory", step.target, *step.variables]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace") as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            last.append(line.rstrip())
    return process.returncode, "\n".join(last)


def tell(webhook: str, summary: RoundSummary) -> str:
    """Post the summary as JSON; why that failed, or "". It never fails a round, and waits for no longer than WEBHOOK_TIMEOUT_S."""
    body = json.dumps(asdict(summary) | {"text": f"digits, {summary.cause}: {summary.outcome} {summary.reason}".strip()}).encode()
    try:
        request = urllib.request.Request(webhook, body, {"Content-Type": "application/json"})
        with NO_PROXY.open(request, timeout=WEBHOOK_TIMEOUT_S):
            return ""
    except (OSError, ValueError) as err:  # what is wrong with its address, and with whoever listens there
        return f"the summary was not taken by the webhook: {type(err).__name__}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="loop.round", description=__doc__.partition("\n\n")[0])
    parser.add_argument("--store", required=True, help="the folder with the kept pictures, collect.store of model-config.yaml")
    parser.add_argument("--champion", help=f"the weights that are served (default: {CHAMPION}, or {FIRST} before the first promotion)")
    parser.add_argument("--cause", default="by hand", help="why, for the summary: timer, drift (%(default)s)")
    parser.add_argument("--by", default="loop", help="who promotes, for the record (%(default)s)")
    parser.add_argument("--until", choices=DONE, default="promote", help="the last step (%(default)s)")
    parser.add_argument("--server", nargs="*", default=[], help="what make is told of the server: PORT=18080 MODELS=digits_onnx")
    flags = parser.parse_args()
    champion = flags.champion or str(CHAMPION if CHAMPION.is_file() else FIRST)
    planned = steps(flags.store, champion, flags.server, flags.by)[: list(DONE).index(flags.until) + 1]
    summary = RoundSummary(flags.cause)
    try:
        with exclusive(LOCK, "a round of the loop"):
            work(planned, summary, make)
    except (AlreadyRunning, OSError) as err:
        sys.exit(f"{parser.prog}: {err}")
    if webhook := os.environ.get("DIGITS_WEBHOOK"):
        print(tell(webhook, summary) or "the webhook has the summary")
    print(f"{flags.cause}: {summary.outcome}")
    sys.exit(EXIT_FAILED if summary.reason else 0)


if __name__ == "__main__":
    main()
