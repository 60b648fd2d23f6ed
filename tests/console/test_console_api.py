"""What the console hands on, what it refuses by itself, and what it keeps."""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from consoles import BODY_BYTES, ORIGIN, PNG, SEVEN, TOKENS, UNREADABLE, FakeServer, console_before
from starlette.testclient import TestClient

from console import run
from console.app import PAGE, create_app
from console.feedback import FolderStore
from deploy.errors import ServerError
from deploy.server import Server

FEEDBACK = {"truth": "3", "model": "digits", "version": "1.0", "read": "7", "confidence": 0.9, "picture": base64.b64encode(PNG).decode()}


@pytest.fixture
def fake() -> FakeServer:
    return FakeServer()


@pytest.fixture
def client(fake: FakeServer, tmp_path: Path) -> TestClient:
    return opened(fake, tmp_path, store=FolderStore(tmp_path / "kept"))


def opened(fake: FakeServer, folder: Path, **changed: Any) -> TestClient:
    client = TestClient(create_app(console_before(fake, folder, **changed)), base_url=ORIGIN, headers={"Origin": ORIGIN})
    client.headers["X-CSRF-Token"] = client.get("/api/session").json()["csrf"]
    return client


def test_a_picture_is_handed_on_as_it_is_and_the_answer_comes_back_with_its_time(client: TestClient, fake: FakeServer) -> None:
    answer = client.post("/api/predictions/digits_onnx", content=PNG)
    assert answer.json() == SEVEN
    assert answer.headers["x-model-version"] == "1.0"
    assert re.fullmatch(r"server;dur=\d+\.\d\d", answer.headers["server-timing"])
    (asked,) = fake.asked
    assert (asked.url, asked.content) == ("http://127.0.0.1:8080/predictions/digits_onnx", PNG)
    assert asked.headers["authorization"] == f"Bearer {TOKENS['inference']}"
    assert "cookie" not in asked.headers


def test_an_explanation_is_a_picture_for_the_digit_that_was_asked_for(client: TestClient, fake: FakeServer) -> None:
    answer = client.post("/api/explanations/digits?target=3", content=PNG)
    assert (answer.headers["content-type"], answer.content) == ("image/png", PNG)
    assert (fake.asked[0].headers["accept"], fake.asked[0].headers["x-target"]) == ("image/png", "3")


def test_a_refusal_of_the_server_comes_back_as_it_is(client: TestClient) -> None:
    answer = client.post("/api/predictions/digits", content=b"broken")
    assert (answer.status_code, answer.json()) == (400, UNREADABLE)


@pytest.mark.parametrize(
    "path",
    ["predictions/letters", "predictions/..%2Fmodels", "models/digits", "predictions/digits%3Fa", "explanations/digits?target=12"],
)
def test_nothing_is_asked_but_what_a_page_asks(client: TestClient, fake: FakeServer, path: str) -> None:
    answer = client.post(f"/api/{path}", content=PNG)
    assert answer.status_code == 404
    assert fake.asked == []


