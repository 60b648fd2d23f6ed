"""The splitting proxy: what goes to which version, what is copied, and what a client sees when the challenger fails."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from two_versions import BODY_BYTES, NEW, OLD, TwoVersions, split

from promotion.promotion_places import Places
from promotion.traffic.route import Route
from promotion.traffic.splitter import BEAT_S
from promotion.traffic.traffic_tally import Told
from testbed.apps import serving

REQUESTS = 20


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "promotion", tmp_path / "store")


@pytest.fixture
def versions() -> TwoVersions:
    return TwoVersions()


@pytest.fixture
def client(versions: TwoVersions, places: Places) -> Iterator[httpx.Client]:
    """A client of a splitter."""
    with serving(versions) as url, split(url, places) as address, httpx.Client(base_url=address, trust_env=False, timeout=20) as client:
        yield client


def lead(places: Places, share: float, *, lease_s: float = 60.0, stage: str = "a stage") -> None:
    """Write a route and wait until the splitter follows it."""
    Route(stage=stage, version=NEW, models=["digits"], share=share, until=time.time() + lease_s).write(places.route)
    wait_for(places, stage)


def wait_for(places: Places, stage: str) -> Told:
    """What the splitter tells of a stage once it tells of it."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        told = Told.read(places.tally)
        if told is not None and told.stage == stage:
            return told
        time.sleep(0.02)
    raise AssertionError(f"the splitter does not tell of {stage!r}")


def compared(places: Places, pictures: int) -> Told:
    """What the splitter tells once so many pictures were read by both versions."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        told = Told.read(places.tally)
        if told is not None and told.compared >= pictures:
            return told
        time.sleep(0.02)
    raise AssertionError(f"{pictures} pictures were not compared: {Told.read(places.tally)}")


def ask(client: httpx.Client, path: str = "/predictions/digits") -> list[str]:
    """The versions that answer REQUESTS requests, each of which must be answered."""
    answers = [client.post(path, content=b"picture", headers={"Authorization": "Bearer a"}) for _ in range(REQUESTS)]
    assert {answer.status_code for answer in answers} == {200}
    return [answer.headers["x-model-version"] for answer in answers]


def test_without_a_promotion_everything_is_passed_on_as_it_came(client: httpx.Client, versions: TwoVersions, places: Places) -> None:
    answer = client.post("/predictions/digits?a=%20b", content=b"picture", headers={"Authorization": "Bearer a"})
    assert (answer.json()["sent"], answer.json()["query"], answer.headers["x-model-version"]) == ("picture", "a=%20b", OLD)
    assert versions.tokens == [b"Bearer a"]
    assert wait_for(places, "").challenger.asked == 0


def test_in_the_shadow_the_challenger_reads_copies_and_answers_nobody(client: httpx.Client, versions: TwoVersions, places: Places) -> None:
    versions.readings[NEW] = (1, True)
    lead(places, 0.0)
    assert ask(client) == [OLD] * REQUESTS
    told = compared(places, REQUESTS)
    assert (told.differing, told.dropped, versions.answered[NEW]) == (REQUESTS, 0, REQUESTS)
    assert set(versions.tokens) == {b"Bearer a"}


def test_a_share_of_the_requests_goes_to_the_challenger(client: httpx.Client, versions: TwoVersions, places: Places) -> None:
    lead(places, 0.5)
    assert set(ask(client)) == {OLD, NEW}
    lead(places, 1.0, stage="all")
    assert ask(client) == [NEW] * REQUESTS
    told = compared(places, REQUESTS)
    assert (told.champion.asked, told.challenger.asked) == (REQUESTS, REQUESTS)  # the champion reads the copies now


@pytest.mark.parametrize("status", [0, 500, 503])
def test_what_the_challenger_does_not_answer_the_champion_does(
    client: httpx.Client, versions: TwoVersions, places: Places, status: int
) -> None:
    versions.statuses[NEW] = status
    lead(places, 1.0)
    assert ask(client) == [OLD] * REQUESTS
    assert wait_for(places, "a stage").challenger.errors >= 1


def test_a_route_that_nobody_renews_ends_by_itself(client: httpx.Client, places: Places) -> None:
    lead(places, 1.0, lease_s=1.5)
    assert ask(client)[0] == NEW
    wait_for(places, "")
    assert ask(client) == [OLD] * REQUESTS


def test_pictures_that_only_one_version_accepts_are_counted_for_the_other(
    client: httpx.Client, versions: TwoVersions, places: Places
) -> None:
    versions.readings[NEW] = (1, False)
    lead(places, 0.0)
    ask(client)
    told = compared(places, REQUESTS)
    assert (told.champion.not_accepted, told.challenger.not_accepted, told.differing) == (0, REQUESTS, 0)


def test_slow_copies_are_dropped_and_delay_nobody(client: httpx.Client, versions: TwoVersions, places: Places) -> None:
    versions.delays_s[NEW] = 60.0
    lead(places, 0.0)
    began = time.monotonic()
    for _ in range(4):
        assert ask(client) == [OLD] * REQUESTS
    assert time.monotonic() - began < 60.0
    time.sleep(2 * BEAT_S)
    assert wait_for(places, "a stage").dropped > 0


def test_a_path_with_a_version_and_other_models_stay_as_they_are(client: httpx.Client, versions: TwoVersions, places: Places) -> None:
    lead(places, 1.0)
    assert ask(client, f"/predictions/digits/{OLD}") == [OLD] * REQUESTS
    assert ask(client, "/predictions/numbers") == [OLD] * REQUESTS


def test_a_server_that_is_away_is_told_as_such(places: Places) -> None:
    with split("http://127.0.0.1:9", places) as address:
        answer = httpx.post(f"{address}/predictions/digits", content=b"picture", trust_env=False)
    assert (answer.status_code, answer.json()["type"], answer.headers["retry-after"]) == (503, "ServiceUnavailable", "1")


def test_too_long_a_body_and_an_unknown_method_are_refused(client: httpx.Client, versions: TwoVersions) -> None:
    assert client.post("/predictions/digits", content=b"x" * (BODY_BYTES + 1)).json()["type"] == "TooLarge"
    assert client.request("TRACE", "/predictions/digits").status_code == 405
    assert versions.answered.total() == 0
