"""TorchServe on this machine: `python -m deploy.server serve`, `start`, `stop`, `token`, or `check` for whether its ports are free.

It only chooses Java, a set of ports, and a folder for the server's logs, tokens and temporary files; every other
setting is in config.properties, which works with a plain `torchserve --start` too.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import psutil
import requests

from deploy.errors import ServerError
from deploy.machine.checkout import check_folder
from deploy.machine.console import cause
from deploy.machine.java import JavaError
from deploy.machine.local import client, end_family
from deploy.machine.store_models import archives, check_archives, listed, served_models
from deploy.machine.surroundings import find_public_key, surroundings
from deploy.model_list import LIST, ListedModel, read_models
from deploy.settings.config import CONFIG, DEFAULT_PORT, Config
from deploy.settings.server_flags import OPEN_TO_MODELS, add_server_flags
from digitkit.artifacts.store import load_order

__all__ = ["CONFIG", "DEFAULT_PORT", "ServerError"]  # other modules import these from here

ROOT = Path(__file__).resolve().parent.parent
TOKENS = ("inference", "management", "API")  # the token of each API; the one named "API" creates new tokens
START_TIMEOUT_S, STOP_TIMEOUT_S, REQUEST_TIMEOUT_S = 120.0, 20.0, 10.0


@dataclass(frozen=True)
class Server:
    """One TorchServe of this checkout, identified by its port.

    Attributes:
        port: of the inference API; the other ports keep the distance to it that they have in config.properties.
        model_store: the folder with the archives.
        folder: holds the tokens, logs, temporary files and the process's id.
        extra: properties that replace those of config.properties.
        models: the models that are served; () for all with an archive in the store, each of which must be in the list.
        config: the properties file.
        model_list: the list of models.
        variables: are added to the environment.
        public_key: the key that signed every archive; None serves unsigned ones too.
    """

    port: int = DEFAULT_PORT
    model_store: Path = ROOT / "model_store"
    state: Path = ROOT / "run"
    extra: dict[str, str] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    config: Path = CONFIG
    model_list: Path = LIST
    variables: dict[str, str] = field(default_factory=dict)
    public_key: Path | None = None

    @property
    def folder(self) -> Path:
        return self.state / str(self.port)

    @property
    def settings(self) -> Config:
        """config.properties as it is now, on this server's ports; raises ServerError if it cannot be used."""
        return Config.read(self.config, self.extra).on(self.port)

    @property
    def served(self) -> tuple[str, ...]:
        """The models that it starts with, and that must be READY before start() returns."""
        return served_models(self.model_store, self.models)

    def known(self, task: str = "") -> list[ListedModel]:
        """The entries of the model list for the served models, or for those of a task; raises ServerError if one is not listed."""
        return [model for model in listed(self.served, read_models(self.model_list), self.model_store) if task in ("", model.task)]

    @property
    def inference(self) -> str:
        return self.settings.inference.url

    @property
    def management(self) -> str:
        return self.settings.management.url

    @property
    def metrics(self) -> str:
        return self.settings.metrics.url

    @property
    def grpc(self) -> str:
        """host:port of the inference API over gRPC."""
        return self.settings.grpc_inference.target

    def token(self, kind: str = "inference") -> str:
        """The token of one of TOKENS; "" if the settings switch tokens off. Raises ServerError."""
        if self.settings.is_on("disable_token_authorization"):
            return ""
        path = self.folder / "key_file.json"
        try:
            return cast(str, json.loads(path.read_text())[kind]["key"])
        except (OSError, ValueError, KeyError) as err:
            raise ServerError(f"no {kind} token in {path}; is the server on port {self.port} running? make run starts it") from err

    def headers(self, kind: str = "inference") -> dict[str, str]:
        """The headers that a request must carry."""
        token = self.token(kind)
        return {"Authorization": f"Bearer {token}"} if token else {}

    def command(self) -> list[str]:
        """The torchserve command, its configuration written to the folder; raises CardError."""
        config = self.settings.write(self.folder)
        return [
            *(str(Path(sys.executable).with_name("torchserve")), "--start", "--foreground", "--ncs"),
            *("--model-store", str(self.model_store.resolve()), "--ts-config", str(config)),
            *("--models", *(archive.name for archive in load_order(self.model_store, self.served))),
        ]

    def environment(self) -> dict[str, str]:
        """This environment with Java and this Python first, and without variables that would override the archive or the settings."""
        return surroundings(self.folder, self.public_key, self.variables)

    def is_current(self) -> bool:
        """Whether it is running with the current archives and settings."""
        fingerprint = self.folder / "fingerprint"
        return self.pid() is not None and fingerprint.is_file() and fingerprint.read_text() == self.fingerprint()

    def prepare(self) -> None:
        """Check what would make TorchServe fail with an obscure error, and remove what the last run left, except its logs."""
        check_archives(self.model_store, self.served, self.public_key)
        if not self.models:
            self.known()
        for line in self.settings.warnings():
            print(f"warning: {line}", file=sys.stderr, flush=True)
        if self.pid() is not None:
            raise ServerError(f"a server is already running on port {self.port}; make stop ends it, PORT=… starts another beside it")
        self.check_ports()
        shutil.rmtree(self.folder / "tmp", ignore_errors=True)
        (self.folder / "tmp").mkdir(parents=True)
        for name in ("pid", "key_file.json"):
            (self.folder / name).unlink(missing_ok=True)

    def check_ports(self) -> None:
        """Return if TorchServe can use the settings, and its ports are free or already its own; raises ServerError otherwise."""
        check_folder(self.folder)
        addresses = self.settings.addresses()
        used = [address.port for address in addresses if not address.is_free()] if self.pid() is None else []
        if used:
            raise ServerError(f"port {used[0]} is in use; choose others with PORT=18080, which moves all of them")

    def start(self) -> "subprocess.Popen[bytes]":
        """Start in the background and return the launcher's process once every model is READY; stop() ends it.

        Raises:
            ServerError: a port is in use, an archive is not what its card says, or the models did not become
                ready; nothing is left running then.
        """
        process = self.launch()
        try:
            self._wait_ready(process)
        except BaseException:
            self.stop()
            process.wait(STOP_TIMEOUT_S)
            raise
        return process

    def launch(self) -> "subprocess.Popen[bytes]":
        """Start in the background and return the launcher's process at once; raises ServerError as prepare() does."""
        self.prepare()
        with (self.folder / "console.log").open("wb") as console:
            process = subprocess.Popen(
                self.command(), cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL,
                stdout=console, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self._note(process.pid)
        return process

    def serve(self) -> None:
        """Replace this process by the server, in the foreground; Ctrl-C ends it and its workers."""
        self.prepare()
        command, environment = self.command(), self.environment()
        self._note(os.getpid())
        os.chdir(self.folder)
        os.execve(command[0], command, environment)

    def _note(self, pid: int) -> None:
        """Write the files by which other commands know that this server runs, and with which archives and settings."""
        (self.folder / "pid").write_text(str(pid))
        (self.folder / "fingerprint").write_text(self.fingerprint())

    def stop(self) -> bool:
        """End the server and its workers; False if it was not running."""
        pid = self.pid()
        if pid is None:
            return False
        end_family(pid, STOP_TIMEOUT_S)
        (self.folder / "pid").unlink(missing_ok=True)
        (self.folder / "key_file.json").unlink(missing_ok=True)
        return True

    def pid(self) -> int | None:
        """The process's id; None if it is not running."""
        try:
            process = psutil.Process(int((self.folder / "pid").read_text()))
            return process.pid if process.is_running() and str(self.folder) in " ".join(process.cmdline()) else None
        except (OSError, ValueError, psutil.Error):
            return None

    def describe(self, model: str, query: str = "") -> dict[str, Any]:
        """The management API's description of a model."""
        with client() as session:
            answer = session.get(f"{self.management}/models/{model}{query}", headers=self.headers("management"), timeout=REQUEST_TIMEOUT_S)
        answer.raise_for_status()
        return cast(dict[str, Any], answer.json()[0])

    def _wait_ready(self, process: "subprocess.Popen[bytes]") -> None:
        deadline, waiting = time.monotonic() + START_TIMEOUT_S, list(self.served)
        while waiting:
            if process.poll() is not None:
                raise ServerError(f"TorchServe ended with {process.returncode}: {self.last_lines()}")
            if time.monotonic() > deadline:
                raise ServerError(f"{', '.join(waiting)} not ready after {START_TIMEOUT_S:.0f} s: {self.last_lines()}")
            waiting = [name for name in waiting if not self.is_ready(name)]
            time.sleep(0.2)
        for name in self.served:  # a worker that could not load its model is READY too, and its description says so
            if (self.describe(name, "?customized=true").get("customizedMetadata") or {}).get("loaded") is False:
                raise ServerError(f"{name} could not be loaded and would refuse every request: {self.last_lines()}")

    def is_ready(self, model: str) -> bool:
        """Whether every worker of a model is READY."""
        try:
            workers = self.describe(model)["workers"]
        except (ServerError, requests.RequestException):
            return False
        return bool(workers) and all(worker["status"] == "READY" for worker in workers)

    def fingerprint(self) -> str:
        """A hash of the archives and settings that a start would take now."""
        settings = self.settings
        files = [*archives(self.model_store, self.served), *settings.files(), *filter(None, [self.public_key])]
        return hashlib.sha256(b"".join([*(path.read_bytes() for path in files), settings.text().encode()])).hexdigest()

    def last_lines(self) -> str:
        """The path of its log, and the lines in it about its end."""
        log = self.folder / "console.log"
        return "\n  ".join([f"see {log}", *cause(log.read_text(errors="replace"))])


def start_or_keep(server: Server) -> None:
    """Keep a running server if it serves the current archives and settings, otherwise replace it; start one if none is running."""
    if server.is_current():
        print(f"TorchServe is running on {server.inference} with these archives")
        return
    if server.stop():
        print("TorchServe was running with other archives or settings: restarting it", flush=True)
    server.start()
    print(f"TorchServe answers on {server.inference}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="deploy.server", description=__doc__)
    parser.add_argument("action", choices=("serve", "start", "stop", "token", "check"))
    add_server_flags(parser)
    parser.add_argument("--kind", choices=TOKENS, default=TOKENS[0], help="which token")
    parser.add_argument("--promotions", choices=("on",), help="serve or start so that make promote can register a version")
    flags = parser.parse_args()
    try:
        key = find_public_key() if flags.action in ("serve", "start") else None
        extra = OPEN_TO_MODELS if flags.promotions else {}
        server = Server(flags.port, models=flags.models, extra=extra, public_key=key)
        if flags.action == "serve":
            server.serve()
        elif flags.action == "start":
            start_or_keep(server)
        elif flags.action == "stop":
            print("stopped" if server.stop() else f"no server is running on port {server.port}")
        elif flags.action == "check":
            server.check_ports()
        elif token := server.token(flags.kind):
            print(token)
        else:
            print("no token is needed: config.properties has disable_token_authorization=true", file=sys.stderr)
    except (ServerError, JavaError, OSError) as err:
        sys.exit(f"{parser.prog}: {err}")


if __name__ == "__main__":
    main()
