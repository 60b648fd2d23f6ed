"""One target under load: Locust runs in a separate process, because gevent patches Python's libraries there."""

import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from deploy.model_list import LIST
from loadtest.budget import BUDGETS
from loadtest.profile import Profile
from loadtest.results.figures import Result, read_result
from testbed.pictures import DATA_ROOT

TOKEN, MANAGEMENT_TOKEN = "DIGITS_TOKEN", "DIGITS_MANAGEMENT_TOKEN"  # variables of the environment
LOCUSTFILE = Path(__file__).with_name("locustfile.py")
WARM_UP_S = 2  # users come in one after another; what they measure until all are there is dropped
STOP_S = 15  # at the end every request is waited for, longer than its timeout: a server that hangs is not let off
GRACE_S = 90  # for Locust to start, to ask for all pictures once, and to stop
MACHINES_S = 600  # for the workers of a distributed test to connect
MASTER_PORT = 5557  # Locust's own default, where workers of other machines look


class MeasureError(Exception):
    """Locust ended without a result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerUnderTest:
    """Where the server is, and what opens it.

    Attributes:
        host: the address of the inference API, as http://127.0.0.1:8080.
        grpc: the address of the same over gRPC, host:port.
        management: the address of the management API, as http://127.0.0.1:8081; "" if it cannot be reached.
        ca: the file with the certificates that are trusted over TLS; "" trusts the public authorities.
    """

    host: str
    token: str
    grpc: str = ""
    management: str = ""
    management_token: str = ""
    ca: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How a server is loaded.

    Attributes:
        profile: as it is in profiles.yaml.
        load, seconds: replace those of the profile, see Profile.scaled; None keeps them.
        processes: how many send on this machine; with 1, the process that leads the test sends too.
        machines: how many are waited for, each with a Locust worker; 0 for none.
        exporter_port: of Locust's own figures for Prometheus; 0 for none.
        budgets: the folder with the limits.
        model_list: the list of models.
        data_root: the folder that holds MNIST/raw.
    """

    profile: Profile
    load: float | None = None
    seconds: float | None = None
    processes: int = 1
    machines: int = 0
    exporter_port: int = 0
    budgets: Path = BUDGETS
    model_list: Path = LIST
    data_root: Path = DATA_ROOT

    @property
    def scaled(self) -> Profile:
        """The profile as it is run."""
        return self.profile.scaled(self.load, self.seconds)


def measure(model: str, load: Load, server: ServerUnderTest, folder: Path) -> Result:
    """What one model does under load; Locust's own report is left at `folder`/`model`.html.

    Raises:
        MeasureError: Locust ended without a result, or no request was answered in time.
    """
    path = folder / f"{model}.result.json"
    command = [
        *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--host", server.host, "--model", model),
        *("--profile", load.profile.name, "--grpc", server.grpc, "--management", server.management, "--ca", server.ca),
        *("--budgets", str(load.budgets), "--model-list", str(load.model_list), "--data-root", str(load.data_root), "--result", str(path)),
        *("--headless", "--only-summary", "--loglevel", "ERROR", "--html", str(folder / f"{model}.html")),
        *("--warm-up", str(WARM_UP_S), "--stop-timeout", str(STOP_S), "--exporter-port", str(load.exporter_port)),
        *(("--load", str(load.load)) if load.load else ()),
        *(("--seconds", str(load.seconds)) if load.seconds else ()),
        *_processes(load),
    ]
    # Tokens are not arguments, which everybody can see in the list of processes.
    environment = os.environ | {TOKEN: server.token, MANAGEMENT_TOKEN: server.management_token}
    limit_s = load.scaled.longest_s + GRACE_S + (MACHINES_S if load.machines else 0)
    try:
        ended = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=limit_s, check=False
        )
    except subprocess.TimeoutExpired as err:
        raise MeasureError(f"Locust did not end within {err.timeout:.0f} s") from err
    if not path.is_file():
        raise MeasureError(f"Locust ended with {ended.returncode}: {last_line(ended.stderr)}")
    result = read_result(path)
    path.unlink()
    if not result.requests:
        raise MeasureError(f"not one request to {model} was answered in {load.scaled.longest_s:.0f} s")
    return result


def _processes(load: Load) -> list[str]:
    """Locust's arguments for a master with its own processes, or with workers on other machines."""
    if load.machines:
        return ["--master", "--expect-workers", str(load.machines), "--expect-workers-max-wait", str(MACHINES_S)]
    if load.processes == 1:
        return []
    port = str(_free_port())
    return ["--processes", str(load.processes), "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--master-port", port]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2]
