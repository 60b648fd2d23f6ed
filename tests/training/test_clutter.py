"""What stands beside a digit is drawn around its box, and never becomes part of the truth."""

import numpy as np
import pytest

from digitkit.contract import Picture
from training.scenes import clutter
from training.scenes.clutter import CUT, RULES, TOUCH, Box, patch, put_captions, put_neighbours, ruled, struck
from training.scenes.sheet import Page

BOX = Box(30, 35, 70, 65)
BLOCK = np.full((40, 30), 255, dtype=np.uint8)
BLACK, WHITE = 0.0, 1.0


@pytest.fixture
def draw() -> np.random.Generator:
    return np.random.default_rng(11)


def block(_: np.random.Generator) -> Picture:
    return BLOCK


def white_page() -> Page:
    return Page(100, 100, WHITE)


@pytest.mark.parametrize("rule", range(len(RULES)), ids=[rule.__name__ for rule in RULES])
def test_lines_cover_shares_of_the_page_and_most_pages_get_some(rule: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clutter, "RULES", (RULES[rule],))
    covered = []
    for seed in range(30):
        lines = ruled(white_page(), BOX, np.random.default_rng(seed))
        assert lines.shape == (100, 100) and lines.dtype == np.float32
        assert lines.min() >= 0 and lines.max() <= 1
        covered.append(np.mean(lines > 0.2))
    assert 0.002 < np.median(covered) < 0.5


@pytest.mark.parametrize("rule", [clutter._frame, clutter._ring])
def test_a_frame_and_a_ring_leave_the_middle_of_the_digit_free(rule: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clutter, "RULES", (rule,))
    for seed in range(30):
        lines = ruled(white_page(), BOX, np.random.default_rng(seed))
        assert not lines[45:55, 45:55].any()


def test_a_patch_covers_the_middle_of_the_digit(draw: np.random.Generator) -> None:
    for _ in range(30):
        share = patch(white_page(), BOX, draw)
        assert (share[45:55, 45:55] == 1).all()
        assert share.min() >= 0 and share.max() <= 1


def test_neighbours_reach_in_from_the_sides_and_are_no_digits_of_the_truth(draw: np.random.Generator) -> None:
    touch = round(TOUCH * BOX.longer) + 1
    sides = {"left": 0, "right": 0, "top": 0, "bottom": 0}
    for _ in range(60):
        page = white_page()
        put_neighbours(page, BOX, BLACK, block, 1.0, draw)
        ink = page.grey < WHITE
        assert not page.truth.any()
        assert not ink[BOX.top + touch : BOX.bottom - touch, BOX.left + touch : BOX.right - touch].any()
        edges = {"left": ink[:, 0], "right": ink[:, -1], "top": ink[0], "bottom": ink[-1]}
        for side, edge in edges.items():
            sides[side] += bool(edge.any())
        assert sum(edge.any() for edge in edges.values()) > 0 or not ink.any()
    assert all(count > 5 for count in sides.values())


def test_of_no_neighbour_more_is_seen_than_of_a_part(draw: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    placed: list[tuple[tuple[int, ...], int, int]] = []
    monkeypatch.setattr(Page, "put", lambda self, sign, top, left, level: placed.append((sign.shape, top, left)))
    for _ in range(100):
        put_neighbours(white_page(), BOX, BLACK, block, 1.0, draw)
    assert len(placed) > 100
    for (tall, wide), top, left in placed:
        rows, columns = (min(100, start + length) - max(0, start) for start, length in ((top, tall), (left, wide)))
        assert min(rows / tall, columns / wide) < CUT


def test_no_neighbours_come_where_none_should(draw: np.random.Generator) -> None:
    page = white_page()
    put_neighbours(page, BOX, BLACK, block, 0.0, draw)
    assert (page.grey == WHITE).all()


def test_captions_stand_outside_the_digits_box_and_are_small(draw: np.random.Generator) -> None:
    seen = 0
    for _ in range(40):
        page = white_page()
        put_captions(page, BOX, block, draw)
        ink = page.grey != WHITE
        seen += bool(ink.any())
        assert not page.truth.any()
        assert not ink[BOX.top : BOX.bottom, BOX.left : BOX.right].any()
        assert ink.mean() < 0.1
    assert seen > 20


def test_a_stroke_that_strikes_out_crosses_the_page(draw: np.random.Generator) -> None:
    lengths = []
    for _ in range(30):
        share = struck(white_page(), draw)
        assert share.shape == (100, 100) and share.max() <= 1
        rows, columns = np.nonzero(share > 0.1)
        lengths.append(max(np.ptp(rows), np.ptp(columns)) if len(rows) else 0)
    assert np.median(lengths) > 60
