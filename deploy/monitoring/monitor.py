"""Prometheus, Alertmanager and the probe beside a running server: `python -m deploy.monitoring.monitor start` or `stop`.

Their configuration is in deploy/monitoring and works there by itself. This command only moves the ports as the server's are moved, and
sends alerts to the webhook that is named.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import requests
import yaml

from deploy.machine.local import client, is_free
from deploy.server import DEFAULT_PORT, ROOT, Server
from deploy.settings.server_flags import add_server_flags

SOURCE = ROOT / "deploy" / "monitoring"
ADDRESS = re.compile(r"(127\.0\.0\.1:)(\d+)")
PROMETHEUS, ALERTMANAGER, PROBE = 9090, 9093, 9115  # beside a server on DEFAULT_PORT; they move with it
BINARIES = {"prometheus": ("prometheus",), "alertmanager": ("prometheus-alertmanager", "alertmanager")}  # Debian's names first
START_TIMEOUT_S, STOP_TIMEOUT_S = 30.0, 10.0


class MonitorError(Exception):
    """Monitoring cannot be started; the message says what to do."""


@dataclass(frozen=True)
class Monitor:
    """What watches one server.

    Attributes:
        server: the server that is watched, running or not.
        source: the folder with the configuration.
        webhook: the address that alerts are sent to; if it is "", they only appear on Alertmanager's page.
    """

    server: Server
    source: Path = SOURCE
    webhook: str = ""

    @property
    def folder(self) -> Path:
        return self.server.folder / "monitoring"

    def address(self, port: int) -> str:
        return f"127.0.0.1:{port + self.server.port - DEFAULT_PORT}"

    def start(self) -> "list[subprocess.Popen[bytes]]":
        """Start all three, and return their processes once they answer; stop() ends them.

        Raises:
            MonitorError: the webhook is not an address, a program is missing, a port is in use, or one of the three does not answer;
                nothing is left running then.
        """
        self._check_webhook()
        commands = self.commands()
        for name, port in (("prometheus", PROMETHEUS), ("alertmanager", ALERTMANAGER), ("probe", PROBE)):
            self._check_free(name, int(self.address(port).rpartition(":")[2]))
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in self.source.glob("*.yml"):
            (self.folder / path.name).write_text(ADDRESS.sub(lambda found: self.address(int(found[2])), path.read_text()))
        if self.webhook:
            self._routes.write_text(sent_to(self.webhook, self._routes.read_text()))
        started = []
        if self.server.models:
            commands["probe"] += ["--models", ",".join(self.server.models)]
        for name, command in commands.items():
            with (self.folder / f"{name}.log").open("wb") as log:
                process = subprocess.Popen(
                    command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
                )
            (self.folder / f"{name}.pid").write_text(str(process.pid))
            started.append(process)
        try:
            self._wait_ready()
        except BaseException:
            self.stop()
            raise
        return started

    @property
    def _routes(self) -> Path:
        return self.folder / "alertmanager.yml"

    def is_sent(self) -> bool:
        """Whether the running Alertmanager sends its alerts to the webhook, or to nobody if there is no webhook."""
        receivers = yaml.safe_load(self._routes.read_text())["receivers"]
        return {hook["url"] for receiver in receivers for hook in receiver.get("webhook_configs", [])} == {self.webhook} - {""}

    def stop(self) -> bool:
        """End what start() started; False if nothing of it was running."""
        running = self.processes()
        for process in running:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        _, alive = psutil.wait_procs(running, timeout=STOP_TIMEOUT_S)
        for process in alive:
            process.kill()
        for path in self.folder.glob("*.pid"):
            path.unlink()
        return bool(running)

    def processes(self) -> list[psutil.Process]:
        """The processes of start() that are still running."""
        found = []
        for path in self.folder.glob("*.pid"):
            with suppress(psutil.Error, ValueError):
                process = psutil.Process(int(path.read_text()))
                command = self.commands()[path.stem]
                if process.cmdline()[1 : len(command)] == command[1:]:  # the flag --models comes after these words, and may differ
                    found.append(process)
        return found

    def commands(self) -> dict[str, list[str]]:
        """The command of each process; raises MonitorError if a program is missing."""
        prometheus = [
            *(find("prometheus"), f"--config.file={self.folder / 'prometheus.yml'}", f"--storage.tsdb.path={self.folder / 'data'}"),
            *(f"--web.listen-address={self.address(PROMETHEUS)}", "--log.level=warn"),
        ]
        alertmanager = [
            *(find("alertmanager"), f"--config.file={self.folder / 'alertmanager.yml'}", f"--storage.path={self.folder / 'alerts'}"),
            *(f"--web.listen-address={self.address(ALERTMANAGER)}", "--cluster.listen-address=", "--log.level=warn"),
        ]
        return {"prometheus": prometheus, "alertmanager": alertmanager, "probe": self.probe_command()}

    def probe_command(self) -> list[str]:
        """The command of the probe, which needs nothing but this Python."""
        listen, server = self.address(PROBE).rpartition(":")[2], self.server
        return [
            *(sys.executable, "-m", "deploy.monitoring.probe", "--port", str(server.port), "--state", str(server.state.resolve())),
            *("--listen", listen, "--store", str(server.model_store.resolve()), "--model-list", str(server.model_list.resolve())),
        ]

    def _check_webhook(self) -> None:
        address = urlsplit(self.webhook)
        if self.webhook and not (address.scheme in ("http", "https") and address.hostname):
            raise MonitorError(f"the webhook is {self.webhook!r}; it must be an address that begins with http:// or https://")

    def _check_free(self, name: str, port: int) -> None:
        if not is_free(port):
            raise MonitorError(
                f"port {port} for {name} is in use, perhaps by Debian's own service: systemctl disable --now prometheus"
                " prometheus-alertmanager ends it; PORT=18080 moves all ports"
            )

    def _wait_ready(self) -> None:
        waiting = {
            "prometheus": f"http://{self.address(PROMETHEUS)}/-/ready",
            "alertmanager": f"http://{self.address(ALERTMANAGER)}/-/ready",
        }
        waiting["probe"] = f"http://{self.address(PROBE)}/metrics"
        deadline = time.monotonic() + START_TIMEOUT_S
        while waiting:
            name, url = next(iter(waiting.items()))
            with suppress(requests.RequestException), client() as session:
                if session.get(url, timeout=START_TIMEOUT_S).ok:
                    del waiting[name]
                    continue
            if time.monotonic() > deadline:
                log = self.folder / f"{name}.log"
                raise MonitorError(f"{name} does not answer after {START_TIMEOUT_S:.0f} s, see {log}: {log.read_text()[-500:].strip()}")
            time.sleep(0.2)


def sent_to(webhook: str, routes: str) -> str:
    """Alertmanager's configuration `routes`, with every receiver telling `webhook` when an alert fires and when it is over."""
    configuration = yaml.safe_load(routes)
    for receiver in configuration["receivers"]:
        receiver["webhook_configs"] = [{"url": webhook, "send_resolved": True}]
    return yaml.safe_dump(configuration, sort_keys=False)


