"""A promotion from its verdict to the default version, before a stand-in for TorchServe: under load, beyond its bounds, and killed."""

import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from cards import FACTS
from two_versions import NEW, OLD, Api, TwoVersions, archive_of, split

from deploy.model_list import ListedModel, read_models
from deploy.server import Server, ServerError
from digitkit.artifacts.card import check_card, write_card
from digitkit.artifacts.store import load_order
from promotion import promote
from promotion.admission import Admitted
from promotion.canary_bounds import CanaryBounds
from promotion.errors import NotPromoted
from promotion.promote import Promotion
from promotion.traffic.traffic_tally import Told
from testbed.apps import serving

CHAMPION = "c" * 64
LOOSE = replace(CanaryBounds.read(), seconds=0.2, pictures=10, patience_seconds=60, latency_slack_ms=10_000)
CLIENTS = 3


@pytest.fixture
def traffic() -> TwoVersions:
    return TwoVersions()


@pytest.fixture
def api(traffic: TwoVersions, monkeypatch: pytest.MonkeyPatch) -> Api:
    api = Api(traffic)
    for module in ("deploy.rollback", "promotion.registering"):
        monkeypatch.setattr(f"{module}.call", api)
    described = {"workers": [{"status": "READY"}], "customizedMetadata": {"card": {"sha256": CHAMPION}}}
    monkeypatch.setattr(Server, "pid", lambda self: 1)
    monkeypatch.setattr(Server, "is_ready", lambda self, model: True)
    monkeypatch.setattr(Server, "describe", lambda self, model, query="": described | {"modelVersion": traffic.default})
    monkeypatch.setattr(promote, "LOOK_S", 0.05)
    return api


@pytest.fixture
def promotion(api: Api, tmp_path: Path) -> Promotion:
    """A promotion on a server whose store holds the champion."""
    server = Server(21_200, tmp_path / "store", tmp_path / "state", models=("digits",))
    for folder in (server.model_store, server.folder / "promotion"):
        folder.mkdir(parents=True)
    archive_of(server.model_store, OLD)
    return Promotion(server, LOOSE, say=lambda line: None)


def admitted(promotion: Promotion, version: str = NEW) -> Admitted:
    sha256 = hashlib.sha256(b"the challenger").hexdigest()
    card = replace(check_card(promotion.server.model_store / "digits.mar"), version=version, sha256=sha256)
    gates = [{"name": "mnist", "figure": 0.9961, "limit": 0.9955, "passed": True}]
    return Admitted(weights=Path("digits.pt"), card=card, champion=CHAMPION, gates=gates, data={"mnist": "m"})


def run(promotion: Promotion) -> None:
    def make(challenger: Admitted, models: list[ListedModel]) -> dict[str, Path]:
        assert models == [read_models()["digits"]]
        promotion.places.staged.mkdir(exist_ok=True)
        weights = promotion.places.staged_weights
        weights.write_text("the challenger")
        write_card(weights, **FACTS | {"version": challenger.card.version, "task": "digits"})
        return {"digits": archive_of(promotion.places.staged, challenger.card.version)}

    promotion.run(admitted(promotion), "anna", make)


def record(promotion: Promotion) -> list[dict[str, Any]]:
    return [json.loads(line) for line in promotion.places.record.read_text().splitlines()]


def assert_as_before(promotion: Promotion, api: Api) -> None:
    """The champion answers, nothing of the challenger is left, and the next start serves what was served."""
    assert (api.traffic.default, api.served) == (OLD, [OLD])
    assert [path.name for path in load_order(promotion.server.model_store)] == ["digits.mar"]
    assert check_card(promotion.server.model_store / "digits.mar").version == OLD
    assert not promotion.places.route.exists()
    assert not promotion.places.notes.exists()


@pytest.fixture
def load(traffic: TwoVersions, promotion: Promotion) -> "Iterator[Counter[str]]":
    """Clients who ask a splitter without a pause: what they get, by status and version, all of it at the end."""
    seen: Counter[str] = Counter()
    ended = threading.Event()

    def ask(address: str) -> None:
        with httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
            while not ended.is_set():
                answer = client.post("/predictions/digits", content=b"picture")
                seen[f"{answer.status_code} {answer.headers.get('x-model-version')}"] += 1
                time.sleep(0.01)

    with serving(traffic) as url, split(url, promotion.places) as address:
        threads = [threading.Thread(target=ask, args=(address,)) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        while seen.total() < CLIENTS:
            time.sleep(0.01)
        try:
            yield seen
        finally:
            ended.set()
            for thread in threads:
                thread.join()


def test_a_challenger_within_its_bounds_answers_by_default_and_no_request_is_lost(
    promotion: Promotion, api: Api, load: "Counter[str]"
) -> None:
    run(promotion)
    assert api.traffic.default == NEW
    assert [path.name for path in load_order(promotion.server.model_store)] == ["digits.mar", f"digits-{OLD}.mar"]
    assert check_card(promotion.server.model_store / "digits.mar").version == NEW
    assert check_card(promotion.places.champion).version == NEW
    (line,) = record(promotion)
    assert (line["outcome"], line["by"], line["version"], line["formers"]) == ("promoted", "anna", NEW, {"digits": OLD})
    assert (line["data"], line["gates"][0]["figure"], [stage["share"] for stage in line["stages"]]) == (
        {"mnist": "m"},
        0.9961,
        [0, 0.05, 0.25, 1],
    )
    assert not promotion.places.notes.exists()
    assert set(load) == {f"200 {OLD}", f"200 {NEW}"}


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"statuses": {OLD: 200, NEW: 500}}, "in the shadow: errors"),
        ({"readings": {OLD: (7, True), NEW: (1, True)}}, "in the shadow: disagreement"),
        ({"readings": {OLD: (7, True), NEW: (7, False)}}, "in the shadow: not accepted beyond the champion's"),
    ],
)
def test_a_challenger_beyond_a_bound_is_taken_back_and_no_request_is_lost(
    promotion: Promotion, api: Api, load: "Counter[str]", fault: dict[str, Any], told: str
) -> None:
    vars(api.traffic).update(fault)
    with pytest.raises(NotPromoted, match=told):
        run(promotion)
    assert_as_before(promotion, api)
    assert (record(promotion)[0]["outcome"], told in record(promotion)[0]["why"]) == ("taken back", True)
    assert set(load) == {f"200 {OLD}"}


