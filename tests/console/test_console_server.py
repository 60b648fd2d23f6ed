"""The page in a real browser, before the real TorchServe."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from consoles import REFUSED, listening

from console import latency
from console.feedback import FolderStore
from console.run import for_server
from deploy.server import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.server
WAIT_MS = 20_000


@pytest.fixture
def shown(browser: "Browser", server: Server, tmp_path: Path) -> "Iterator[Page]":
    """The page, with feedback kept in tmp_path / kept; the browser must not complain of anything but refused pictures."""
    complaints: list[str] = []
    console = for_server(server, 8085, [], "", tmp_path / "kept")
    assert isinstance(console.store, FolderStore)
    with listening(console) as origin:
        page = browser.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.goto(f"{origin}/")
        page.wait_for_selector("#server[data-state=up]")
        yield page
        page.close()
    assert [text for text in complaints if not REFUSED.search(text)] == []


def shows(page: "Page", place: str, text: str) -> None:
    from playwright.sync_api import expect

    expect(page.locator(place)).to_have_text(text, timeout=WAIT_MS)


def test_a_seven_drawn_stroke_by_stroke_is_read_explained_and_kept(shown: "Page", tmp_path: Path) -> None:
    latency.draw(shown, latency.SEVEN)
    shows(shown, "#digit", "7")
    shown.wait_for_selector("#overlay:not([hidden])", timeout=WAIT_MS)
    assert shown.locator("#models td:nth-child(2)").all_inner_texts() in (["7", "7"], ["(7)", "(7)"])
    shown.click("#choices button:has-text('no digit')")
    shows(shown, "#thanks", "Kept: there is no digit. Thank you.")
    told = json.loads((tmp_path / "kept" / "feedback.jsonl").read_text())
    assert (told["truth"], told["read"], (tmp_path / "kept" / told["picture"]).read_bytes()[:4]) == ("", "7", b"\x89PNG")


def test_pictures_and_a_broken_file_get_their_answers(shown: "Page", ten_pngs: list[bytes]) -> None:
    files = [{"name": f"{i}.png", "mimeType": "image/png", "buffer": picture} for i, picture in enumerate([*ten_pngs[:3], b"broken"])]
    shown.set_input_files("#files", files)
    shown.wait_for_selector("#strip .refused", timeout=WAIT_MS)
    shown.click("#strip li:last-child button")
    shows(shown, "#badge", "400 UnreadablePicture")


def test_the_shell_line_that_the_page_shows_gets_the_same_answer(
    shown: "Page", server: Server, ten_pngs: list[bytes], tmp_path: Path
) -> None:
    shown.set_input_files("#files", [{"name": "it's.png", "mimeType": "image/png", "buffer": ten_pngs[7]}])
    shown.wait_for_selector("#digit:text-is('7')", timeout=WAIT_MS)
    (tmp_path / "it's.png").write_bytes(ten_pngs[7])
    _, curl = shown.inner_text("#snippet").splitlines()
    asked = ["bash", "-c", curl]
    answer = subprocess.run(asked, cwd=tmp_path, env={"TOKEN": server.token(), "PATH": "/usr/bin:/bin"}, capture_output=True, check=True)
    assert json.loads(answer.stdout)["digit"] == 7


def test_the_status_page_shows_both_models_with_their_cards(shown: "Page") -> None:
    shown.goto(shown.url + "status")
    shown.wait_for_selector("section.model:nth-child(2) .badge[data-kind=good]", timeout=WAIT_MS)
    for model in shown.locator("section.model").all():
        assert "1 of 1 worker ready" in model.inner_text()
        model.locator("summary").click()
        assert "1.0" in model.locator("tbody").inner_text()
