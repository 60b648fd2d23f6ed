"""How a client asks: the address, the token, and what has a default that suits most."""

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from digits_client.errors import AddressError

URL_VARIABLE, TOKEN_VARIABLE, CA_VARIABLE = "DIGITS_URL", "DIGITS_TOKEN", "DIGITS_CA"
SCHEMES = ("http", "https", "grpc", "grpcs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a client may be told beside the address and the token.

    Attributes:
        model: the model that reads digits, with a version if another than the default one is to answer, as "digits/1.0".
        numbers_model: the model that reads numbers.
        timeout_s: for a connection, and without a byte of the answer, in seconds; the request is then sent again. The server itself
            gives up after 30.
        patience_s: from the first to the last attempt of a call, in seconds; a server that is restarted takes up to 20.
        connections: at most, and so many requests are in flight at once.
        list_pictures: in each request of read_many; the server takes up to 1,024.
        list_bytes: of the pictures in such a request; the server takes up to 10,485,760.
        lists_in_flight: requests of a read_many at once. Twice as many lists are in memory, whatever the number of pictures.
        ca: a file of certificates that are trusted, in PEM; that which DIGITS_CA names if it is "".
    """

    model: str = "digits"
    numbers_model: str = "numbers"
    timeout_s: float = 30.0
    patience_s: float = 60.0
    connections: int = 8
    list_pictures: int = 128
    list_bytes: int = 4_000_000
    lists_in_flight: int = 4
    ca: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server is.

    Attributes:
        scheme: one of SCHEMES.
        url: without a slash at its end.
        is_local: whether it is on this machine, so that no proxy of the environment is used.
    """

    scheme: str
    url: str
    host: str
    port: int | None

    @property
    def is_local(self) -> bool:
        return self.host in ("localhost", "::1") or self.host.startswith("127.")

    @property
    def is_grpc(self) -> bool:
        return self.scheme.startswith("grpc")


def to_endpoint(url: str | None) -> Endpoint:
    """The server at a URL, or at that of DIGITS_URL; raises AddressError."""
    given = url or os.environ.get(URL_VARIABLE, "")
    if not given:
        raise AddressError(f"no address was given; pass one, or set {URL_VARIABLE}, for example to http://127.0.0.1:8080")
    try:
        parts = urlsplit(given)
        endpoint = Endpoint(parts.scheme, given.rstrip("/"), parts.hostname or "", parts.port)
    except ValueError as err:
        raise AddressError(f"{given!r} is no address: {err}") from err
    if endpoint.scheme not in SCHEMES or not endpoint.host:
        raise AddressError(f"{given!r} is no address; accepted is one of {', '.join(f'{scheme}://' for scheme in SCHEMES)} and a host")
    return endpoint
