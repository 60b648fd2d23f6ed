"""Drawn pieces of pages: what they show, and that the truth about them is true."""

import numpy as np
import pytest

from digitkit.pictures.text_map import BELOW, CELL_PX, COSINE, HEIGHT, LEFT, RIGHT, SCORE, SINE
from training.data import mnist
from training.lines.handwriting import Writing
from training.pages.leaf import LEAF_PX, Leaf
from training.pages.page_composing import PIECE_PX, DrawnPiece, PageComposer, seen_of
from training.pages.page_pool import UNKNOWN, quarter_turned, truth_of
from training.pages.page_singles import lone, stacked
from training.pages.page_text import Piece, pieces

DRAWN = 60


@pytest.fixture(scope="module")
def drawn(mnist_root) -> list[DrawnPiece]:
    composer = PageComposer(mnist.load_train(mnist_root)[0], 3)
    return [composer.piece() for _ in range(DRAWN)]


def test_a_piece_is_a_grey_picture_of_one_size_with_four_corners_for_each_number(drawn: list[DrawnPiece]) -> None:
    for piece in drawn:
        assert piece.picture.shape == (PIECE_PX, PIECE_PX)
        assert piece.picture.dtype == np.uint8
        assert piece.quads.shape == (len(piece.is_faint), 4, 2)


def test_most_pieces_have_numbers_and_some_have_none(drawn: list[DrawnPiece]) -> None:
    counts = [len(piece.quads) for piece in drawn]
    assert 0.1 < np.mean(np.equal(counts, 0)) < 0.5
    assert max(counts) >= 8


def test_the_same_seed_draws_the_same_pieces(mnist_root, drawn: list[DrawnPiece]) -> None:
    again = PageComposer(mnist.load_train(mnist_root)[0], 3).piece()
    np.testing.assert_array_equal(again.picture, drawn[0].picture)
    np.testing.assert_array_equal(again.quads, drawn[0].quads)


def test_numbers_are_written_where_the_truth_says(drawn: list[DrawnPiece]) -> None:
    """Inside a number greys differ more than on the whole of its piece's quietest part."""
    for piece in drawn:
        for quad, is_faint in zip(piece.quads, piece.is_faint, strict=True):
            if not is_faint and seen_of(quad) == 1:
                (left, top), (right, bottom) = quad.min(axis=0).astype(int), quad.max(axis=0).astype(int) + 1
                assert piece.picture[top:bottom, left:right].std() > 2


def test_what_is_outside_of_a_piece_is_not_seen() -> None:
    quad = np.array([[-50, 10], [50, 10], [50, 20], [-50, 20]], dtype=np.float32)
    assert seen_of(quad) == pytest.approx(0.55, abs=0.06)
    assert seen_of(quad - 100) == 0


@pytest.mark.parametrize(
    ("line", "numbers"),
    [
        ("Total INV-2031 due 118 / 76", ["INV-2031", "118 / 76"]),
        ("pages 12 13 of 9558 3578", ["12 13", "9558 3578"]),
        ("nothing here", []),
        ("1", ["1"]),
    ],
)
def test_a_line_is_cut_into_its_numbers_and_the_words_between(line: str, numbers: list[str]) -> None:
    found = pieces(line)
    assert [piece.text for piece in found if piece.is_number] == numbers
    assert "".join(piece.text for piece in found) == line
    assert Piece("", False) not in found


def test_the_text_map_says_of_a_numbers_middle_where_it_is() -> None:
    quad = np.array([[40, 100], [120, 100], [120, 120], [40, 120]], dtype=np.float32)
    truth = truth_of(quad[None], np.zeros(1, dtype=np.bool_))
    column, row = int(60 / CELL_PX), int(110 / CELL_PX)
    cell = truth[:, row, column]
    x, y = CELL_PX * (column + 0.5), CELL_PX * (row + 0.5)
    assert cell[[SCORE, COSINE, SINE]].tolist() == [1, 1, 0]
    assert cell[HEIGHT] == pytest.approx(np.log2(20 / 16))
    assert cell[BELOW] == pytest.approx((y - 110) / 20)
    assert (cell[LEFT], cell[RIGHT]) == pytest.approx(((x - 40) / 20, 2))


@pytest.mark.parametrize(("height", "is_faint"), [(5.5, False), (60, False), (20, True)], ids=["tiny", "huge", "faint"])
def test_numbers_that_nobody_is_to_find_here_are_not_judged(height: float, is_faint: bool) -> None:
    quad = np.array([[40, 100], [200, 100], [200, 100 + height], [40, 100 + height]], dtype=np.float32)
    truth = truth_of(quad[None], np.array([is_faint]))
    assert set(np.unique(truth[SCORE])) == {0, UNKNOWN}


def test_corners_turn_with_their_piece() -> None:
    quad = np.array([[[10, 20], [50, 20], [50, 30], [10, 30]]], dtype=np.float32)
    picture = np.zeros((PIECE_PX, PIECE_PX), dtype=np.uint8)
    picture[20:30, 10:50] = 255
    for quarters in range(4):
        rows, columns = np.nonzero(np.rot90(picture, quarters))
        turned = quarter_turned(quad, quarters)[0]
        assert turned.min(axis=0).tolist() == [columns.min(), rows.min()]
        assert turned.max(axis=0).tolist() == [columns.max() + 1, rows.max() + 1]


@pytest.mark.parametrize("seed", range(12))
def test_a_lone_number_stands_alone_in_the_middle_of_its_leaf(mnist_root, seed: int) -> None:
    draw = np.random.default_rng(seed)
    leaf = Leaf(np.full((LEAF_PX, LEAF_PX), 0.8, dtype=np.float32), draw)
    lone(leaf, draw, Writing(mnist.load_train(mnist_root)[False]))
    (quad,) = leaf.quads
    assert 0.3 * LEAF_PX < quad[:, 1].mean() < 0.7 * LEAF_PX
    (left, top), (right, low) = np.floor(quad.min(axis=0)).astype(int), np.ceil(quad.max(axis=0)).astype(int)
    assert np.ptp(leaf.grey[top:low, max(0, left) : right]) > 0.1


@pytest.mark.parametrize("seed", range(12))
def test_each_digit_of_a_stack_is_a_number_under_the_one_before(seed: int) -> None:
    draw = np.random.default_rng(seed)
    leaf = Leaf(np.full((LEAF_PX, LEAF_PX), 0.8, dtype=np.float32), draw)
    stacked(leaf, draw)
    middles = np.array([quad.mean(axis=0) for quad in leaf.quads])
    tall = float(np.linalg.norm(leaf.quads[0][3] - leaf.quads[0][0]))
    assert 2 <= len(middles) <= 5
    assert np.ptp(middles[:, 0]) < 0.5 * tall
    assert (np.diff(middles[:, 1]) > tall).all()
