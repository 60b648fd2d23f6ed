"""Several replicas that share one token: the example of deploy/proxy, with nginx itself in front of two real servers."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from served import free_port, is_free

from deploy.machine.local import client
from deploy.server import Server
from digitkit.pictures.codec import encode_png
from training.data import mnist

EXAMPLE = Path(__file__).resolve().parents[2] / "deploy" / "proxy" / "replicas.conf"
TOKENS = ("old-secret_1", "new-secret_2")
pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def replicas(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    one = tmp_path_factory.mktemp("store")
    for name in ("digits_onnx.mar", "digits_onnx.mar.json"):
        (one / name).symlink_to(store / name)
    with ExitStack() as stack:
        started = []
        for _ in range(2):
            replica = Server(free_port(), one, tmp_path_factory.mktemp("state"), {"disable_token_authorization": "true"}, ("digits_onnx",))
            process = replica.start()
            stack.callback(process.wait)
            stack.callback(replica.stop)
            started.append(replica)
        yield started


@pytest.fixture(scope="module")
def proxy(replicas: list[Server], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of nginx in front of the replicas."""
    path = f"{os.environ['PATH']}:/usr/sbin"
    if shutil.which("nginx", path=path) is None:
        pytest.skip("nginx is not installed; apt-get install nginx")
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    text = EXAMPLE.read_text()
    for shipped, own in ((8000, port), (8080, replicas[0].port), (9080, replicas[1].port)):
        assert f"127.0.0.1:{shipped};" in text
        text = text.replace(f"127.0.0.1:{shipped};", f"127.0.0.1:{own};")
    (folder / "nginx.conf").write_text(text)
    (folder / "token.conf").write_text("".join(f'"~^Bearer {token}$" 1;\n' for token in TOKENS))
    command = ["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder), "-g", "daemon off; user root;"]
    with subprocess.Popen(command, env=os.environ | {"PATH": path}) as process:
        try:
            deadline = time.monotonic() + 20
            while is_free(port):
                assert process.poll() is None and time.monotonic() < deadline, "nginx does not listen"
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def seven(mnist_test: mnist.Split) -> bytes:
    return encode_png(mnist_test.pictures[0])


def requests_of(replica: Server) -> float:
    lines = httpx.get(f"{replica.metrics}/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("ts_inference_requests_total{"))


def test_one_token_opens_every_replica(proxy: str, replicas: list[Server], seven: bytes) -> None:
    before = [requests_of(replica) for replica in replicas]
    with client() as session:
        for i in range(20):
            headers = {"Authorization": f"Bearer {TOKENS[i % 2]}"}
            assert session.post(f"{proxy}/predictions/digits_onnx", data=seven, headers=headers, timeout=30).json()["digit"] == 7
    answered = [requests_of(replica) - earlier for replica, earlier in zip(replicas, before, strict=True)]
    assert sum(answered) == 20
    assert min(answered) > 0


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer guessed"}, {"Authorization": f"Basic {TOKENS[0]}"}, {"Authorization": f"Bearer {TOKENS[0].upper()}"}],
)
def test_any_other_token_is_refused_before_a_replica_is_asked(
    headers: dict[str, str], proxy: str, replicas: list[Server], seven: bytes
) -> None:
    before = [requests_of(replica) for replica in replicas]
    answer = httpx.post(f"{proxy}/predictions/digits_onnx", content=seven, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (401, "InvalidKeyException")
    assert [requests_of(replica) for replica in replicas] == before


@pytest.mark.parametrize("path", ["/models", "/models/digits_onnx", "/token?type=inference", "/metrics", "/"])
def test_nothing_but_inference_goes_through(path: str, proxy: str) -> None:
    assert httpx.get(proxy + path, headers={"Authorization": f"Bearer {TOKENS[0]}"}).status_code == 404


def test_one_replica_that_is_stopped_costs_no_request(proxy: str, replicas: list[Server], seven: bytes) -> None:
    replicas[1].stop()
    headers = {"Authorization": f"Bearer {TOKENS[0]}"}
    answers = [httpx.post(f"{proxy}/predictions/digits_onnx", content=seven, headers=headers, timeout=30) for _ in range(10)]
    assert [answer.json()["digit"] for answer in answers] == [7] * 10
