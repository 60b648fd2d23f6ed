"""The page in a real browser, before a server that answers by heart."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from consoles import NO_DIGIT, NUMBERS, PNG, REFUSED, UNREADABLE, FakeServer, console_before, listening

from console.feedback import FolderStore

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow
WAIT_MS = 20_000
PHONE, DESKTOP = (360, 740), (1200, 860)
SEVEN = ((0.28, 0.25), (0.5, 0.24), (0.74, 0.25), (0.66, 0.42), (0.56, 0.6), (0.47, 0.82))
HOSTILE = "<img src=x onerror=document.title='pwned'>.png"
SERIOUS = ("serious", "critical")


@dataclass
class Opened:
    """The page as a browser shows it, the server behind it, and what the browser complained about."""

    page: "Page"
    fake: FakeServer
    kept: Path
    complaints: list[str] = field(default_factory=list)

    def choose(self, *files: tuple[str, bytes]) -> None:
        self.page.set_input_files("#files", [{"name": name, "mimeType": "image/png", "buffer": content} for name, content in files])

    def reads(self, digit: str) -> None:
        self.shows("#digit", digit)

    def shows(self, place: str, text: str | re.Pattern[str]) -> None:
        """Wait until an element has this text, or text like it."""
        from playwright.sync_api import expect

        expect(self.page.locator(place)).to_have_text(text, timeout=WAIT_MS)


@contextmanager
def opened(
    browser: "Browser", folder: Path, path: str = "", size: tuple[int, int] = DESKTOP, scheme: Any = "light", **changed: Any
) -> Iterator[Opened]:
    fake = FakeServer()
    console = console_before(fake, folder, store=FolderStore(folder / "kept"), **changed)
    with listening(console) as origin:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
        page = context.new_page()
        told = Opened(page, fake, folder / "kept")
        page.on("pageerror", lambda error: told.complaints.append(str(error)))
        page.on("console", lambda said: told.complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.goto(f"{origin}/{path}")
        page.wait_for_selector("#server[data-state=up]")
        yield told
        context.close()


@pytest.fixture
def shown(browser: "Browser", tmp_path: Path) -> Iterator[Opened]:
    with opened(browser, tmp_path) as told:
        yield told
        assert [text for text in told.complaints if not REFUSED.search(text)] == []


def draw(page: "Page", *strokes: tuple[tuple[float, float], ...]) -> None:
    box = page.locator("#drawing").bounding_box()
    assert box is not None
    for (x, y), *others in strokes:
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        page.mouse.down()
        for x, y in others:
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=5)
        page.mouse.up()


def test_a_stroke_is_read_by_both_models_and_explained(shown: Opened) -> None:
    draw(shown.page, SEVEN)
    shown.reads("7")
    shown.page.wait_for_selector("#overlay:not([hidden])")
    assert shown.page.inner_text("#sure") == "97.3 % sure"
    assert shown.page.inner_text("#badge") == "accepted"
    assert shown.page.inner_text("#bars li:nth-child(10)").split() == ["9", "0.7", "%"]
    assert shown.page.locator("#models td:nth-child(2)").all_inner_texts() == ["7", "7"]
    assert all(picture.startswith(b"\x89PNG") for picture in shown.fake.pictures())
    assert {request.url.path for request in shown.fake.asked} >= {"/predictions/digits", "/predictions/digits_onnx", "/explanations/digits"}


def test_the_answer_comes_while_a_stroke_is_still_drawn(shown: Opened) -> None:
    box = shown.page.locator("#drawing").bounding_box()
    assert box is not None
    shown.page.mouse.move(box["x"] + 100, box["y"] + 100)
    shown.page.mouse.down()
    shown.page.mouse.move(box["x"] + 200, box["y"] + 200, steps=5)
    shown.reads("7")
    shown.page.mouse.up()


def test_undo_takes_back_a_stroke_and_clear_all(shown: Opened) -> None:
    draw(shown.page, SEVEN, ((0.4, 0.5), (0.7, 0.5)))
    shown.reads("7")
    shown.page.click("#undo")
    shown.reads("7")
    shown.page.click("#clear")
    shown.reads("?")
    assert shown.page.locator("#bars button:enabled").count() == 0


def test_keys_alone_draw(shown: Opened) -> None:
    shown.page.focus("#drawing")
    for key in ("ArrowUp", "Space", *["ArrowDown"] * 8, "Space"):
        shown.page.keyboard.press(key)
    shown.reads("7")
    assert shown.page.inner_text("#pen") == "Pen up"
    shown.page.keyboard.press("Delete")
    shown.reads("?")


def test_the_answer_is_told_to_a_screen_reader_once_it_stays(shown: Opened) -> None:
    draw(shown.page, SEVEN)
    shown.shows("#told", "7, 97.3 % sure, accepted")


def test_a_picture_that_is_not_accepted_says_why(shown: Opened) -> None:
    shown.fake.prediction = NO_DIGIT
    shown.choose(("letter.png", PNG))
    shown.shows("#badge", "not accepted: no digit")
    assert shown.page.locator("#verdict").get_attribute("data-state") == "unsure"


def test_chosen_pictures_stand_in_a_row_with_their_digits(shown: Opened) -> None:
    shown.choose(("one.png", PNG), ("broken.png", b"broken"), ("two.png", PNG))
    shown.shows("#strip", "7✕7")
    shown.page.click("#strip li:nth-child(2) button")
    shown.reads("–")
    assert shown.page.inner_text("#why") == UNREADABLE["message"]
    assert shown.page.is_visible("#no-preview")
    assert shown.page.is_hidden("#feedback")


def test_a_dropped_and_a_pasted_picture_are_read(shown: Opened) -> None:
    give = """([kind, bytes]) => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], `${kind}.png`, {type: 'image/png'}));
        const made = kind === 'drop' ? new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true})
                                     : new ClipboardEvent('paste', {clipboardData: data, bubbles: true});
        document.body.dispatchEvent(made);
    }"""
    for kind in ("drop", "paste"):
        shown.page.evaluate(give, [kind, list(PNG)])
        shown.shows("#snippet", re.compile(f"-T {kind}.png"))
        shown.reads("7")
    assert shown.fake.pictures().count(PNG) == 4


def test_the_camera_takes_a_picture(shown: Opened) -> None:
    shown.page.click("#open-camera")
    shown.page.click("#shoot:enabled")
    shown.reads("7")
    assert shown.page.is_hidden("#camera")
    assert shown.fake.pictures()[-1].startswith(b"\xff\xd8\xff")


def test_markup_in_a_files_name_is_text(shown: Opened) -> None:
    shown.choose((HOSTILE, PNG), (HOSTILE, b"broken"))
    shown.reads("7")
    assert HOSTILE in shown.page.inner_text("#snippet").replace("'\\''", "'")
    assert shown.page.title() == "digits: try it"


def test_another_digits_bar_asks_what_speaks_for_it(shown: Opened) -> None:
    draw(shown.page, SEVEN)
    shown.reads("7")
    shown.page.click("#bars li:nth-child(2) button")
    shown.page.wait_for_selector("#bars li:nth-child(2) button[aria-pressed=true]")
    shown.page.wait_for_selector("#overlay[alt*='a 1']")
    assert "1" in [request.headers.get("x-target") for request in shown.fake.asked]


@pytest.mark.parametrize("truth", ["3", ""])
def test_what_a_person_says_is_kept_with_the_picture(shown: Opened, truth: str) -> None:
    shown.choose(("seven.png", PNG))
    shown.reads("7")
    shown.page.click(f"#choices button:has-text('{truth or 'no digit'}')")
    shown.shows("#thanks", re.compile("^Kept"))
    told = json.loads((shown.kept / "feedback.jsonl").read_text())
    assert (told["truth"], told["read"], told["model"], told["version"]) == (truth, "7", "digits", "1.0")
    assert (shown.kept / told["picture"]).read_bytes() == PNG


def test_numbers_are_boxed_over_the_picture_where_a_model_reads_them(browser: "Browser", tmp_path: Path) -> None:
    with opened(browser, tmp_path, models=("digits", "numbers")) as shown:
        shown.choose(("page.png", PNG))
        shown.page.wait_for_selector("#boxes polygon.unsure")
        assert shown.page.locator("#boxes").get_attribute("viewBox") == "0 0 200 100"
        assert shown.page.locator("#boxes polygon").count() == len(NUMBERS["numbers"])
        assert shown.page.locator("#boxes text").all_text_contents() == ["12.50", "47"]
        assert re.split(r"\s*\n\s*", shown.page.inner_text("#numbers-list"))[0].startswith("12.50")


def test_the_pages_of_a_document_are_shown_one_by_one_as_the_server_draws_them(browser: "Browser", tmp_path: Path) -> None:
    with opened(browser, tmp_path, models=("digits", "numbers")) as shown:
        first, second = NUMBERS["numbers"]
        late = {"code": 503, "type": "Overloaded", "message": "time was over before page 3 was read"}
        pages = [{"page": 1, "width": 200, "height": 100}, {"page": 2, "width": 100, "height": 50}, {"page": 3, "error": late}]
        shown.fake.numbers = {"numbers": [first, second | {"page": 2}], "pages": pages}
        shown.choose(("two pages.PDF", b"%PDF-1.7"))
        for page, told, text in ((1, "1 found", "12.50"), (2, "1 found", "47"), (3, late["message"], "")):
            shown.shows("#page-told", f"Page {page} of 3")
            assert shown.page.inner_text("#numbers-told") == told
            assert shown.page.inner_text("#numbers-list").startswith(text)
            if page < 3:
                shown.page.wait_for_selector(f"#picture[alt^='Page {page} ']")
                assert shown.page.is_hidden("#boxes")
                shown.page.click("#next-page")
        assert shown.page.locator("#next-page").is_disabled()
        asked = [(request.url.path, request.headers.get("x-page")) for request in shown.fake.asked if request.method == "POST"]
        assert asked == [("/predictions/numbers", None), ("/predictions/numbers", "1"), ("/predictions/numbers", "2")]
        assert "predictions/numbers" in shown.page.inner_text("#snippet")
        assert shown.page.inner_text("#digit") == "?"


def test_without_such_a_model_that_part_is_absent(shown: Opened) -> None:
    shown.choose(("page.png", PNG))
    shown.reads("7")
    assert shown.page.is_hidden("#numbers")


def test_the_shell_line_sends_the_file_whatever_its_name(shown: Opened, tmp_path: Path) -> None:
    recorder = tmp_path / "curl"
    recorder.write_text('#!/bin/sh\nfor each in "$@"; do printf "%s\\0" "$each"; done > told\n')
    recorder.chmod(0o755)
    for name in ("a b.png", "it's.png", "$(touch pwned).png", "-o.png", "[1-9]{a,b}.png", '"q"\\`x`.png', HOSTILE):
        line = shown.page.evaluate(
            "async name => (await import('./page/snippets.js')).asCurl({tokenCommand: 'echo t', url: 'http://127.0.0.1:1/', name})", name
        )
        subprocess.run(["bash", "-c", line], cwd=tmp_path, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True)
        words = (tmp_path / "told").read_text().split("\0")
        assert words[words.index("-T") + 1].removeprefix("./") == name
        assert "Authorization: Bearer t" in words
        assert ("-g" in words) is name.startswith("[")
    assert not (tmp_path / "pwned").exists()


def test_the_python_lines_name_the_file_whatever_its_name(shown: Opened) -> None:
    code = shown.page.evaluate(
        "async name => (await import('./page/snippets.js')).asPython({tokenCommand: '', url: 'http://127.0.0.1:1/', name})", HOSTILE + '"\\'
    )
    assert repr(HOSTILE + '"\\') in repr(compile(code, "snippet", "exec").co_consts)


def test_the_policy_holds_against_inline_scripts_and_markup(browser: "Browser", tmp_path: Path) -> None:
    with opened(browser, tmp_path) as shown:
        script = "document.body.append(Object.assign(document.createElement('script'), {text: 'document.title = 1'}))"
        for attack in (script, "document.body.innerHTML = '<b>x</b>'", "eval('document.title = 1')"):
            shown.page.evaluate(f"() => {{ setTimeout(() => {{ {attack}; }}) }}")  # what the browser's driver runs itself is let through
        shown.page.wait_for_timeout(200)
        assert shown.page.title() == "digits: try it"
        assert shown.page.is_visible("#drawing")
        assert len(shown.complaints) >= 3


def test_the_status_page_shows_what_the_server_counts(browser: "Browser", tmp_path: Path) -> None:
    with opened(browser, tmp_path, "status") as shown:
        tile = shown.page.locator("section.model").first
        assert "1 of 1 worker ready" in tile.inner_text()
        for text in ("40 in all", "BlankPicture", "no_digit", "0.31", "large"):
            assert text in tile.inner_text()
        tile.locator("summary").click()
        assert "99.66 %" in tile.inner_text()
        assert "256,890" in tile.inner_text()
        assert shown.complaints == []


@pytest.mark.parametrize("path", ["", "status"])
@pytest.mark.parametrize(("scheme", "size"), [("light", DESKTOP), ("dark", PHONE)], ids=["desktop", "phone in the dark"])
def test_a_page_keeps_nobody_out_and_is_no_wider_than_its_screen(
    browser: "Browser", axe: str, tmp_path: Path, path: str, scheme: str, size: tuple[int, int]
) -> None:
    with opened(browser, tmp_path, path, size, scheme, models=("digits", "digits_onnx", "numbers")) as shown:
        if not path:
            shown.choose(("one.png", PNG), ("two.png", PNG))
            shown.reads("7")
            shown.page.wait_for_selector("#overlay:not([hidden])")
        shown.page.wait_for_timeout(300)  # transitions end, so that colours are what they will be
        shown.page.evaluate(axe)
        found = shown.page.evaluate("axe.run()")["violations"]
        assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found if each["impact"] in SERIOUS] == []
        assert shown.page.evaluate("document.documentElement.scrollWidth") <= size[0]
