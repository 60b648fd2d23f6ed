"""Who may ask the console, what every answer carries, and what none does."""

from dataclasses import replace
from pathlib import Path

import pytest
from consoles import ORIGIN, PNG, TOKENS, FakeServer, console_before
from starlette.testclient import TestClient

from console.app import create_app
from console.feedback import FolderStore
from console.gate import POLICY, REPORT_POLICY

PAGES = ("/", "/status", "/page/try.js", "/page/style.css", "/api/session", "/api/status", "/nothing", "/reports/none.html")


@pytest.fixture
def fake() -> FakeServer:
    return FakeServer()


@pytest.fixture
def client(fake: FakeServer, tmp_path: Path) -> TestClient:
    """A browser, as it were, that has opened the page: it sends the page's origin, and its token with what it posts."""
    console = console_before(fake, tmp_path, store=FolderStore(tmp_path / "kept"))
    client = TestClient(create_app(console), base_url=ORIGIN, headers={"Origin": ORIGIN})
    client.headers["X-CSRF-Token"] = client.get("/api/session").json()["csrf"]
    return client


def test_its_own_page_gets_an_answer(client: TestClient) -> None:
    assert client.post("/api/predictions/digits", content=PNG).json()["digit"] == 7


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1:8080", "127.0.0.1", "localhost.evil.example:8085", ""])
@pytest.mark.parametrize("path", ["/", "/api/session", "/page/try.js"])
def test_another_name_that_resolves_to_loopback_gets_nothing(client: TestClient, host: str, path: str) -> None:
    answer = client.get(path, headers={"Host": host})
    assert (answer.status_code, answer.json()["type"]) == (421, "ForeignHost")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1:8085", "http://127.0.0.1:8080", ""])
@pytest.mark.parametrize("path", ["/api/predictions/digits", "/api/feedback"])
def test_another_sites_page_can_post_nothing(client: TestClient, fake: FakeServer, origin: str, path: str, tmp_path: Path) -> None:
    answer = client.post(path, content=PNG, headers={"Origin": origin})
    assert (answer.status_code, answer.json()["type"]) == (403, "ForeignOrigin")
    assert fake.pictures() == []
    assert not (tmp_path / "kept").exists()


def test_a_post_without_an_origin_is_refused(client: TestClient) -> None:
    del client.headers["Origin"]
    assert client.post("/api/predictions/digits", content=PNG).json()["type"] == "ForeignOrigin"


def test_another_sites_script_cannot_read_the_session(client: TestClient) -> None:
    answer = client.get("/api/session", headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("token", ["", "0" * 64, "é", "of another browser"])
def test_a_post_needs_the_token_of_its_own_browser(client: TestClient, fake: FakeServer, token: str) -> None:
    if token == "of another browser":
        token = TestClient(client.app, base_url=ORIGIN).get("/api/session").json()["csrf"]
    answer = client.post("/api/predictions/digits", content=PNG, headers={"X-CSRF-Token": token.encode()})
    assert (answer.status_code, answer.json()["type"]) == (403, "WrongCsrfToken")
    assert fake.pictures() == []


def test_without_the_sessions_cookie_a_token_is_worth_nothing(client: TestClient) -> None:
    client.cookies.clear()
    assert client.post("/api/predictions/digits", content=PNG).json()["type"] == "WrongCsrfToken"


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(client: TestClient) -> None:
    client.cookies.clear()
    cookie = client.get("/api/session").headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_carries_the_headers_that_keep_a_page_safe(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["content-security-policy"] == (REPORT_POLICY if path.startswith("/reports") else POLICY)
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] in ("no-store", "no-cache")
    assert client.get(path, headers={"Host": "evil.example"}).headers["content-security-policy"]


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere() -> None:
    assert "unsafe" not in POLICY
    assert "://" not in POLICY
    assert POLICY.startswith("default-src 'none'")


def test_no_answer_holds_a_token_of_the_server(client: TestClient, fake: FakeServer) -> None:
    with client:
        answers = [client.get(path) for path in PAGES]
        answers += [client.post(f"/api/{way}/digits", content=PNG) for way in ("predictions", "explanations")]
    assert {request.headers.get("authorization") for request in fake.asked} >= {f"Bearer {token}" for token in TOKENS.values()}
    for answer in answers:
        assert all(token not in answer.text and token not in str(answer.headers) for token in TOKENS.values())


@pytest.mark.parametrize("passed_on", ["", "/digits"])
def test_it_works_under_a_prefix_whether_the_proxy_passes_it_on_or_not(fake: FakeServer, tmp_path: Path, passed_on: str) -> None:
    outside = "https://console.example.org"
    console = replace(console_before(fake, tmp_path, prefix="/digits"), origins=(outside,))
    client = TestClient(create_app(console), base_url=outside, headers={"Origin": outside})
    assert "Write a digit" in client.get(f"{passed_on}/").text
    session = client.get(f"{passed_on}/api/session")
    assert "Path=/digits" in session.headers["set-cookie"]
    assert "Secure" in session.headers["set-cookie"]
    cookie = {"Cookie": session.headers["set-cookie"].partition(";")[0], "X-CSRF-Token": session.json()["csrf"]}
    assert client.post(f"{passed_on}/api/predictions/digits", content=PNG, headers=cookie).json()["digit"] == 7
    assert client.get(f"{passed_on}/page/try.js").status_code == 200
    bare = client.get("/digits", follow_redirects=False)
    assert (bare.status_code, bare.headers["location"]) == (307, "/digits/")
