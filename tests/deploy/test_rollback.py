"""Back to the version before, on a real server under load: nothing is lost, and the next start keeps to it."""

import json
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from served import MODELS, free_port

from deploy.rollback import RollbackError, concerned, former, of_the_same_task, rollback, wait_ready
from deploy.server import Server
from digitkit.artifacts.card import card_path, check_card, facts, write_card
from digitkit.artifacts.store import load_order
from export.to_mar import to_mar
from export.to_onnx import to_onnx
from training.evaluate.served import EYE

OLD, NEW = "1.0", "1.1"
THREADS = 6
SETTLED_S = 1.0  # of load before and after a rollback


@pytest.fixture(scope="module")
def both(weights: Path, store: Path, tmp_path_factory: pytest.TempPathFactory, mnist_root: Path) -> Path:
    """A model store after two releases: the exports of two weights files that differ in their version."""
    folder, newer = tmp_path_factory.mktemp("both") / "store", tmp_path_factory.mktemp("newer") / "digits.pt"
    shutil.copytree(store, folder)
    shutil.copy(weights, newer)
    write_card(newer, **facts(check_card(weights)) | {"version": NEW})
    to_onnx(newer, folder / "digits.onnx", data_root=mnist_root)
    to_mar(newer, folder / "digits.mar", beside=EYE, data_root=mnist_root)
    to_mar(folder / "digits.onnx", folder / "digits_onnx.mar", beside=folder / "eye.onnx", data_root=mnist_root)
    return folder


@pytest.fixture(scope="module")
def launched() -> "list[subprocess.Popen[bytes]]":
    """The process of each start of the server, to be waited for at the end."""
    return []


