"""The story's parts, each by itself: what arrives, who reviews it, what is lost, and what ends the story."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from samples import CAPS, NOW, eventually, opened
from two_versions import NEW, OLD, TwoVersions

from digitkit.collect.sample import to_sample
from digitkit.pictures.codec import decode_picture
from digitkit.readers.digits.canvas import is_canvas
from digitkit.settings import Limits
from loop.desk import Desk
from promotion.errors import NotPromoted
from story import chapters
from story.arrivals import display_digits
from story.chapters import Chapter, CommandFailed, Story, alert_bound, called, mixed
from story.reviewers import copied, poisoned, review, truths_of
from story.steady_clients import SteadyClients, share_read
from testbed.apps import serving
from testbed.pictures import LabelledPicture


@pytest.fixture(scope="module")
def shown() -> list[LabelledPicture]:
    return display_digits(80, np.random.default_rng(0))


def keep(folder: Path, pictures: list[LabelledPicture], limits: Limits, label: str, *, accepted: bool) -> None:
    """Keep pictures as a worker does that reads `label` in each of them."""
    answer = {
        **{"model": "digits", "version": "1.0", "asked_at": NOW, "request_id": "r", "label": label, "confidence": 0.6},
        **{"accepted": accepted, "reason": "", "logits": [0.0] * 10},
    }
    with opened(folder) as store:
        for picture in pictures:
            store.keep(to_sample(decode_picture(picture.png, limits), 512, task="digits", reason="unsure", answer=answer), CAPS, NOW)


def settled(folder: Path) -> dict[str, str]:
    with opened(folder) as store, store.reading() as connection:
        rows = connection.exec_driver_sql("SELECT sha256, truth FROM pictures WHERE truth IS NOT NULL")
        return {row.sha256: row.truth for row in rows}


def test_the_new_source_sends_canvases_of_all_ten_digits(shown: list[LabelledPicture], limits: Limits) -> None:
    assert all(is_canvas(decode_picture(picture.png, limits)) for picture in shown)
    assert {picture.label for picture in shown} == set(range(10))
    assert [picture.png for picture in shown] == [picture.png for picture in display_digits(80, np.random.default_rng(0))]


def test_two_of_three_pictures_that_arrive_are_new() -> None:
    new, usual = ([LabelledPicture(name, 0) for name in names] for names in ([b"a", b"b", b"c", b"d"], [b"x", b"y"]))
    assert [picture.png for picture in mixed(new, usual)] == [b"a", b"b", b"x", b"c", b"d", b"y"]


@pytest.mark.parametrize("accepted", [False, True])
def test_reviewers_settle_what_they_know_also_against_the_model(
    shown: list[LabelledPicture], limits: Limits, tmp_path: Path, *, accepted: bool
) -> None:
    keep(tmp_path, shown, limits, "0", accepted=accepted)
    truths = truths_of(shown)
    count, looks = review(tmp_path, truths, 30)
    assert 30 <= count <= 80
    assert looks >= count
    assert {sha256: truths[sha256] for sha256 in settled(tmp_path)} == settled(tmp_path)


def test_reviewers_stop_when_nothing_is_left(shown: list[LabelledPicture], limits: Limits, tmp_path: Path) -> None:
    keep(tmp_path, shown[:5], limits, "0", accepted=False)
    assert review(tmp_path, truths_of(shown), 30)[0] == 5


def test_of_poisoned_truths_the_share_is_wrong_and_all_are_digits() -> None:
    truths = {str(number): str(number % 10) for number in range(2000)}
    wrong = poisoned(truths, 0.3, 0)
    assert sum(wrong[key] != truth for key, truth in truths.items()) / 2000 == pytest.approx(0.3, abs=0.03)
    assert set(wrong.values()) == set("0123456789")


def test_a_copied_store_has_a_life_of_its_own(shown: list[LabelledPicture], limits: Limits, tmp_path: Path) -> None:
    keep(tmp_path / "one", shown, limits, "0", accepted=False)
    with opened(tmp_path / "one") as store:
        copy = copied(tmp_path / "one", tmp_path / "other")
        Desk(store).claim(next(iter(truths_of(shown))), "3", by="anna")
    assert (len(settled(tmp_path / "one")), len(settled(copy))) == (1, 0)
    assert review(copy, truths_of(shown), 80)[0] == 80


def test_traffic_counts_who_answered_and_every_request_that_nobody_did(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("story.steady_clients.PAUSE_S", 0.001)
    served = TwoVersions()
    with serving(served) as address, SteadyClients(f"{address}/predictions/digits", {}, [LabelledPicture(b"7", 7)]) as traffic:
        eventually(lambda: traffic.answered[OLD] > 5)
        served.default = NEW
        eventually(lambda: traffic.answered[NEW] > 5)
        assert traffic.lost.total() == 0
        served.statuses[NEW] = 503
        eventually(lambda: traffic.lost["503"] > 0)
        assert share_read(f"{address}/predictions/digits/{OLD}", {}, [LabelledPicture(b"7", 7), LabelledPicture(b"3", 3)]) == 0.5
    with SteadyClients(f"{address}/predictions/digits", {}, [LabelledPicture(b"7", 7)]) as traffic:  # whose server is away now
        eventually(lambda: traffic.lost["ConnectionError"] > 0)


def test_the_alert_fires_where_the_rules_say() -> None:
    assert alert_bound() == 0.25


def story(folder: Path) -> Story:
    traffic: Any = SimpleNamespace(pictures=[])
    return Story(SimpleNamespace(), traffic, "", folder / "digits.pt", folder, folder, 0)  # type: ignore[arg-type]


@pytest.fixture
def taught(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The stores that were learned from; nobody learns anything."""
    stores: list[Path] = []
    monkeypatch.setattr(Story, "learn", lambda self, store, run, mnist: stores.append(store))
    monkeypatch.setattr(chapters, "review", lambda store, truths, count: (count, count + 7))
    return stores


def test_poisoned_labels_that_a_gate_stops_are_a_chapter_that_holds(
    taught: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(run: Path) -> None:
        raise NotPromoted("the challenger did not pass the gate reviewed_accuracy: 0.68 beside a limit of 0.9")

    monkeypatch.setattr(chapters, "admit", refuse)
    told = story(tmp_path).is_stopped(tmp_path / "wrong", {})
    assert told.held
    assert "reviewed_accuracy: 0.68" in told.told
    assert not story(tmp_path).is_learned({}).held
    assert taught == [tmp_path / "wrong", tmp_path / "collected"]


def test_poisoned_labels_that_no_gate_stops_end_the_story(taught: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    admitted = SimpleNamespace(gates=[1, 2], card=SimpleNamespace(version="1.1"))
    monkeypatch.setattr(chapters, "admit", lambda run: admitted)
    assert not story(tmp_path).is_stopped(tmp_path / "wrong", {}).held
    assert story(tmp_path).is_learned({}) == Chapter("learned", "200 pictures are reviewed in 207 looks; version 1.1 passes 2 gates", True)


def test_what_was_lost_of_mnist_is_what_the_verdict_says(tmp_path: Path) -> None:
    (tmp_path / "retrained").mkdir()
    (tmp_path / "retrained" / "verdict.json").write_text(json.dumps({"gates": [{"name": "mnist_drop", "figure": 0.0003}]}))
    assert story(tmp_path).gate("mnist_drop") == 0.0003


def test_a_command_that_fails_ends_the_story_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"^loop\.labels ended with 2; .*commands\.log says why$"):
        called("loop.labels", "--nonsense", log=tmp_path / "commands.log")
    assert "--nonsense" in (tmp_path / "commands.log").read_text()
