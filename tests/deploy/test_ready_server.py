"""The probe's /ready beside a real TorchServe whose workers are stopped, killed and taken away, or whose archive is damaged."""

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from served import free_port

from deploy.monitoring.probe import Probe
from deploy.server import Server, ServerError
from testbed.archives import alter

pytestmark = pytest.mark.server

MODEL = "digits_onnx"
WAIT_S = 120.0


@pytest.fixture
def asked(server: Server) -> Iterator[httpx.Client]:
    """A client of the probe of the running server, once that is ready."""
    with Probe(("127.0.0.1", 0), server) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        with httpx.Client(base_url=f"http://127.0.0.1:{listening.server_port}", timeout=30) as client:
            until(client, 200)
            yield client
            until(client, 200)
        listening.shutdown()
        thread.join()


def until(client: httpx.Client, status: int) -> float:
    """Seconds until /ready answers with `status`."""
    started = time.monotonic()
    while client.get("/ready").status_code != status:
        assert time.monotonic() - started < WAIT_S, f"/ready is not {status} after {WAIT_S:.0f} s"
        time.sleep(0.1)
    return time.monotonic() - started


def worker(server: Server, model: str = MODEL) -> psutil.Process:
    return psutil.Process(int(server.describe(model)["workers"][0]["pid"]))


def is_healthy(server: Server) -> bool:
    """What TorchServe itself says, by all that it has for it over REST."""
    ping, v2 = (httpx.get(server.inference + path, headers=server.headers()).json() for path in ("/ping", "/v2/health/ready"))
    return bool(ping["status"] == "Healthy" and v2["ready"])


def test_a_stopped_worker_is_not_ready_until_it_goes_on_whatever_torchserve_says(server: Server, asked: httpx.Client) -> None:
    stopped = worker(server)
    stopped.suspend()
    try:
        assert until(asked, 503) < 5  # the answer of before, which is good for a second, and the time-out
        assert asked.get("/ready").json()["why"] == {MODEL: "no answer within 1 s"}
        assert is_healthy(server)
    finally:
        stopped.resume()
    until(asked, 200)


def test_a_killed_worker_is_not_ready_until_another_has_loaded(server: Server, asked: httpx.Client) -> None:
    killed = worker(server, "digits")  # with torch it takes seconds to load, where one of ONNX Runtime may be back within the time-out
    killed.kill()
    until(asked, 503)
    assert is_healthy(server)
    until(asked, 200)
    assert worker(server, "digits").pid != killed.pid


def test_a_model_without_workers_is_not_ready(server: Server, asked: httpx.Client) -> None:
    def scale(workers: int) -> None:
        url = f"{server.management}/models/{MODEL}?min_worker={workers}&max_worker={workers}&synchronous=true"
        httpx.put(url, headers=server.headers("management"), timeout=60).raise_for_status()

    scale(0)
    try:
        until(asked, 503)
        assert asked.get("/ready").json()["why"] == {MODEL: "answered 503 ServiceUnavailableException"}
        assert is_healthy(server)
    finally:
        scale(1)


@pytest.fixture
def damaged(store: Path, tmp_path: Path) -> Path:
    """A store whose digits_onnx has weights that are cut in half; its archive fits its card all the same."""
    altered = tmp_path / "store"
    shutil.copytree(store, altered)
    alter(store / f"{MODEL}.mar", altered / f"{MODEL}.mar", damaged=True)
    return altered


def test_a_start_with_an_archive_that_does_not_load_fails_with_the_cause(damaged: Path, tmp_path: Path) -> None:
    server = Server(free_port(), damaged, tmp_path / "state")
    with pytest.raises(ServerError, match=rf"(?s){MODEL} could not be loaded.*sha256 differs"):
        server.start()
    assert server.pid() is None


def test_torchserve_by_itself_refuses_requests_to_such_an_archive_at_once_and_serves_the_others(damaged: Path, tmp_path: Path) -> None:
    server = Server(free_port(), damaged, tmp_path / "state")
    process = server.launch()
    try:
        deadline = time.monotonic() + WAIT_S
        while not all(server.is_ready(model) for model in server.served):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        with httpx.Client(base_url=server.inference, headers=server.headers(), timeout=30) as client:
            assert client.post("/predictions/digits", content=b"no picture").status_code == 400
            for path in (f"/predictions/{MODEL}", f"/v1/models/{MODEL}:predict", f"/v2/models/{MODEL}/infer", f"/explanations/{MODEL}"):
                refused = client.post(path, content=b"a picture", headers={"X-Request-Id": "mine"})
                assert (refused.status_code, refused.json()["type"]) == (503, "NotLoaded")
                assert refused.headers["x-client-request-id"] == "mine"
                assert ("error" in refused.json()) == path.startswith("/v")
        assert server.describe(MODEL, "?customized=true")["customizedMetadata"] == {"loaded": False, "cause": "CardError"}
        told = (server.folder / "logs" / "model_log.log").read_text()
        assert told.count(f"{MODEL} 1.0 IS NOT SERVED") == 1
        lines = "".join(path.read_text() for path in (server.folder / "logs").glob("requests.*.log"))
        assert lines.count('"client_id": "mine", "status": 503, "error": "NotLoaded"') == 4
        assert refused.headers["x-request-id"] in lines
    finally:
        server.stop()
        process.wait()