def test_a_body_over_the_servers_limit_is_refused_before_it_is_handed_on(client: TestClient, fake: FakeServer) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(BODY_BYTES // 2**20 + 2):
            yield bytes(2**20)

    for content in (bytes(BODY_BYTES + 1), pieces()):
        answer = client.post("/api/predictions/digits", content=content)
        assert (answer.status_code, answer.json()["type"]) == (413, "TooLarge")
    assert fake.asked == []


def test_a_server_that_is_away_is_told_in_a_sentence(client: TestClient, fake: FakeServer) -> None:
    fake.is_away = True
    answer = client.post("/api/predictions/digits", content=PNG)
    assert (answer.status_code, answer.json()["type"]) == (502, "ServerAway")
    assert "make run" in answer.json()["message"]
    with client:
        assert "make run" in client.get("/api/status").json()["problem"]


def test_markup_that_the_server_answers_is_not_handed_on(client: TestClient, fake: FakeServer) -> None:
    fake.content_type = "text/html"
    answer = client.post("/api/predictions/digits", content=PNG)
    assert (answer.status_code, answer.headers["content-type"]) == (502, "application/json")


def test_a_session_tells_the_models_and_whether_feedback_is_kept(client: TestClient, fake: FakeServer, tmp_path: Path) -> None:
    told = client.get("/api/session").json()
    assert [model["name"] for model in told["models"]] == ["digits", "digits_onnx"]
    assert told["feedback"] is True
    assert opened(fake, tmp_path).get("/api/session").json()["feedback"] is False


def test_reports_are_listed_newest_first_and_nothing_else_of_the_disk_is(client: TestClient, tmp_path: Path) -> None:
    for name in ("reports/quick/report.html", "reports/loadtest/steady/report.html", "secret.html"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("<p>told</p>")
    (tmp_path / "reports" / "key.json").write_text("secret")
    (tmp_path / "reports" / "out.html").symlink_to(tmp_path / "secret.html")
    listed = client.get("/api/session").json()["reports"]
    assert {report["title"] for report in listed} == {"Training: quick", "Load test: steady"}
    answer = client.get(f"/{listed[0]['href']}")
    assert answer.text == "<p>told</p>"
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    for name in ("../secret.html", "..%2Fsecret.html", "key.json", "quick", "out.html", "%2Fetc%2Fpasswd"):
        assert client.get(f"/reports/{name}").status_code == 404


@pytest.mark.parametrize(("truth", "room"), [("3", "digits/3"), ("", "nothing"), ("12.50", "numbers")])
def test_feedback_is_a_line_and_the_picture(client: TestClient, tmp_path: Path, truth: str, room: str) -> None:
    for _ in range(2):
        assert client.post("/api/feedback", json=FEEDBACK | {"truth": truth}).status_code == 204
    first, second = [json.loads(line) for line in (tmp_path / "kept" / "feedback.jsonl").read_text().splitlines()]
    assert {key: first[key] for key in ("truth", "model", "version", "read", "confidence")} == {
        key: FEEDBACK[key] if key != "truth" else truth for key in ("truth", "model", "version", "read", "confidence")
    }
    assert first["picture"] == second["picture"]
    (kept,) = (tmp_path / "kept" / room).iterdir()
    assert (str(kept.relative_to(tmp_path / "kept")), kept.read_bytes(), kept.suffix) == (first["picture"], PNG, ".png")


@pytest.mark.parametrize(
    "changed",
    [
        {"truth": "../../etc"},
        {"truth": "seven"},
        {"truth": 3},
        {"truth": None},
        {"truth": "1" * 65},
        {"model": "<b>"},
        {"version": "a\nb"},
        {"read": "x"},
        {"confidence": "0.5"},
        {"confidence": True},
        {"confidence": 2},
        {"picture": "no base64!"},
        {"picture": ""},
        {"picture": 7},
    ],
    ids=str,
)
def test_feedback_that_no_page_sends_is_refused_and_not_kept(client: TestClient, tmp_path: Path, changed: dict[str, Any]) -> None:
    answer = client.post("/api/feedback", json=FEEDBACK | changed)
    assert (answer.status_code, answer.json()["type"]) == (400, "BadRequest")
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b'"text"', b"\xff", b"[" * 2000])
def test_a_body_that_is_no_feedback_is_refused(client: TestClient, body: bytes) -> None:
    assert client.post("/api/feedback", content=body).status_code == 400


def test_a_folder_that_cannot_be_written_is_told(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file")
    answer = client.post("/api/feedback", json=FEEDBACK)
    assert (answer.status_code, answer.json()["type"]) == (507, "NotKept")


def test_feedback_is_off_until_it_is_switched_on(fake: FakeServer, tmp_path: Path) -> None:
    answer = opened(fake, tmp_path).post("/api/feedback", json=FEEDBACK)
    assert (answer.status_code, "FEEDBACK" in answer.json()["message"]) == (404, True)


def test_the_page_is_small_and_loads_nothing_from_elsewhere() -> None:
    files = [path for path in PAGE.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 150_000
    for path in files:
        foreign = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"']*", path.read_text()))
        assert foreign <= {"http://www.w3.org/2000/svg"}, path.name


def test_the_page_has_no_markup_made_of_text_and_no_style_or_script_inline() -> None:
    scripts = "".join(path.read_text() for path in PAGE.glob("*.js"))
    assert re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", scripts) is None
    for path in PAGE.glob("*.html"):
        assert re.search(r"\son\w+=|\sstyle=|<style|<script(?![^>]*\ssrc=)", path.read_text()) is None


def test_without_a_server_the_command_ends_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="no server is running on port 18080; make run starts it"):
        run.for_server(Server(18080, state=tmp_path), 18085, [], "", None)


@pytest.mark.parametrize(("origin", "prefix"), [("console.example.org", ""), ("https://a.example/b", ""), ("", "digits"), ("", "/digits/")])
def test_flags_that_cannot_be_used_are_refused(monkeypatch: pytest.MonkeyPatch, origin: str, prefix: str) -> None:
    monkeypatch.setattr(Server, "pid", lambda server: 1)
    with pytest.raises(ServerError, match=r"as (https://console\.example\.org|/digits)"):
        run.for_server(Server(18080), 18085, [origin] if origin else [], prefix, None)
