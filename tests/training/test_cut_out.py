"""Digits cut out of rows: whole, with their neighbours beside them, and never one that would be a digit of its own."""

import numpy as np
import pytest
from numpy.random import Generator

from training.glyphs.pens import PenHand
from training.glyphs.row import ROW_PX, Sign
from training.scenes import cut_out as cutting
from training.scenes.cut_out import cut_out

POINT = Sign(np.full((4, 4), 255, dtype=np.uint8), ROW_PX - 4)


class Blocks:
    """A hand whose digits are blocks, a 1 narrower than the others."""

    def digit(self, digit: int, draw: Generator) -> Sign:
        return Sign(np.full((ROW_PX, 6 if digit == 1 else 30), 255, dtype=np.uint8), 0)


@pytest.fixture
def upright(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that stand upright, signs a little apart, without a point."""
    for name, value in {"LEAN": (0.0, 0.0), "GAP": (0.15, 0.15), "DOTTED": 0.0}.items():
        monkeypatch.setattr(cutting, name, value)


@pytest.mark.usefixtures("upright")
def test_a_digit_is_whole_and_what_is_beside_it_is_no_ink_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutting, "MARGIN", (0.25, 0.25))
    draw = np.random.default_rng(0)
    cuts = [cut for cut in (cut_out(Blocks(), POINT, draw) for _ in range(60)) if cut and cut.digit != 1]
    assert len(cuts) > 20
    for cut in cuts:
        assert np.count_nonzero(cut.strokes) == 30 * ROW_PX
        assert 0 < np.count_nonzero(cut.others) <= 2 * 12 * ROW_PX
        assert not (np.minimum(cut.strokes, cut.others) > 0).any()


@pytest.mark.usefixtures("upright")
def test_where_a_neighbour_is_seen_whole_nothing_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutting, "MARGIN", (1.0, 1.0))
    draw = np.random.default_rng(0)
    assert not any(cut_out(Blocks(), POINT, draw) for _ in range(20))


def test_a_row_of_one_hand_leans_and_its_neighbours_lean_into_the_cut() -> None:
    draw = np.random.default_rng(1)
    cuts = [cut for cut in (cut_out(PenHand(draw), POINT, draw) for _ in range(100)) if cut]
    assert len(cuts) > 50
    assert {cut.digit for cut in cuts} == set(range(10))
    assert np.mean([bool(cut.others.any()) for cut in cuts]) > 0.5
    assert all(cut.strokes.max() > 100 and cut.strokes.shape == cut.others.shape for cut in cuts)
