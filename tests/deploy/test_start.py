"""Starts of the real TorchServe from odd folders, with settings of TorchServe's own documentation, and with some that it ends over."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from served import MODELS, free_port, started

from deploy.server import Server, ServerError
from deploy.settings.config import CONFIG
from deploy.smoke import check

pytestmark = pytest.mark.server

ONE = ("digits_onnx",)


@pytest.fixture
def small_store(store: Path, tmp_path: Path) -> Path:
    """One model, the one that starts quickly."""
    folder = tmp_path / "store"
    folder.mkdir()
    for name in ("digits_onnx.mar", "digits_onnx.mar.json"):
        (folder / name).symlink_to(store / name)
    return folder


def test_a_folder_with_a_space_and_letters_beyond_ascii_serves_whatever_the_locale(
    store: Path, tmp_path_factory: pytest.TempPathFactory, mnist_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path_factory.mktemp("döner kebab")  # not within a folder of the test's long name: a socket's path is short
    for path in (CONFIG, CONFIG.with_name("logging.xml"), CONFIG.with_name("metrics.yaml")):
        (odd / path.name).symlink_to(path)
    (odd / "model_store").symlink_to(store)
    monkeypatch.setenv("LC_ALL", "C")
    server = Server(free_port(), odd / "model_store", odd / "run", config=odd / "config.properties")
    with started(server):
        assert "read ten digits" in check(server, mnist_root)
        assert "digits_worker_starts_total" in httpx.get(f"{server.metrics}/metrics").text
        assert (server.folder / "logs" / "ts_log.log").is_file()


@pytest.fixture(scope="module")
def open_by_name(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without tokens, whose inference API has an address by name."""
    extra = {"disable_token_authorization": "true", "inference_address": "http://localhost:8080"}
    with started(Server(free_port(), store, tmp_path_factory.mktemp("state"), extra)) as running:
        yield running


def test_without_tokens_the_server_is_started_and_checked_without_any(open_by_name: Server, mnist_root: Path) -> None:
    assert open_by_name.headers() == {}
    assert all(open_by_name.is_ready(model) for model in MODELS)
    assert "read ten digits" in check(open_by_name, mnist_root)


def test_an_address_by_name_is_moved_and_told_as_it_answers(open_by_name: Server) -> None:
    assert open_by_name.inference == f"http://localhost:{open_by_name.port}"
    assert httpx.get(f"{open_by_name.inference}/ping").json()["status"] == "Healthy"


def test_what_torchserve_ends_over_stands_in_the_message(small_store: Path, tmp_path: Path) -> None:
    server = Server(free_port(), small_store, tmp_path, {"vmargs": "-Xmx1"}, ONE)
    with pytest.raises(ServerError, match=r"(?s)TorchServe ended with .*see .*console.log.*Too small maximum heap"):
        server.start()
    assert server.pid() is None


def test_an_address_of_another_machine_is_refused_at_once(small_store: Path, tmp_path: Path) -> None:
    server = Server(free_port(), small_store, tmp_path, {"metrics_address": "http://192.0.2.1:8082"}, ONE)
    with pytest.raises(ServerError, match=r"metrics_address: nothing may listen on 192\.0\.2\.1:\d+ \(Cannot assign requested address\)"):
        server.start()
