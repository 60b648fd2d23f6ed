"""The running server as the console asks it: with tokens that stay in this process, and with the models that may be asked."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from console.refusal import Denied
from deploy.errors import ServerError
from deploy.model_list import ListedModel

TIMEOUT_S = 35.0  # TorchServe itself gives a batch up after 30 s
CONNECTIONS = 16
PASSED_ON = ("x-model-name", "x-model-version", "x-request-id")
CONTENT_TYPES = ("application/json", "image/png")  # all that a model answers; anything else would be markup of someone else's


@dataclass(frozen=True, slots=True)
class Apis:
    """Where the server's three APIs listen, as URLs without a path."""

    inference: str
    management: str
    metrics: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What the server answered.

    Attributes:
        headers: those that the page may see.
        seconds: from the sending of the request to the end of the answer.
    """

    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str]
    seconds: float


class Upstream:
    """One TorchServe. Tokens are read anew for every request, because each start of the server makes new ones.

    Args:
        apis: where it listens.
        models: those that it serves, by name.
        authorize: the headers that a request to the "inference" or the "management" API needs; raises ServerError.
        transport: takes the place of the network in tests.
    """

    def __init__(
        self,
        apis: Apis,
        models: Sequence[ListedModel],
        authorize: Callable[[str], Mapping[str, str]],
        *,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.apis = apis
        self.models = {model.name: model for model in models}
        self._authorize = authorize
        limits = httpx.Limits(max_connections=CONNECTIONS)
        # Proxies of the environment are ignored: the server is on this machine.
        self._client = httpx.AsyncClient(transport=transport, timeout=TIMEOUT_S, limits=limits, trust_env=False)

    async def ask_model(self, way: str, model: str, picture: bytes, *, accept: str, said: Mapping[str, str]) -> Answered:
        """A model's answer to a picture.

        Args:
            way: "predictions" or "explanations".
            accept: the Content-Type that is preferred.
            said: further headers: the digit to explain, as X-Target, or the page to read, as X-Page.

        Raises:
            Denied: there is no such model, or the server does not answer.
        """
        if model not in self.models:
            raise Denied(404, "ModelNotFoundException", f"no such model is served; there are {', '.join(self.models)}")
        headers = {"Accept": accept, "Content-Type": "application/octet-stream", **said}
        return await self._ask("inference", "POST", f"{self.apis.inference}/{way}/{model}", headers=headers, content=picture)

    async def describe(self, model: str) -> list[dict[str, Any]]:
        """The management API's description of every version of a model; raises Denied."""
        answered = await self._ask("management", "GET", f"{self.apis.management}/models/{model}/all")
        return _json(answered)

    async def card(self, model: str, version: str) -> dict[str, Any]:
        """What a version of a model tells of itself, its card among it. A worker answers, so ask seldom; raises Denied."""
        answered = await self._ask("management", "GET", f"{self.apis.management}/models/{model}/{version}?customized=true")
        (described,) = _json(answered)
        return described.get("customizedMetadata") or {}

    async def metrics(self) -> str:
        """The text of /metrics; raises Denied."""
        return (await self._ask("", "GET", f"{self.apis.metrics}/metrics")).body.decode()

    async def close(self) -> None:
        await self._client.aclose()

    async def _ask(
        self, api: str, method: str, url: str, *, headers: Mapping[str, str] | None = None, content: bytes | None = None
    ) -> Answered:
        started = time.perf_counter()
        try:
            token = self._authorize(api) if api else {}
            response = await self._client.request(method, url, headers={**(headers or {}), **token}, content=content)
        except (httpx.HTTPError, ServerError) as err:
            raise Denied(502, "ServerAway", f"the server at {self.apis.inference} does not answer; make run starts it") from err
        content_type = response.headers.get("content-type", "").partition(";")[0]
        passed_on = {name: response.headers[name] for name in PASSED_ON if name in response.headers}
        return Answered(response.status_code, content_type, response.content, passed_on, time.perf_counter() - started)


def _json(answered: Answered) -> list[dict[str, Any]]:
    if answered.status != 200:
        raise Denied(502, "ServerAway", f"the management API answers {answered.status}")
    found: list[dict[str, Any]] = httpx.Response(200, content=answered.body).json()
    return found
