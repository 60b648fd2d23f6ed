"""A promotion on the real TorchServe: registered beside the served version, given the traffic under load, and back in one step."""

import json
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from served import free_port, started
from two_versions import split

from deploy.model_list import ListedModel
from deploy.rollback import rollback, versions
from deploy.server import Server
from deploy.settings.server_flags import OPEN_TO_MODELS
from digitkit.artifacts.card import card_path, check_card, facts, write_card
from digitkit.artifacts.place import place
from digitkit.artifacts.store import load_order
from export.packing import pack
from promotion import promote
from promotion.promotion_places import Places
from training.evaluate.served import EYE

OLD, NEW = "1.0", "1.1"
CLIENTS = 2
BOUNDS = """
seconds: 1
pictures: 20
patience_seconds: 300
errors: 0
latency_ratio: 100
latency_slack_ms: 1000
not_accepted: 0
disagreement: 0
"""


@pytest.fixture(scope="module")
def server(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of one model, which lets versions be registered."""
    own = tmp_path_factory.mktemp("store")
    for path in (store / "digits.mar", card_path(store / "digits.mar")):
        shutil.copy(path, own)
    with started(Server(free_port(), own, tmp_path_factory.mktemp("state"), OPEN_TO_MODELS, ("digits",))) as running:
        yield running


@pytest.fixture(scope="module")
def judged(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose weights, of the next version, have passed."""
    run = tmp_path_factory.mktemp("run")
    shutil.copy(weights, run)
    write_card(run / "digits.pt", **facts(check_card(weights)) | {"version": NEW})
    gate = {"name": "mnist", "figure": 0.99, "limit": 0.98, "passed": True}
    hashes = {"champion": check_card(weights).sha256, "challenger": check_card(run / "digits.pt").sha256, "data": {"mnist": "m"}}
    (run / "verdict.json").write_text(json.dumps({"passed": True, "failed": [], "gates": [gate]} | hashes))
    (run / "bounds.yaml").write_text(BOUNDS)
    return run


def packed(weights: Path, models: list[ListedModel], places: Places, data_root: Path) -> dict[str, Path]:
    """The archives as stage() packs them, but for their trial, which the tests of the export have."""
    scratch = places.folder / "scratch"
    scratch.mkdir()
    places.staged.mkdir()
    place(weights, places.staged_weights)
    place(pack(weights, "digits", scratch, config=models[0].config, beside=EYE), places.staged / "digits.mar")
    return {"digits": places.staged / "digits.mar"}


@contextmanager
def load(address: str, server: Server, picture: bytes) -> Iterator["Counter[str]"]:
    """Clients that ask without a pause: what they get, by status and version, counted to the end."""
    seen: Counter[str] = Counter()
    ended = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=address, headers=server.headers(), trust_env=False, timeout=60) as client:
            while not ended.is_set():
                answer = client.post("/predictions/digits", content=picture)
                seen[f"{answer.status_code} {answer.headers.get('x-model-version')}"] += 1
                time.sleep(0.1)  # the worker that starts beside them needs the processor too

    threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        ended.set()
        for thread in threads:
            thread.join()


@pytest.mark.server
def test_a_promotion_and_the_way_back_under_load_lose_no_request(
    server: Server, judged: Path, ten_pngs: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promote, "Server", lambda port, **_: server)
    monkeypatch.setattr(promote, "stage", packed)
    flags = ["--run", judged, "--bounds", judged / "bounds.yaml", "--by", "anna"]
    monkeypatch.setattr(sys, "argv", ["promotion.promote", *map(str, flags)])
    with split(server.inference, Places.of(server)) as address:
        with load(address, server, ten_pngs[7]) as seen:
            promote.main()
        assert set(seen) == {f"200 {OLD}", f"200 {NEW}"}
        assert server.describe("digits")["modelVersion"] == NEW
        assert server.is_current()
        with load(address, server, ten_pngs[7]) as back:
            assert rollback(server) == [f"digits: {OLD} answers by default, {NEW} did before"]
            time.sleep(1.0)
    assert {key.partition(" ")[0] for key in back} == {"200"}
    assert versions(server, "digits") == [NEW, OLD]
    assert [path.name for path in load_order(server.model_store)] == [f"digits-{OLD}.mar", "digits.mar"]
    (line,) = (json.loads(line) for line in (server.model_store / "promotions.jsonl").read_text().splitlines())
    assert (line["outcome"], line["by"], len(line["stages"])) == ("promoted", "anna", 4)


@pytest.mark.server
def test_a_server_as_it_is_shipped_refuses_to_register(server: Server) -> None:
    closed = Server(server.port, server.model_store, server.state, {}, ("digits",))
    assert closed.settings.value("enable_model_api") == "false"
    assert not closed.is_current()  # so a start without --promotions restarts it, closed