@pytest.fixture(scope="module")
def running(both: Path, launched: "list[subprocess.Popen[bytes]]", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(free_port(), both, tmp_path_factory.mktemp("state"))
    launched.append(server.start())
    try:
        yield server
    finally:
        server.stop()
        for process in launched:
            process.wait()


def versions_by_default(server: Server, picture: bytes) -> set[str]:
    """The version that answers of each model, where the request names none."""
    ask = [httpx.post(f"{server.inference}/predictions/{model}", content=picture, headers=server.headers(), timeout=60) for model in MODELS]
    assert {answer.status_code for answer in ask} == {200}
    return {answer.headers["x-model-version"] for answer in ask}


@dataclass
class Load:
    """What became of the requests of several threads, in the order that each thread sent them.

    Attributes:
        began: where THREADS clients wait after their first answer, for one another and for who waits for all of them.
        ended: after which each client sends one last request.
    """

    server: Server
    pictures: list[bytes]
    began: threading.Barrier = field(default_factory=lambda: threading.Barrier(THREADS + 1, timeout=60))
    ended: threading.Event = field(default_factory=threading.Event)

    def send(self, model: str) -> list[tuple[str, str]]:
        """Ask for one digit after the other until the load ends: the version that answered, and what was wrong or ""."""
        seen: list[tuple[str, str]] = []
        with httpx.Client(base_url=self.server.inference, headers=self.server.headers(), timeout=30) as client:
            is_last = False
            while not is_last:
                is_last = self.ended.is_set()
                digit = len(seen) % len(self.pictures)
                try:
                    answer = client.post(f"/predictions/{model}", content=self.pictures[digit])
                    right = answer.status_code == 200 and answer.json()["digit"] == digit
                    seen.append((answer.headers.get("x-model-version", ""), "" if right else f"{answer.status_code} {answer.text}"))
                except httpx.HTTPError as err:
                    seen.append(("", repr(err)))
                if len(seen) == 1:
                    self.began.wait()
        return seen


def under_load(server: Server, pictures: list[bytes], version: str) -> list[list[tuple[str, str]]]:
    """Go to a version while THREADS clients ask without a pause; what each of them saw."""
    load = Load(server, pictures)
    with ThreadPoolExecutor(THREADS) as pool:
        clients = [pool.submit(load.send, MODELS[i % len(MODELS)]) for i in range(THREADS)]
        try:
            load.began.wait()
            time.sleep(SETTLED_S)
            rollback(server, version)
            time.sleep(SETTLED_S)
        finally:
            load.ended.set()
    return [client.result() for client in clients]


@pytest.fixture(scope="module")
def readable(running: Server, ten_pngs: list[bytes]) -> list[bytes]:
    """The pictures of ten digits, which the small training reads right by both targets."""
    for model in MODELS:
        door, headers = f"{running.inference}/predictions/{model}", running.headers()
        answers = [httpx.post(door, content=png, headers=headers, timeout=60) for png in ten_pngs]
        assert [answer.json()["digit"] for answer in answers] == list(range(10))
    return ten_pngs


@pytest.mark.server
def test_card_manifest_header_metrics_and_description_name_the_version_of_the_weights(
    both: Path, running: Server, ten_pngs: list[bytes]
) -> None:
    for model in MODELS:
        for version, archive in ((NEW, both / f"{model}.mar"), (OLD, both / f"{model}-{OLD}.mar")):
            with zipfile.ZipFile(archive) as packed:
                manifest = json.loads(packed.read("MAR-INF/MANIFEST.json"))["model"]
                inner = json.loads(packed.read(f"{manifest['serializedFile']}.json"))
            assert (check_card(archive).version, manifest["modelVersion"], inner["version"]) == (version, version, version)
            door = f"{running.inference}/predictions/{model}/{version}"
            assert httpx.post(door, content=ten_pngs[3], headers=running.headers(), timeout=60).headers["x-model-version"] == version
            url = f"{running.management}/models/{model}/{version}?customized=true"
            (told,) = httpx.get(url, headers=running.headers("management"), timeout=60).json()
            assert (told["modelVersion"], told["customizedMetadata"]["card"]["version"]) == (version, version)
            assert (
                f'digits_predictions_total{{model_name="{model}",model_version="{version}"' in httpx.get(f"{running.metrics}/metrics").text
            )


@pytest.mark.server
def test_a_start_makes_the_newest_version_the_default_and_serves_the_former_beside_it(
    both: Path, running: Server, ten_pngs: list[bytes]
) -> None:
    assert [path.name for path in load_order(both)] == ["digits.mar", "digits_onnx.mar", f"digits-{OLD}.mar", f"digits_onnx-{OLD}.mar"]
    assert versions_by_default(running, ten_pngs[0]) == {NEW}


@pytest.mark.server
def test_a_rollback_under_load_loses_no_request_and_both_ways_every_answer_is_of_one_of_the_two(
    running: Server, readable: list[bytes]
) -> None:
    for start, end in ((NEW, OLD), (OLD, NEW)):
        rollback(running, start)
        for seen in under_load(running, readable, end):
            assert [wrong for _, wrong in seen if wrong] == []
            order = [version for version, _ in seen]
            assert (order[0], order[-1]) == (start, end)
            assert order == sorted(order, reverse=start == NEW)  # one change, and no way back


@pytest.mark.server
def test_a_rollback_is_kept_by_the_next_start_and_is_done_once(
    both: Path, running: Server, launched: "list[subprocess.Popen[bytes]]", ten_pngs: list[bytes]
) -> None:
    assert rollback(running) == [f"{model}: {OLD} answers by default, {NEW} did before" for model in MODELS]
    assert versions_by_default(running, ten_pngs[0]) == {OLD}
    assert running.is_current()
    with pytest.raises(RollbackError, match=rf"no version before {OLD} to go back to: digits has {NEW} and {OLD}, digits_onnx has "):
        rollback(running)
    running.stop()
    launched.append(running.start())
    assert versions_by_default(running, ten_pngs[0]) == {OLD}
    rollback(running, NEW)
    assert versions_by_default(running, ten_pngs[0]) == {NEW}
    assert not list(both.glob("*.rollback"))


@pytest.mark.server
def test_a_version_that_is_not_served_changes_nothing(running: Server, ten_pngs: list[bytes]) -> None:
    with pytest.raises(RollbackError, match=rf"version 7\.7 is not served: digits has {NEW} and {OLD}, .*; make run serves all"):
        rollback(running, "7.7")
    assert versions_by_default(running, ten_pngs[0]) == {NEW}


@pytest.mark.server
def test_a_store_that_no_longer_holds_the_version_is_told_after_the_rollback(
    both: Path, running: Server, ten_pngs: list[bytes], tmp_path: Path
) -> None:
    archive = both / f"digits-{OLD}.mar"
    for path in (archive, card_path(archive)):
        shutil.move(path, tmp_path)
    try:
        with pytest.raises(
            RollbackError, match=rf"version {OLD} answers by default until the server's next start, .*holds no version {OLD}"
        ):
            rollback(running)
        assert versions_by_default(running, ten_pngs[0]) == {OLD}
    finally:
        for path in (archive, card_path(archive)):
            shutil.move(tmp_path / path.name, path)
        rollback(running, NEW)


def test_without_a_server_the_command_says_so_and_fails() -> None:
    port = free_port()
    done = subprocess.run([sys.executable, "-m", "deploy.rollback", "--port", str(port)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"deploy.rollback: no server is running on port {port}; make run starts it\n"


def test_a_version_that_could_not_be_loaded_does_not_become_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def call(server: Server, method: str, path: str) -> Any:
        assert (method, path) == ("GET", f"/models/digits/{OLD}?customized=true")
        return [{"customizedMetadata": {"loaded": False}}]

    server = Server(free_port(), tmp_path, tmp_path)
    server.folder.mkdir()
    (server.folder / "console.log").touch()
    monkeypatch.setattr(Server, "is_ready", lambda self, model: True)
    monkeypatch.setattr("deploy.rollback.call", call)
    with pytest.raises(RollbackError, match=rf"digits/{OLD} could not be loaded and would refuse every request, nothing was changed"):
        wait_ready(server, [f"digits/{OLD}"])


@pytest.mark.parametrize(
    ("defaults", "expected"),
    [(("1.10", "1.10"), "1.9"), (("1.9", "1.10"), "1.9"), (("2.0", "2.0"), "1.10"), (("1.9", "1.9"), "1.1")],
)
def test_the_version_before_is_the_newest_that_all_models_have(defaults: tuple[str, str], expected: str) -> None:
    served = {"digits": ["2.0", "1.10", "1.9", "1.1"], "digits_onnx": ["2.0", "1.10", "1.9", "1.1", "1.0"], "another": ["1.0"]}
    assert former(served, dict(zip(MODELS, defaults, strict=True)), MODELS) == expected


def test_where_the_models_share_no_older_version_each_is_named_with_what_it_has() -> None:
    served = {"digits": ["1.1"], "digits_onnx": ["1.1", "1.0"]}
    with pytest.raises(RollbackError, match=r"no version before 1\.1 to go back to: digits has 1\.1, digits_onnx has 1\.1 and 1\.0"):
        former(served, dict.fromkeys(MODELS, "1.1"), MODELS)


def test_weights_of_digits_go_back_alone_where_numbers_are_served_too(tmp_path: Path) -> None:
    for name in ("digits", "digits_onnx_int8", "numbers", "numbers_onnx"):
        (tmp_path / f"{name}.mar").touch()
    everything = Server(21_300, tmp_path, tmp_path)
    assert concerned(everything) == ("digits", "digits_onnx_int8")
    assert "digits_onnx" in of_the_same_task(everything, ("digits",))
    chosen = Server(21_300, tmp_path, tmp_path, models=("numbers",))
    assert of_the_same_task(chosen, concerned(chosen)) == {"numbers", "numbers_onnx"}
