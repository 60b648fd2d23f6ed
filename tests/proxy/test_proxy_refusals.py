"""What the example proxies put right of HTTP in front of TorchServe: order, ends of connections, paths, tokens, and forms."""

from collections.abc import Iterator

import pytest
from proxies import ANSWERS, BAD_FORM, DEAD_WORKER, FAULT, Proxy, Upstream, client, haproxy, nginx, playing, running, talk

pytestmark = pytest.mark.slow
FORMS = ["multipart/form-data; boundary=a", "Multipart/Form-Data", "application/x-www-form-urlencoded"]


@pytest.fixture(scope="module", params=[haproxy, nginx])
def front(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    make: Proxy = request.param
    with playing() as upstream, running(make, upstream.server_port, tmp_path_factory.mktemp("proxy")) as url:
        yield url


@pytest.fixture
def url(front: str) -> str:
    """The address of a running proxy, behind which nothing has been asked for yet."""
    Upstream.seen.clear()
    return front


def head(path: str, version: str = "1.1", more: str = "") -> bytes:
    return f"POST {path} HTTP/{version}\r\nHost: digits\r\nAuthorization: Bearer a\r\nContent-Length: 0\r\n{more}\r\n".encode()


def test_pipelined_requests_are_answered_in_their_order_and_none_is_lost(url: str) -> None:
    paths = [f"/predictions/{name}{i}" for i in range(6) for name in ("slow", "digits")] + ["/ping"]
    answered = talk(url, b"".join(head(path) for path in paths[:-1]) + head(paths[-1], more="Connection: close\r\n"))
    bodies = [part.partition(b"\r\n\r\n")[2].decode() for part in answered.split(b"HTTP/1.1 200")[1:]]
    assert bodies == paths


@pytest.mark.parametrize(("version", "more"), [("1.1", "Connection: close\r\n"), ("1.0", ""), ("1.0", "Connection: close\r\n")])
def test_a_client_that_reads_to_the_end_of_the_connection_comes_to_it(version: str, more: str, url: str) -> None:
    answer = talk(url, head("/predictions/digits", version, more))
    assert answer.endswith(b"\r\n\r\n/predictions/digits")
    assert b"connection: keep-alive" not in answer.lower()


@pytest.mark.parametrize(
    "path",
    [
        "/ping", "/predictions/digits", "/predictions/digits_onnx/1.0", "/explanations/digits", "/predictions/digits?a=b",
        "/v1/models/digits:predict", "/v1/models/digits:explain", "/v2/models/digits/infer", "/v2/health/live", "/v2/health/ready",
    ],
)  # fmt: skip
def test_every_endpoint_goes_through_under_its_own_path(path: str, url: str) -> None:
    with client(url) as asking:
        assert asking.post(path, content=b"picture").text == path


@pytest.mark.parametrize(
    "path",
    [
        "/", "/models", "/metrics", "/ping/", "/ready/", "/wfpredict/digits", "/v1/models/digits:other", "/v2/models/digits",
        "/predictions/", "/predictions/digits/", "/predictions/digits/1.0/x", "/predictions/digits;a", "//predictions/digits",
        "/predictions//digits", "/predictions/./digits", "/predictions/..", "/predictions/../models", "/predictions/../..//models",
        "/predictions/digits/..", "/predictions/%2e%2e/models", "/predictions/digits%2f1.0", "/%70redictions/digits",
    ],
)  # fmt: skip
def test_no_other_path_goes_through_however_it_is_written(path: str, url: str) -> None:
    answer = talk(url, head(path, more="Connection: close\r\n"))
    # nginx says itself that a path above the root is a bad request.
    assert b'{"code": 404, "type": "ResourceNotFoundException"' in answer or b" 400 " in answer.partition(b"\r\n")[0]
    assert not Upstream.seen


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer a b", "Token a", "Bearer a,b", 'Bearer "a"'])
def test_a_request_without_a_token_is_refused_as_torchserve_does(authorization: str, url: str) -> None:
    line = f"Authorization: {authorization}" if authorization else "X-Nothing: a"
    answer = talk(url, head("/predictions/digits", more="Connection: close\r\n").replace(b"Authorization: Bearer a", line.encode()))
    assert b" 400 " in answer.partition(b"\r\n")[0]
    assert b'{"code": 400, "type": "InvalidKeyException"' in answer
    assert not Upstream.seen


def test_of_a_large_body_without_a_token_nothing_is_passed_on(url: str) -> None:
    body = bytes(9_900_000)
    asked = f"POST /predictions/digits HTTP/1.1\r\nHost: digits\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    answer = talk(url, asked + body)
    assert answer == b"" or b" 400 " in answer.partition(b"\r\n")[0]  # "" where the connection was reset in the midst of sending
    assert not Upstream.seen


@pytest.mark.parametrize("form", FORMS)
def test_a_form_that_torchserve_cannot_read_is_a_bad_request(form: str, url: str) -> None:
    with client(url) as asking:
        answer = asking.post("/predictions/form", content=b"no form", headers={"Content-Type": form})
    assert (answer.status_code, answer.json()["code"], answer.json()["type"]) == (400, 400, "BadRequest")
    assert "java" not in answer.text
    assert Upstream.seen.total() == 1


@pytest.mark.parametrize(("word", "body"), [("fault", FAULT), ("dead", DEAD_WORKER)])
@pytest.mark.parametrize("form", [*FORMS, "image/png"])
def test_a_fault_of_ours_and_a_dead_worker_stay_what_they_are(word: str, body: bytes, form: str, url: str) -> None:
    with client(url) as asking:
        answer = asking.post(f"/predictions/{word}", content=b"a good form", headers={"Content-Type": form})
    assert (answer.status_code, answer.content) == (500, body)


def test_what_is_no_form_keeps_its_500(url: str) -> None:
    with client(url) as asking:
        answer = asking.post("/predictions/form", content=b"picture", headers={"Content-Type": "image/png"})
    assert (answer.status_code, answer.content) == (500, BAD_FORM)


def test_a_worker_that_was_scaled_down_is_no_bad_form_either(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    body = DEAD_WORKER.replace(b"Worker died.", b"Worker scaled down.")
    monkeypatch.setitem(ANSWERS, "scaled", (500, False, body))
    with client(url) as asking:
        answer = asking.post("/predictions/scaled", content=b"a good form", headers={"Content-Type": FORMS[0]})
    assert (answer.status_code, answer.content) == (500, body)
