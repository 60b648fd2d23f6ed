"""config.properties, checked before TorchServe reads it, and moved to another port."""

import argparse
import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import ServerError
from deploy.settings.address import Address, to_address
from deploy.settings.properties import read_properties, write_properties
from deploy.settings.values import check_keys, check_management, check_value

CONFIG = Path(__file__).resolve().parents[2] / "config.properties"
# TorchServe's own defaults: ports that config.properties does not name have to be moved too.
DEFAULTS = {
    "inference_address": "http://127.0.0.1:8080",
    "management_address": "http://127.0.0.1:8081",
    "metrics_address": "http://127.0.0.1:8082",
    "grpc_inference_address": "127.0.0.1",
    "grpc_inference_port": "7070",
    "grpc_management_address": "127.0.0.1",
    "grpc_management_port": "7071",
    "initial_worker_port": "9000",  # the workers' sockets are named after it: .ts.sock.9000 and up
    "enable_metrics_api": "true",
}
DEFAULT_PORT = to_address("inference_address", DEFAULTS["inference_address"]).port  # unless config.properties names another
CONSOLE_DISTANCE = 5  # from the inference port to that of the page which make console serves
SPLITTER_DISTANCE = 6  # and to that of the proxy which make splitter starts
LOWEST_PORT, HIGHEST_PORT = 1024, 65535
VARIABLE = re.compile(r"\$\$([^$]+[^$])\$\$")  # TorchServe replaces it by the environment variable
LOGGING_FILE = re.compile(r"(?<=-Dlog4j\.configurationFile=)[^\s:]+")  # with a colon it would be a URL


@dataclass(frozen=True)
class Config:
    """The settings of a server on some port.

    Attributes:
        path: of the file.
        values: those of the file, some of them replaced.
        distance: how far every port is moved from the one in the file.
    """

    path: Path
    values: Mapping[str, str]
    distance: int = 0

    @classmethod
    def read(cls, path: Path, replaced: Mapping[str, str]) -> "Config":
        """The file's settings, some of them replaced.

        Raises:
            ServerError: TorchServe does not know a key, cannot use a value, or would read it as another one.
        """
        try:
            config = cls(path, read_properties(path.read_text(encoding="latin-1")) | dict(replaced))
            check_keys(config.values)
            for key in config.values:
                check_value(key, config.value(key))
            if config.is_on("enable_envvars_config"):
                raise ServerError("enable_envvars_config=true would change what is checked here; write $$NAME$$ for a variable's value")
            check_management((config.management, config.grpc_management), config.is_on)
        except ServerError as err:
            raise ServerError(f"{path.name}: {err}") from err
        return config

    def on(self, port: int) -> "Config":
        """These settings with every port moved by as much as `port` differs from the file's inference port."""
        return Config(self.path, self.values, port - self.inference.port + self.distance)

    def value(self, key: str) -> str:
        """The value of a key as TorchServe sees it; "" if there is none and no default that matters here."""
        return VARIABLE.sub(lambda found: _variable(key, found[1]), self.values.get(key, DEFAULTS.get(key, "")))

    def is_on(self, key: str) -> bool:
        return self.value(key).lower() == "true"

    @property
    def inference(self) -> Address:
        return self._http("inference_address")

    @property
    def management(self) -> Address:
        return self._http("management_address")

    @property
    def metrics(self) -> Address:
        return self._http("metrics_address")

    @property
    def grpc_inference(self) -> Address:
        return self._grpc("grpc_inference")

    @property
    def grpc_management(self) -> Address:
        return self._grpc("grpc_management")

    def addresses(self) -> list[Address]:
        """All addresses that it listens on; raises ServerError if a port would be outside the valid range."""
        metrics = [self.metrics] if self.is_on("enable_metrics_api") else []
        found = [self.inference, self.management, *metrics, self.grpc_inference, self.grpc_management]
        ports = [address.port for address in found]
        if min(ports) < LOWEST_PORT or max(ports) > HIGHEST_PORT:
            bounds = f"outside of {LOWEST_PORT} to {HIGHEST_PORT}"
            raise ServerError(f"port {self.inference.port} puts another at {min(ports)} or {max(ports)}, {bounds}")
        return found

    def warnings(self) -> list[str]:
        """A sentence for each address that other machines can reach."""
        has_tokens = not self.is_on("disable_token_authorization")
        asked = "tokens and pictures travel without TLS" if has_tokens else "whoever reaches it needs no token"
        risks = {self.metrics: "metrics are told to whoever asks"}
        return [
            f"{address.key} is {address.host}: other machines reach port {address.port}, and {risks.get(address, asked)};"
            " put a proxy with TLS in front (deploy/proxy)"
            for address in self.addresses()
            if address.is_open
        ]

    def files(self) -> list[Path]:
        """The files that the settings name, for metrics and logging; raises ServerError if one is missing."""
        named = [self.value("metrics_config"), *LOGGING_FILE.findall(self.value("vmargs"))]
        found = [self.path.parent / name for name in named if name]
        for path in found:
            if not path.is_file():
                raise ServerError(f"{self.path.name} names {path.name}, and there is no file {path}")
        return found

    def write(self, folder: Path) -> Path:
        """Write these settings into `folder`, where the server will be started, with copies of files(); returns their path.

        The settings name the copies without a folder, because `vmargs` is split at spaces and a path may contain some.
        """
        for path in self.files():
            shutil.copyfile(path, folder / path.name)
        written = folder / "config.properties"
        written.write_text(self.text(), encoding="ascii")
        return written

    def text(self) -> str:
        """The properties for a server on these ports, with files() named without their folders."""
        changed = {address.key: f"http://{address.bound}" for address in (self.inference, self.management, self.metrics)}
        changed |= {f"{each.key.removesuffix('address')}port": str(each.port) for each in (self.grpc_inference, self.grpc_management)}
        changed["initial_worker_port"] = str(int(self.value("initial_worker_port")) + self.distance)
        if metrics := self.value("metrics_config"):
            changed["metrics_config"] = Path(metrics).name
        if vmargs := self.value("vmargs"):
            changed["vmargs"] = LOGGING_FILE.sub(lambda found: Path(found[0]).name, vmargs)
        return write_properties({**self.values, **changed})

    def _http(self, key: str) -> Address:
        return to_address(key, self.value(key)).moved(self.distance)

    def _grpc(self, name: str) -> Address:
        return Address(f"{name}_address", self.value(f"{name}_address"), int(self.value(f"{name}_port"))).moved(self.distance)


def _variable(key: str, name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        raise ServerError(f"{key} takes the variable {name}, which is not set")
    return value


def to_port(text: str) -> int:
    """The port that --port names, or if it is empty that of config.properties; ends the command if it cannot be used."""
    try:
        return int(text) if text else Config.read(CONFIG, {}).inference.port
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
    except ServerError as err:
        sys.exit(str(err))
