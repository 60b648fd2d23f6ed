"""How requests travel: over HTTP by httpx, or over gRPC below it. Importing httpx takes 0.1 to 0.5 s: only making a client does."""

import ssl
from os import environ

import httpx

from digits_client.errors import AddressError, TimedOut, Unavailable, Unreachable
from digits_client.options import CA_VARIABLE, Endpoint, Options
from digits_client.trying import Reply, Send


class Carrier:
    """Requests of a client that waits, over connections that are kept."""

    def __init__(self, endpoint: Endpoint, options: Options) -> None:
        if endpoint.is_grpc:
            from digits_client.grpc_carrier import GrpcTransport

            self.http = httpx.Client(base_url=endpoint.url, transport=GrpcTransport(endpoint, _ca(options), options.timeout_s))
        else:
            limits, timeout, trusted = _limits(options), _timeout(options), _trusted(endpoint, options)
            use_proxy = not endpoint.is_local
            self.http = httpx.Client(base_url=endpoint.url, limits=limits, timeout=timeout, verify=trusted, trust_env=use_proxy)

    def post(self, send: Send) -> Reply | Unavailable:
        """What came of a request."""
        try:
            response = self.http.post(send.path, content=send.body, headers=_encoded(send))
        except httpx.TransportError as err:
            return _lost(err)
        if self.http.is_closed and (stream := response.extensions.get("network_stream")):
            stream.close()  # it was connected while close() went through the connections, and nobody else knows of it any longer
        return _reply(response)

    def close(self) -> None:
        self.http.close()


class AsyncCarrier:
    """The same for asyncio."""

    def __init__(self, endpoint: Endpoint, options: Options) -> None:
        if endpoint.is_grpc:
            from digits_client.grpc_carrier import AsyncGrpcTransport

            self.http = httpx.AsyncClient(base_url=endpoint.url, transport=AsyncGrpcTransport(endpoint, _ca(options), options.timeout_s))
        else:
            limits, timeout, trusted = _limits(options), _timeout(options), _trusted(endpoint, options)
            use_proxy = not endpoint.is_local
            self.http = httpx.AsyncClient(base_url=endpoint.url, limits=limits, timeout=timeout, verify=trusted, trust_env=use_proxy)

    async def post(self, send: Send) -> Reply | Unavailable:
        """What came of a request."""
        try:
            return _reply(await self.http.post(send.path, content=send.body, headers=_encoded(send)))
        except httpx.TransportError as err:
            return _lost(err)

    async def close(self) -> None:
        await self.http.aclose()


def _limits(options: Options) -> httpx.Limits:
    return httpx.Limits(max_connections=options.connections, max_keepalive_connections=options.connections)


def _timeout(options: Options) -> httpx.Timeout:
    """Who waits for one of the connections has no time-out: it waits for requests that have theirs."""
    return httpx.Timeout(options.timeout_s, pool=None)


def _ca(options: Options) -> str:
    return options.ca or environ.get(CA_VARIABLE, "")


def _trusted(endpoint: Endpoint, options: Options) -> ssl.SSLContext | bool:
    if endpoint.scheme != "https":
        return False  # no certificate is looked at, and loading all those of the system takes 20 ms
    if not _ca(options):
        return True
    try:
        return ssl.create_default_context(cafile=_ca(options))
    except OSError as err:
        raise AddressError(f"{_ca(options)} holds no certificates: {err.strerror}") from err


def _encoded(send: Send) -> dict[bytes, bytes]:
    """The headers as UTF-8, which the server takes; httpx by itself sends nothing but ASCII."""
    return {name.encode(): value.encode() for name, value in send.headers.items()}


def _reply(response: httpx.Response) -> Reply:
    return Reply(response.status_code, response.headers, response.content)


def _lost(error: httpx.TransportError) -> Unavailable:
    if isinstance(error, httpx.TimeoutException):
        return TimedOut("no answer in time")
    return Unreachable(f"no connection to the server, or it was cut off: {error}" if str(error) else "the connection was cut off")
