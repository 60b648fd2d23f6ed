"""A page of another origin may ask from a browser where the proxy names that origin, and from nowhere else."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from proxies import Proxy, Upstream, client, haproxy, nginx, playing, running

pytestmark = pytest.mark.slow
ALLOWED = ("https://a.example", "http://localhost:3000")
OTHERS = ["https://b.example", "https://a.example.evil", "http://a.example", "https://a.example:8443", "null", ""]
ASKS = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type,x-target"}
SENT = {
    "authorization",
    "content-type",
    "content-encoding",
    "accept",
    "x-target",
    "x-format",
    "x-request-id",
    "inference-header-content-length",
}


@pytest.fixture(params=[haproxy, nginx])
def make(request: pytest.FixtureRequest) -> Proxy:
    proxy: Proxy = request.param
    return proxy


@pytest.fixture
def asking(make: Proxy, tmp_path: Path) -> Iterator[httpx.Client]:
    """A client of a proxy that lets two origins ask."""
    with playing() as upstream, running(make, upstream.server_port, tmp_path, origins=ALLOWED) as url, client(url) as asking:
        yield asking


def preflight(asking: httpx.Client, origin: str, path: str = "/predictions/digits") -> httpx.Response:
    """A browser's, which carries no token."""
    return httpx.request("OPTIONS", asking.base_url.join(path), headers={"Origin": origin, **ASKS}, timeout=20)


@pytest.mark.parametrize("path", ["/predictions/digits", "/explanations/digits", "/v1/models/digits:predict", "/v2/models/digits/infer"])
def test_the_preflight_of_an_allowed_origin_is_answered_without_a_token(path: str, asking: httpx.Client) -> None:
    for origin in ALLOWED:
        answer = preflight(asking, origin, path)
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["access-control-allow-origin"] == origin
        assert {"GET", "POST", "PUT"} == set(answer.headers["access-control-allow-methods"].split(", "))
        assert set(answer.headers["access-control-allow-headers"].lower().split(", ")) == SENT
        assert answer.headers["access-control-max-age"] == "600"
        assert answer.headers["vary"] == "Origin"
    assert not Upstream.seen


@pytest.mark.parametrize("path", ["/predictions/digits", "/predictions/full", "/predictions/fault", "/nothing"])
def test_every_answer_to_an_allowed_origin_may_be_read_whatever_its_status(path: str, asking: httpx.Client) -> None:
    for headers in ({}, {"Authorization": ""}):
        answer = asking.post(path, content=b"picture", headers={"Origin": ALLOWED[1], **headers})
        assert answer.headers["access-control-allow-origin"] == ALLOWED[1]
        exposed = answer.headers["access-control-expose-headers"].lower().split(", ")
        assert {"x-model-name", "x-model-version", "x-request-id", "x-client-request-id", "retry-after"} == set(exposed)
        assert answer.headers["vary"] == "Origin"
        assert "access-control-allow-methods" not in answer.headers


@pytest.mark.parametrize("origin", OTHERS)
def test_another_origin_gets_nothing(origin: str, asking: httpx.Client) -> None:
    answers = [preflight(asking, origin), asking.post("/predictions/digits", content=b"picture", headers={"Origin": origin})]
    assert answers[0].status_code == 400
    for answer in answers:
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_no_origin_is_allowed_unless_it_is_named(make: Proxy, tmp_path: Path) -> None:
    with playing() as upstream, running(make, upstream.server_port, tmp_path) as url, client(url) as asking:
        for origin in (*ALLOWED, "*", ""):
            answer = preflight(asking, origin)
            assert answer.status_code == 400
            assert not [name for name in answer.headers if name.startswith("access-control")]
        assert not Upstream.seen
