"""The review behind the console's gate: who is lent what, what is refused, and where feedback goes."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from consoles import ORIGIN, PNG, FakeServer, console_before
from samples import files_in, knobs, opened, sample
from sqlalchemy import select
from starlette.testclient import TestClient

from console.app import create_app
from console.review import KeptFeedback
from digitkit.collect.schema import ANSWERS, LABELS, PICTURES
from digitkit.settings import Limits
from loop.desk import Desk
from loop.label_errors import Suspect

FEEDBACK = {"truth": "3", "model": "digits", "version": "1.0", "read": "7", "confidence": 0.9, "picture": base64.b64encode(PNG).decode()}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with opened(tmp_path / "store", *(sample(number, accepted=False) for number in range(6))) as store:
        yield Desk(store)


def browser_before(desk: Desk | None, folder: Path, **changed: Any) -> TestClient:
    """A browser with a session of its own."""
    console = console_before(FakeServer(), folder, desk=desk, **changed)
    client = TestClient(create_app(console), base_url=ORIGIN, headers={"Origin": ORIGIN})
    client.headers["X-CSRF-Token"] = client.get("/api/session").json()["csrf"]
    return client


@pytest.fixture
def client(desk: Desk, tmp_path: Path) -> TestClient:
    return browser_before(desk, tmp_path)


def taken(client: TestClient) -> list[str]:
    return [picture["sha256"] for picture in client.post("/api/review/take").json()["pictures"]]


def test_a_browser_takes_labels_and_takes_back(client: TestClient) -> None:
    first, *_ = taken(client)
    told = client.post("/api/review/label", json={"picture": first, "label": "4"}).json()
    assert [(read["model"], read["confidence"], read["accepted"]) for read in told["read"]] == [("digits", 0.5, False)]
    assert told["progress"] == {"open": 5, "settled": 1, "yours": 1}
    back = client.post("/api/review/undo").json()
    assert back == {
        "picture": {"sha256": first, "again": False, "contradicted": False},
        "progress": {"open": 6, "settled": 0, "yours": 0},
    }
    assert client.post("/api/review/undo").json()["picture"] is None


def test_what_was_read_is_not_told_before_the_label(client: TestClient) -> None:
    assert all(set(picture) == {"sha256", "again", "contradicted"} for picture in client.post("/api/review/take").json()["pictures"])


def test_two_browsers_get_different_pictures(desk: Desk, tmp_path: Path) -> None:
    first, second = browser_before(desk, tmp_path), browser_before(desk, tmp_path)
    assert set(taken(first)) & set(taken(second)) == set()
    answer = second.post("/api/review/label", json={"picture": taken(first)[0], "label": "4"})
    assert (answer.status_code, answer.json()["type"]) == (409, "NotYours")


def test_a_picture_is_its_png(client: TestClient) -> None:
    answer = client.get(f"/api/review/picture/{sample(0).sha256}")
    assert (answer.content, answer.headers["content-type"], answer.headers["cache-control"]) == (sample(0).png, "image/png", "no-store")


@pytest.mark.parametrize("name", ["0" * 64, "..%2Frecords.sqlite", "0" * 63, "A" * 64])
def test_no_other_file_is_given_out(client: TestClient, name: str) -> None:
    assert client.get(f"/api/review/picture/{name}").status_code == 404


def test_a_picture_that_has_vanished_is_forgotten(client: TestClient, tmp_path: Path) -> None:
    lost = taken(client)[0]
    next(tmp_path.rglob(f"{lost}.png")).unlink()
    assert client.get(f"/api/review/picture/{lost}").status_code == 404
    assert lost not in taken(client)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b'{"picture": 7, "label": "7"}', b'{"picture": "x", "label": "7"}', b'{"label": "7"}', b"7", b"[" * 2000],
)
def test_a_label_that_no_page_sends_is_refused(client: TestClient, body: bytes) -> None:
    assert client.post("/api/review/label", content=body).status_code == 400


@pytest.mark.parametrize("label", ["10", "", "seven", None, 7, ["7"]])
def test_what_is_none_of_the_answers_is_refused(client: TestClient, label: Any) -> None:
    assert client.post("/api/review/label", json={"picture": taken(client)[0], "label": label}).status_code == 400


def test_a_body_that_is_too_long_is_refused(client: TestClient) -> None:
    assert client.post("/api/review/label", content=bytes(5000)).status_code == 413


@pytest.mark.parametrize("step", ["take", "label", "undo", "suspects", "again"])
def test_a_page_of_another_site_can_do_nothing(client: TestClient, step: str) -> None:
    assert client.post(f"/api/review/{step}", headers={"Origin": "https://evil.example"}).status_code == 403
    assert client.post(f"/api/review/{step}", headers={"X-CSRF-Token": "guessed"}).status_code == 403
    assert client.get(f"/api/review/{step}").status_code == 405


def test_the_name_of_a_reviewer_is_not_their_cookie(client: TestClient, desk: Desk) -> None:
    client.post("/api/review/label", json={"picture": taken(client)[0], "label": "4"})
    with desk.store.reading() as connection:
        (reviewer,) = connection.execute(select(LABELS.c.reviewer)).scalars()
    assert reviewer not in client.cookies["digits_console"]


def test_review_is_off_until_a_store_is_named(tmp_path: Path) -> None:
    client = browser_before(None, tmp_path)
    assert client.get("/api/session").json()["review"] is False
    answer = client.post("/api/review/take")
    assert (answer.status_code, "COLLECTED" in answer.json()["message"]) == (404, True)


def test_a_store_that_breaks_is_told_in_a_sentence(client: TestClient, tmp_path: Path) -> None:
    for path in (tmp_path / "store").glob("records.sqlite*"):
        path.write_bytes(b"broken" * 1000)
    answer = client.post("/api/review/take")
    assert (answer.status_code, answer.json()["type"]) == (507, "NoStore")


def feedback_of(desk: Desk, limits: Limits, **changed: Any) -> KeptFeedback:
    return KeptFeedback(desk, knobs("/nowhere", **changed), limits, {"digits": "digits", "numbers": "numbers"})


def test_feedback_goes_into_the_store_as_a_claim_that_is_reviewed(desk: Desk, limits: Limits, tmp_path: Path) -> None:
    client = browser_before(desk, tmp_path, store=feedback_of(desk, limits))
    assert client.post("/api/feedback", json=FEEDBACK | {"accepted": True}).status_code == 204
    with desk.store.reading() as connection:
        (kept,) = connection.execute(select(PICTURES).where(PICTURES.c.reason == "feedback")).all()
        (answer,) = connection.execute(select(ANSWERS).where(ANSWERS.c.sha256 == kept.sha256)).all()
    assert (answer.label, answer.accepted, kept.task, answer.logits, kept.truth) == ("7", True, "digits", None, None)
    assert kept.sha256 == taken(client)[0]  # the answer and the feedback contradict each other


def test_feedback_leaves_what_a_worker_noted(desk: Desk, limits: Limits, tmp_path: Path) -> None:
    client = browser_before(desk, tmp_path, store=feedback_of(desk, limits))
    picture = base64.b64encode(sample(0).png).decode()
    client.post("/api/feedback", json=FEEDBACK | {"picture": picture, "truth": ""})
    with desk.store.reading() as connection:
        (answer,) = connection.execute(select(ANSWERS).where(ANSWERS.c.sha256 == sample(0).sha256)).all()
        assert (answer.request_id, len(answer.logits)) == ("request-0", 10)
        assert connection.execute(select(LABELS.c.label)).scalars().all() == ["none"]


def test_feedback_that_is_no_picture_or_over_the_cap_is_refused(desk: Desk, limits: Limits, tmp_path: Path) -> None:
    client = browser_before(desk, tmp_path, store=feedback_of(desk, limits, store_bytes=1))
    assert client.post("/api/feedback", json=FEEDBACK).status_code == 429
    answer = client.post("/api/feedback", json=FEEDBACK | {"picture": base64.b64encode(b"no picture").decode()})
    assert (answer.status_code, answer.json()["type"]) == (400, "UnreadablePicture")
    assert len(files_in(tmp_path)) == 6


def test_labels_that_are_probably_wrong_are_listed_without_what_was_read_and_come_again(
    client: TestClient, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = sample(2).sha256
    desk.claim(wrong, "9", by="anna")
    monkeypatch.setattr("console.review.suspects", lambda given: [Suspect(each, "9", "2", 0.01) for each in given.hashes])
    assert client.post("/api/review/suspects").json() == {"suspects": [{"sha256": wrong, "label": "9"}], "count": 1}
    assert client.post("/api/review/again", json={"picture": wrong}).json()["progress"] == {"open": 6, "settled": 0, "yours": 0}
    assert client.post("/api/review/suspects").json()["count"] == 0


def test_too_few_labels_and_a_library_that_is_not_there_are_told_in_a_sentence(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = client.post("/api/review/suspects")
    assert (answer.status_code, answer.json()["type"]) == (409, "TooFewLabels")

    def lacking(given: object) -> list[Suspect]:
        raise ImportError

    monkeypatch.setattr("console.review.suspects", lacking)
    answer = client.post("/api/review/suspects")
    assert (answer.status_code, "extra review" in answer.json()["message"]) == (501, True)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"picture": 7}', b'{"picture": "x"}', b"[" * 2000])
def test_what_names_no_picture_is_not_reviewed_again(client: TestClient, body: bytes) -> None:
    assert client.post("/api/review/again", content=body).status_code == 400
