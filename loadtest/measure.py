"""One target under load: Locust runs in a process of its own, where gevent may patch what it likes."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from loadtest.figures import Result, read_result

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
WARM_UP_S = 2  # users come in one second after another; what they measure until all are there is dropped
STOP_S = 15  # at the end every request is waited for, longer than its timeout: a server that hangs is not let off
GRACE_S = 90  # for Locust to start, to ask for all pictures once, and to stop


class MeasureError(Exception):
    """Locust ended without a result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How a server is loaded.

    Attributes:
        host: of the inference API, as http://127.0.0.1:8080.
        users: who send at the same time, each one picture after the other.
        seconds: that are measured for each target, after the warm-up.
        data_root: the folder that holds MNIST/raw.
    """

    host: str
    users: int
    seconds: int
    data_root: Path


def measure(model: str, load: Load, token: str, folder: Path) -> Result:
    """What one model does under load; Locust's own report is left at `folder`/`model`.html.

    Raises:
        MeasureError: Locust ended without a result, or no request was answered in time.
    """
    path = folder / f"{model}.result.json"
    command = [
        *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--host", load.host, "--model", model),
        *("--data-root", str(load.data_root), "--result", str(path), "--html", str(folder / f"{model}.html")),
        *("--headless", "--only-summary", "--reset-stats", "--loglevel", "ERROR"),
        *("--users", str(load.users), "--spawn-rate", str(load.users / (WARM_UP_S + 1))),
        *("--run-time", f"{WARM_UP_S + load.seconds}s", "--stop-timeout", str(STOP_S)),
    ]
    environment = os.environ | {"TOKEN": token}  # not an argument: those are for all to see in the list of processes
    try:
        ended = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=load.seconds + GRACE_S
        )
    except subprocess.TimeoutExpired as err:
        raise MeasureError(f"Locust did not end within {err.timeout:.0f} s") from err
    if not path.is_file():
        raise MeasureError(f"Locust ended with {ended.returncode}: {last_line(ended.stderr)}")
    result = read_result(path)
    path.unlink()
    if not result.requests:
        raise MeasureError(f"not one request to {model} was answered in {load.seconds} s")
    return result


def last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2]
