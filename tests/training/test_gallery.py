"""docs/uses.md: the released weights answer its commands as it says, its pictures can be drawn, its figures are the measured ones."""

import csv
import io
import re
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from digitkit.pictures.codec import encode_png
from training.data.mnist import Split, load_train
from training.evaluate.gallery.gallery_answers import BLOCKS, Answerer, with_answers
from training.evaluate.gallery.uses_drawn import DRAWN
from training.evaluate.lines.number_sets import LINE_SETS
from training.evaluate.pages.page_sets import PAGE_SETS

PAGE = (ROOT / "docs" / "uses.md").read_text()
MEASURED = (ROOT / "docs" / "evaluation.md").read_text() + (ROOT / "docs" / "numbers.md").read_text()
SMALL_BYTES = 25_000
ABOUT = {"confidence": 0.05, **{f"{axis}{corner}": 2.0 for axis in "xy" for corner in range(1, 5)}}  # machines compute a little differently


@pytest.fixture(scope="module")
def answerer() -> Answerer:
    return Answerer(ROOT / "training" / "released" / "numbers.pt")


def test_every_picture_has_its_section_and_its_command() -> None:
    assert re.findall(r"^!\[.+\]\(pictures/uses/(\w+)\.png\)$", PAGE, re.M) == list(DRAWN)
    assert [Path(command.split(" -T ")[1].split()[0]).stem for command, _ in BLOCKS.findall(PAGE)] == list(DRAWN)
    assert all((ROOT / "docs" / "pictures" / "uses" / f"{name}.png").stat().st_size < SMALL_BYTES for name in DRAWN)


@pytest.mark.parametrize(("command", "answer"), BLOCKS.findall(PAGE), ids=list(DRAWN))
def test_a_command_is_answered_as_the_page_says(command: str, answer: str, answerer: Answerer) -> None:
    found, told = (list(csv.DictReader(io.StringIO(text))) for text in (answerer.answer(command, ROOT), answer))
    assert len(found) == len(told), "make uses writes the answers of other weights"
    for one, other in zip(found, told, strict=True):
        assert {name: value for name, value in one.items() if name not in ABOUT} == {
            name: value for name, value in other.items() if name not in ABOUT
        }, "make uses writes the answers of other weights"
        assert all(float(one[name]) == pytest.approx(float(other[name]), abs=ABOUT[name]) for name in one.keys() & ABOUT.keys())


def test_pictures_are_drawn_alike_each_time_and_show_something(mnist_root: Path) -> None:
    whole, _ = load_train(mnist_root)
    train = Split(whole.pictures[:1500], whole.labels[:1500])  # of all of them, hands are measured for a while
    for name in ("house_number", "register_cell"):
        first, second = (DRAWN[name](train) for _ in range(2))
        assert np.array_equal(first, second)
        assert np.ptp(first) > 100
        assert len(encode_png(first)) < SMALL_BYTES


def test_answers_are_written_below_their_commands(answerer: Answerer) -> None:
    sent = "docs/pictures/uses/house_number.png http://127.0.0.1:8080/predictions/numbers"
    command = f"curl -H 'X-Format: length=3' -H 'Accept: text/plain' -T {sent}"
    page = "before\n\n```sh\n{}\n```\n\n```\n{}```\n\nafter\n"
    assert with_answers(page.format(command, "old\n"), answerer, ROOT) == page.format(command, answerer.answer(command, ROOT))


def test_every_figure_is_a_measured_one_and_every_command_measures_something() -> None:
    figures = re.findall(r"\b\d+\.\d %", PAGE)
    assert len(figures) > 13
    assert [figure for figure in figures if figure not in MEASURED] == []
    sets = {"pages": PAGE_SETS, "numbers": LINE_SETS}
    named = re.findall(r"`make evaluate-(\w+) SETS=(\w+)`", PAGE)
    assert len(named) >= 13
    assert [(command, word) for command, word in named if not any(word in name for name in sets[command])] == []
