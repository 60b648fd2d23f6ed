"""The page of the review in a real browser: by keys alone, by touch, in the dark, and when something is wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from consoles import FakeServer, console_before, listening
from samples import CAPS, opened, sample
from sqlalchemy import select

from digitkit.collect.schema import LABELS, PICTURES
from loop.desk import Desk
from loop.label_errors import Suspect

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow
WAIT_MS = 20_000
PHONE, DESKTOP = (360, 740), (1200, 860)
ALL = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "none", "several", "unsure"]


@dataclass
class Reviewing:
    """The page before a store, and what the browser complained about."""

    page: "Page"
    desk: Desk
    complaints: list[str] = field(default_factory=list)

    def shows(self, place: str, text: str) -> None:
        from playwright.sync_api import expect

        expect(self.page.locator(place)).to_contain_text(text, timeout=WAIT_MS)

    def labels(self) -> list[str]:
        with self.desk.store.reading() as connection:
            return list(connection.execute(select(LABELS.c.label).order_by(LABELS.c.id)).scalars())


@contextmanager
def reviewing(
    browser: "Browser", folder: Path, *, pictures: int = 6, size: tuple[int, int] = DESKTOP, scheme: Any = "light", **changed: Any
) -> Iterator[Reviewing]:
    with opened(folder / "store", *(sample(number, accepted=False, **changed) for number in range(pictures))) as store:
        desk = Desk(store)
        with listening(console_before(FakeServer(), folder, desk=desk)) as origin:
            context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
            page = context.new_page()
            told = Reviewing(page, desk)
            page.on("pageerror", lambda error: told.complaints.append(str(error)))
            page.on("console", lambda said: told.complaints.append(said.text) if said.type in ("error", "warning") else None)
            page.goto(f"{origin}/review")
            page.wait_for_selector("#server[data-state=up]")
            yield told
            context.close()


def test_keys_alone_label_and_undo(browser: "Browser", tmp_path: Path) -> None:
    with reviewing(browser, tmp_path) as shown:
        for number, key in enumerate("7xmu"):
            shown.page.keyboard.press(key)
            shown.shows("#counts", f"{number + 1} answer")
        assert shown.labels() == ["7", "none", "several", "unsure"]
        shown.shows("#last", "You said unsure. digits had read")
        shown.page.keyboard.press("z")
        shown.shows("#last", "taken back")
        shown.shows("#counts", "3 settled, 3 open, 3 answers of yours")
        assert shown.labels() == ["7", "none", "several"]
        assert shown.complaints == []


def test_fast_typing_loses_nothing_and_every_picture_is_labelled_once(browser: "Browser", tmp_path: Path) -> None:
    with reviewing(browser, tmp_path, pictures=12) as shown:
        for number in range(12):
            shown.page.wait_for_selector("#picture:not([hidden])")
            shown.page.keyboard.press(str(number % 10))
        shown.shows("#counts", "12 answers of yours")
        shown.shows("#empty-text", "Every kept picture is settled.")
        with shown.desk.store.reading() as connection:
            assert len(set(connection.execute(select(LABELS.c.sha256)).scalars())) == 12
        assert shown.page.get_attribute("#progress", "value") == "12"
        assert shown.complaints == []


def test_labels_that_are_probably_wrong_are_shown_and_come_again(
    browser: "Browser", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.review.suspects", lambda given: [Suspect(each, "7", "1", 0.01) for each in given.hashes])
    with reviewing(browser, tmp_path) as shown:
        for number in range(2):
            shown.page.keyboard.press("7")
            shown.shows("#counts", f"{number + 1} answer")
        shown.page.click("#suspects-look")
        shown.shows("#suspects-told", "2 labels are probably wrong.")
        shown.page.locator("#suspects button").first.click()
        shown.shows("#counts", "1 settled, 5 open, 2 answers of yours")
        assert shown.page.locator("#suspects li").count() == 1
        assert shown.complaints == []


def test_buttons_do_what_keys_do(browser: "Browser", tmp_path: Path) -> None:
    with reviewing(browser, tmp_path, pictures=len(ALL), size=PHONE) as shown:
        for number, label in enumerate(ALL):
            shown.page.click(f"[data-label='{label}']")
            shown.shows("#counts", f"{number + 1} answer")
        assert shown.labels() == ALL
        shown.page.click("[data-label=undo]")
        shown.shows("#last", "taken back")


def test_an_empty_queue_is_told_and_asked_again(browser: "Browser", tmp_path: Path) -> None:
    with reviewing(browser, tmp_path, pictures=0) as shown:
        shown.shows("#empty-text", "Every kept picture is settled.")
        assert shown.page.is_disabled("[data-label='7']")
        shown.page.keyboard.press("7")
        shown.desk.store.keep(sample(99), CAPS)
        shown.page.click("#look")
        shown.page.wait_for_selector("#picture:not([hidden])")
        assert shown.labels() == []


def test_a_picture_that_has_vanished_is_left_out(browser: "Browser", tmp_path: Path) -> None:
    with opened(tmp_path / "store", sample(0, accepted=False)):
        next((tmp_path / "store").rglob("*.png")).unlink()
    with reviewing(browser, tmp_path, pictures=1) as shown:
        shown.shows("#last", "not there any more")
        shown.shows("#empty-text", "settled")
        with shown.desk.store.reading() as connection:
            assert connection.execute(select(PICTURES.c.sha256)).all() == []


def test_the_other_pages_link_to_the_review_where_there_is_one(browser: "Browser", tmp_path: Path) -> None:
    with reviewing(browser, tmp_path) as shown:
        for page in ("Try", "Status"):
            shown.page.click(f"nav a:has-text('{page}')")
            shown.page.wait_for_selector("#review-link:not([hidden])")


@pytest.mark.parametrize(("scheme", "size"), [("light", DESKTOP), ("dark", PHONE)], ids=["desktop", "phone in the dark"])
def test_the_review_keeps_nobody_out_and_fits_its_screen(
    browser: "Browser", axe: str, tmp_path: Path, scheme: str, size: tuple[int, int]
) -> None:
    with reviewing(browser, tmp_path, size=size, scheme=scheme) as shown:
        shown.page.keyboard.press("7")
        shown.shows("#counts", "1 answer of yours")
        shown.page.evaluate(axe)
        found = shown.page.evaluate("axe.run()")["violations"]
        assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []
        assert shown.page.evaluate("document.documentElement.scrollWidth") <= size[0]
        for label in (*ALL, "undo"):
            assert shown.page.locator(f"[data-label='{label}']").is_visible()
        if size == PHONE:  # everything that is needed stands on the first screen
            assert shown.page.locator("[data-label=undo]").bounding_box()["y"] < PHONE[1] - 40  # type: ignore[index]
