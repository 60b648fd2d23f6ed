"""A server under load: from wrk if it is installed, otherwise from the bundled driver. Both check every answer."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("check.lua")
CORES = len(os.sched_getaffinity(0))  # those that this process may use, which in a container are fewer than the machine has
WRK_THREADS = max(1, CORES // 2)  # the other half of the cores is the server's
RUN = 4  # how often wrk sends a picture for each of its connections before it goes on to the next picture
GRACE_S = 40.0  # for the last answers and for the process itself
TIMEOUT_S = 30


class LoadError(Exception):
    """The load generator itself failed."""


@dataclass(frozen=True, slots=True)
class LoadResult:
    """The result of one load.

    Attributes:
        right: answers with the digits that their request expects.
        refused: answers with a status other than 200, and broken connections.
        wrong: answers with other digits.
        seconds: how long the load took.
        p50_ms, p99_ms: latencies of all answers, including refusals.
    """

    right: int
    refused: int
    wrong: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def answers_s(self) -> float:
        """Right answers a second."""
        return self.right / self.seconds

    @property
    def refused_share(self) -> float:
        return self.refused / max(1, self.right + self.refused + self.wrong)


def find_wrk() -> str | None:
    return shutil.which("wrk")


def with_wrk(requests: Path, port: int, connections: int, seconds: float) -> LoadResult:
    """A load by wrk, which takes whole seconds; raises LoadError."""
    threads = min(WRK_THREADS, connections)
    command = [
        *("wrk", f"-t{threads}", f"-c{connections}", f"-d{max(1, round(seconds))}s", f"--timeout={TIMEOUT_S}s"),
        *("-s", str(SCRIPT), f"http://127.0.0.1:{port}/", "--", str(requests), str(RUN * connections // threads)),
    ]
    return _run(command, seconds)


def with_driver(requests: Path, port: int, connections: int, seconds: float) -> LoadResult:
    """A load by the bundled driver; raises LoadError."""
    command = [sys.executable, "-m", "bench.generators.driver", str(requests), "--port", str(port)]
    return _run([*command, "--connections", str(connections), "--seconds", str(seconds)], seconds)


def _run(command: Sequence[str], seconds: float) -> LoadResult:
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=seconds + GRACE_S, check=True)
        return LoadResult(**json.loads(ended.stdout.splitlines()[-1]))
    except subprocess.CalledProcessError as err:
        raise LoadError(f"{Path(command[0]).name} ended with {err.returncode}: {err.stderr.strip() or err.stdout.strip()}") from err
    except (subprocess.TimeoutExpired, ValueError, IndexError) as err:
        raise LoadError(f"{Path(command[0]).name} gave no result: {err}") from err