def find(name: str) -> str:
    """The program of that name; raises MonitorError."""
    found = next(filter(None, map(shutil.which, BINARIES[name])), None)
    if found is None:
        raise MonitorError(f"{name} is not installed; apt-get install prometheus prometheus-alertmanager brings all that is needed")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="deploy.monitoring.monitor", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", choices=("start", "stop"))
    add_server_flags(parser)
    webhook = os.environ.get("DIGITS_WEBHOOK", "")
    parser.add_argument("--webhook", default=webhook, help="address that alerts are sent to as JSON, http:// or https:// (DIGITS_WEBHOOK)")
    flags = parser.parse_args()
    monitor = Monitor(Server(flags.port, models=flags.models), webhook=flags.webhook)
    try:
        if flags.action == "stop":
            print("stopped" if monitor.stop() else f"nothing watches the server on port {flags.port}")
            return
        if not monitor.processes():
            monitor.start()
        elif not monitor.is_sent():
            raise MonitorError("already running, with its alerts sent elsewhere; make monitor-stop ends it")
    except (MonitorError, OSError) as err:
        sys.exit(f"{parser.prog}: {err}")
    print(f"Prometheus:   http://{monitor.address(PROMETHEUS)}   Alertmanager: http://{monitor.address(ALERTMANAGER)}")
    host = urlsplit(flags.webhook).netloc.rpartition("@")[2]
    print(f"Alerts are sent to {host}" if host else "Alerts only appear on Alertmanager's page: make monitor WEBHOOK=http://… sends them")


if __name__ == "__main__":
    main()
