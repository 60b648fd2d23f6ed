"""Where an API listens: the addresses that both TorchServe and these commands can use."""

import ipaddress
import re
import socket
from dataclasses import dataclass, replace

from deploy.errors import ServerError
from deploy.machine.local import is_free

# The addresses that TorchServe's own pattern accepts, except https:// and unix:, which are refused below.
HTTP_ADDRESS = re.compile(r"http://([^:/\[\]\s]+):(\d{1,5})", re.IGNORECASE)
REFUSED = {
    "https:": "TorchServe's own TLS (1.2 alone, two ciphers) is not supported here; let a proxy do TLS, as in deploy/proxy",
    "unix:": "these commands ask over TCP",
    "http://[": "TorchServe takes no IPv6 address there",
}  # fmt: skip
EVERY_ADDRESS, THIS_MACHINE = "0.0.0.0", "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port, with the key of config.properties that names them."""

    key: str
    host: str
    port: int

    @property
    def bound(self) -> str:
        """host:port as TorchServe is told."""
        return f"{self.host}:{self.port}"

    @property
    def target(self) -> str:
        """host:port for clients on this machine."""
        return f"{THIS_MACHINE if self.host == EVERY_ADDRESS else self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.target}"

    @property
    def is_open(self) -> bool:
        """Whether other machines can reach it; raises ServerError as check_host() does."""
        return not ipaddress.IPv4Address(self.check_host()).is_loopback

    def check_host(self) -> str:
        """The host's IPv4 address; raises ServerError if it has none."""
        try:
            return socket.gethostbyname(self.host)
        except (OSError, UnicodeError) as err:
            raise ServerError(f"{self.key} names {self.host!r}; accepted is a host's name that is known here, or an IPv4 address") from err

    def is_free(self) -> bool:
        """Whether a server can listen there now; raises ServerError if no server ever can."""
        try:
            return is_free(self.port, self.check_host())
        except OSError as err:
            raise ServerError(f"{self.key}: nothing may listen on {self.bound} ({err.strerror})") from err

    def moved(self, distance: int) -> "Address":
        return replace(self, port=self.port + distance)


def to_address(key: str, value: str) -> Address:
    """The address in http://HOST:PORT; raises ServerError for anything else."""
    accepted = "accepted is http://HOST:PORT, as http://127.0.0.1:8080"
    for beginning, reason in REFUSED.items():
        if value.lower().startswith(beginning):
            raise ServerError(f"{key}={value}: {reason}; {accepted}")
    found = HTTP_ADDRESS.fullmatch(value)
    if found is None:
        raise ServerError(f"{key} is {value!r}; {accepted}")
    return Address(key, found[1], int(found[2]))
