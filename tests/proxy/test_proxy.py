"""The example proxies, with their real binaries, in front of a server that plays TorchServe: overload, health, and what is refused."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from proxies import FULL_QUEUE, Proxy, Upstream, client, close, haproxy, nginx, playing, running, talk

pytestmark = pytest.mark.slow
Started = tuple[str, ThreadingHTTPServer]
HEAD = b"POST /predictions/digits HTTP/1.1\r\nHost: digits\r\nAuthorization: Bearer a\r\nContent-Length: 100\r\n\r\n"


@pytest.fixture(params=[haproxy, nginx])
def started(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Started]:
    """The address of a running proxy, and what it asks."""
    make: Proxy = request.param
    with playing() as upstream, running(make, upstream.server_port, tmp_path) as url:
        yield url, upstream


def test_an_answer_goes_through_as_it_is(started: Started) -> None:
    with client(started[0]) as asking:
        answer = asking.post("/predictions/digits", content=b"picture")
    assert (answer.status_code, answer.text, "retry-after" in answer.headers) == (200, "/predictions/digits", False)


def test_a_full_queue_gets_retry_after_and_keeps_torchserves_body(started: Started) -> None:
    with client(started[0]) as asking:
        answer = asking.post("/predictions/full", content=b"picture")
    assert (answer.status_code, answer.headers["retry-after"], answer.content) == (503, "1", FULL_QUEUE)


def test_a_server_that_is_away_is_503_with_retry_after(started: Started) -> None:
    url, upstream = started
    close(upstream)
    with client(url) as asking:
        answer = asking.post("/predictions/digits", content=b"picture")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert (answer.json()["code"], bool(answer.json()["message"])) == (503, True)


def test_a_server_that_takes_no_connection_is_late_or_away_with_retry_after(started: Started) -> None:
    url, upstream = started
    close(upstream)
    with ExitStack() as sockets, client(url) as asking:
        sockets.enter_context(socket.create_server(("127.0.0.1", upstream.server_port), backlog=0))
        for _ in range(4):  # which fill its queue, so that the system answers no more of them
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", upstream.server_port))
        answer = asking.post("/predictions/digits", content=b"picture")
    assert answer.status_code in (503, 504)
    assert (answer.headers["retry-after"], answer.json()["code"], bool(answer.json()["message"])) == ("1", answer.status_code, True)


@pytest.mark.parametrize("request_bytes", [b"", HEAD + b"pict"], ids=["nothing", "half a request"])
def test_a_client_that_sends_no_more_is_cut_off(request_bytes: bytes, started: Started) -> None:
    answer = talk(started[0], request_bytes)
    assert answer == b"" or b" 408 " in answer
    assert not Upstream.seen


@pytest.mark.parametrize("form", ["with a length", "chunked"])
def test_few_large_bodies_are_let_in_at_once(form: str, started: Started) -> None:
    def ask(_: int) -> tuple[int, str | None]:
        body = bytes(300_000)
        content = body if form == "with a length" else iter([body])
        answer = asking.post("/predictions/slow", content=content)
        return answer.status_code, answer.headers.get("retry-after")

    with client(started[0]) as asking, ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(ask, range(40)))
    assert Upstream.most <= 16
    assert set(answers) <= {(200, None), (503, "1")}
    assert answers.count((200, None)) >= 16


def test_a_body_over_the_limit_is_refused_before_it_is_passed_on(started: Started) -> None:
    with client(started[0]) as asking:
        answer = asking.post("/predictions/digits", content=bytes(10_485_761))
    assert (answer.status_code, answer.json()["type"]) == (413, "TooLarge")
    assert not Upstream.seen


def test_one_address_holds_a_hundred_connections_and_costs_another_nothing(started: Started) -> None:
    url, port = started[0], int(started[0].rpartition(":")[2])
    with ExitStack() as sockets:
        for _ in range(100):
            held = sockets.enter_context(socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.2", 0)))
            held.sendall(HEAD)  # and not the body
        time.sleep(0.3)  # until the proxy has read the last head
        answer = talk(url, HEAD.replace(b"Content", b"Connection: close\r\nContent") + bytes(100), "127.0.0.2")
        assert answer == b"" or b" 503 " in answer
        with client(url) as asking:
            assert asking.post("/predictions/digits", content=b"picture").status_code == 200


def test_a_balancer_may_ask_for_readiness_without_a_token(started: Started) -> None:
    with client(started[0]) as asking:
        del asking.headers["authorization"]
        assert asking.get("/ready").status_code == 200
        Upstream.ready = 503
        assert asking.get("/ready").status_code == 503


def test_haproxy_closes_the_door_while_the_models_are_not_ready(tmp_path: Path) -> None:
    with playing() as upstream, running(haproxy, upstream.server_port, tmp_path) as url, client(url) as asking:

        def wait_for(status: int) -> bool:
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                if asking.post("/predictions/digits", content=b"picture").status_code == status:
                    return True
                time.sleep(0.05)
            return False

        assert wait_for(200)
        Upstream.ready = 503
        assert wait_for(503)
        Upstream.ready = 200
        assert wait_for(200)