def test_a_challenger_that_fails_when_clients_ask_it_is_taken_back_and_they_do_not_notice(
    promotion: Promotion, api: Api, load: "Counter[str]"
) -> None:
    def break_it(line: str) -> None:
        if line.startswith("canary of 25 %"):
            api.traffic.statuses[NEW] = 0

    promotion.say = break_it
    with pytest.raises(NotPromoted, match="in the canary of 25 %: errors"):
        run(promotion)
    assert_as_before(promotion, api)
    assert {key.partition(" ")[0] for key in load} == {"200"}


def tell(promotion: Promotion) -> None:
    """Tell, in place of a splitter, that it is there."""
    Told(at=time.time()).write(promotion.places.tally)


@pytest.mark.parametrize("step", ["watch", "register"])
def test_a_promotion_that_was_killed_before_it_took_over_is_taken_away_by_the_next(
    promotion: Promotion, api: Api, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    tell(promotion)
    with monkeypatch.context() as patch:
        patch.setattr(Promotion, "take_back", killed)
        patch.setattr(*((Promotion, "watch", killed) if step == "watch" else (promote, "register", killed)))
        with pytest.raises(KeyboardInterrupt):
            run(promotion)
    assert api.traffic.default == OLD
    following = Promotion(promotion.server, LOOSE, say=lambda line: None)
    assert not following.resumed()
    assert_as_before(promotion, api)
    assert record(promotion)[0]["why"] == "its command was killed"


def test_a_promotion_that_is_told_to_end_takes_its_challenger_away(promotion: Promotion, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def told_to_end(*_: Any) -> None:
        raise KeyboardInterrupt

    tell(promotion)
    monkeypatch.setattr(Promotion, "watch", told_to_end)
    with pytest.raises(KeyboardInterrupt):
        run(promotion)
    assert_as_before(promotion, api)
    assert record(promotion)[0]["why"] == "told to end"


@pytest.mark.parametrize("step", ["publish", "make_default", "append"])
def test_a_promotion_that_was_killed_while_it_took_over_is_completed_by_the_next(
    promotion: Promotion, api: Api, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    tell(promotion)
    monkeypatch.setattr(Promotion, "watch", lambda *_: None)
    with monkeypatch.context() as patch:
        patch.setattr(promote, step, killed)
        with pytest.raises(KeyboardInterrupt):
            run(promotion)
    following = Promotion(promotion.server, LOOSE, say=lambda line: None)
    assert following.resumed()
    assert (api.traffic.default, record(promotion)[-1]["outcome"]) == (NEW, "promoted")
    assert [path.name for path in load_order(promotion.server.model_store)] == ["digits.mar", f"digits-{OLD}.mar"]
    assert not following.resumed()


def test_another_archive_than_the_tried_one_is_not_taken_over(promotion: Promotion, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(promotion)
    monkeypatch.setattr(Promotion, "watch", lambda self, *_: archive_of(self.places.staged, "6.6"))
    with pytest.raises(NotPromoted, match="is not the archive that was tried"):
        run(promotion)
    assert_as_before(promotion, api)


def test_a_server_that_was_not_started_for_promotions_is_told_as_such(promotion: Promotion, api: Api) -> None:
    tell(promotion)
    api.refuses = 405
    with pytest.raises(NotPromoted, match="make run PROMOTIONS=on"):
        run(promotion)
    assert_as_before(promotion, api)


def test_without_a_splitter_nothing_begins(promotion: Promotion, api: Api) -> None:
    with pytest.raises(NotPromoted, match="make splitter starts it"):
        run(promotion)
    Told(at=time.time() - 60).write(promotion.places.tally)
    with pytest.raises(NotPromoted, match="make splitter starts it"):
        run(promotion)
    assert not promotion.places.record.exists()


@pytest.mark.parametrize("version", ["1.0", "0.9"])
def test_a_version_that_is_not_newer_than_the_served_one_is_refused(promotion: Promotion, api: Api, version: str) -> None:
    with pytest.raises(NotPromoted, match=rf"of version {version}; digits has 1\.0, and 1\.0 answers"):
        promotion.noted(admitted(promotion, version), promotion.server.known(), "anna")


def test_a_verdict_about_another_champion_is_refused(promotion: Promotion, api: Api) -> None:
    with pytest.raises(NotPromoted, match="compares with other weights than those of digits"):
        promotion.noted(replace(admitted(promotion), champion="0" * 64), promotion.server.known(), "anna")


def test_without_a_server_the_command_says_so(promotion: Promotion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Server, "pid", lambda self: None)
    with pytest.raises(ServerError, match="no server is running on port 21200; make run PROMOTIONS=on starts it"):
        run(promotion)
