"""Text maps become lines, and lines a page's numbers in reading order."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from digitkit.pictures.text_map import CELL_PX, CHANNELS, SCORE, SIDES_PX, TextMap
from digitkit.readers.numbers import text_lines
from digitkit.readers.numbers.locate import finder_of, located, padded_page, with_smaller
from digitkit.readers.numbers.text_lines import TextLine, joined, lines_in
from training.pages.page_pool import CELLS, truth_of

SURE = 6.0  # the logit of a cell in a number; that of the others is its negative
PIECE_PX = CELLS * CELL_PX


def quad_at(middle: tuple[float, float], width: float, height: float, degrees: float) -> NDArray[np.float32]:
    """The corners of a number."""
    angle = np.deg2rad(degrees)
    along, down = np.array([np.cos(angle), np.sin(angle)]) * width / 2, np.array([-np.sin(angle), np.cos(angle)]) * height / 2
    return np.array([-along - down, along - down, along + down, -along + down], dtype=np.float32) + np.array(middle, dtype=np.float32)


def map_of(quads: Sequence[NDArray[np.float32]]) -> TextMap:
    """What a net that is right sees of numbers on a piece of a page."""
    found = truth_of(np.stack(quads), np.zeros(len(quads), dtype=np.bool_))
    found[SCORE] = np.where(found[SCORE] == 1, SURE, -SURE)
    return found


class Knowing:
    """A PageRun that sees given numbers on a page of a piece's size, and nothing on any other."""

    def __init__(self, *quads: NDArray[np.float32]) -> None:
        self.seen = map_of(quads)
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, pages: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.shapes.append(pages.shape)
        height, width = (side // CELL_PX for side in pages.shape[1:])
        if (height, width) == (CELLS, CELLS):
            return self.seen[None]
        return np.full((1, CHANNELS, height, width), -SURE, dtype=np.float32)


def page(height: int = PIECE_PX, width: int = PIECE_PX) -> NDArray[np.uint8]:
    """A page with ink in each of its blocks, at all sizes at which it is looked at."""
    random, found = np.random.default_rng(0), np.zeros((height, width))
    for side in (4, 8, 16, 32, 64):
        squares = random.integers(0, 2, (-(-height // side), -(-width // side)))
        found += 50.0 * np.kron(squares, np.ones((side, side)))[:height, :width]
    return found.astype(np.uint8)


@pytest.mark.parametrize("height", [8.0, 14.0, 40.0])
@pytest.mark.parametrize("degrees", [0, 7, 45, 90, 180, 270, -30])
def test_a_number_of_any_size_and_direction_is_where_its_cells_say(height: float, degrees: float) -> None:
    wanted = quad_at((120, 130), 4 * height, height, degrees)
    (line,) = lines_in(map_of([wanted]))
    np.testing.assert_allclose(line.quad(), wanted, atol=0.1 * height)


def test_a_single_digit_is_a_line() -> None:
    wanted = quad_at((100, 100), 6, 12, 0)
    (line,) = lines_in(map_of([wanted]))
    np.testing.assert_allclose(line.quad(), wanted, atol=1.2)


def test_numbers_close_over_one_another_stay_two_though_their_cells_touch() -> None:
    quads = [quad_at((100, 100), 80, 8, 3), quad_at((100, 109), 80, 8, 3)]
    lines = sorted(lines_in(map_of(quads)), key=lambda line: float(line.middle[1]))
    assert len(lines) == 2
    for line, wanted in zip(lines, quads, strict=True):
        np.testing.assert_allclose(line.quad(), wanted, atol=2)


def test_groups_of_a_numbers_digits_are_one_line_and_columns_of_a_table_are_not() -> None:
    groups = [quad_at((40 + 44 * i, 100), 32, 16, 0) for i in range(3)]
    (line,) = lines_in(map_of(groups))
    np.testing.assert_allclose(line.quad(), [groups[0][0], groups[-1][1], groups[-1][2], groups[0][3]], atol=2)
    assert len(lines_in(map_of([quad_at((40 + 64 * i, 100), 32, 16, 0) for i in range(3)]))) == 3


def test_two_parts_that_go_on_in_the_same_one_keep_it_once() -> None:
    def part(left: float, right: float, y: float) -> TextLine:
        return TextLine(np.array([left, y]), np.array([right, y]), 10.0, SURE)

    found = joined([part(0, 40, 0), part(0, 42, 2), part(45, 90, 1)])
    assert sorted(round(line.width) for line in found) == [40, 90]


@pytest.mark.parametrize(("beyond", "lines"), [(-0.1, 0), (0.1, 1)], ids=["below", "above"])
def test_only_cells_of_which_one_is_sure_are_a_number(beyond: float, lines: int) -> None:
    seen = map_of([quad_at((100, 100), 60, 12, 0)])
    seen[SCORE] = np.minimum(seen[SCORE], text_lines.SURE + beyond)
    assert len(lines_in(seen)) == lines


def test_an_empty_map_shows_no_line() -> None:
    assert lines_in(np.full((CHANNELS, 8, 8), -SURE, dtype=np.float32)) == []


def test_numbers_come_in_rows_from_the_first_to_the_last_each_from_left_to_right() -> None:
    places = [(200, 40), (60, 42), (60, 90), (190, 88), (120, 140)]
    found = located(page(), Knowing(*(quad_at(place, 50, 14, 0) for place in places)))
    middles = [tuple(np.round(line.middle, -1).astype(int).tolist()) for line in found]
    assert middles == [(60, 40), (200, 40), (60, 90), (190, 90), (120, 140)]


def test_a_page_on_its_head_is_read_from_its_own_first_row() -> None:
    found = located(page(), Knowing(quad_at((120, 60), 60, 14, 180), quad_at((120, 160), 60, 14, 180)))
    assert [round(float(line.middle[1])) // 10 for line in found] == [16, 6]


def test_a_short_number_on_its_head_beside_much_writing_is_turned_with_it() -> None:
    rows = [quad_at((120, 40 + 30 * i), 120, 14, 0) for i in range(3)]
    found = located(page(), Knowing(*rows, quad_at((60, 200), 20, 14, 180)))
    assert all(line.ahead[0] > 0.9 for line in found)


def test_a_found_line_has_the_room_around_it_that_a_closer_look_has() -> None:
    (found,) = finder_of(Knowing(quad_at((120, 120), 60, 16, 0)))(page())
    left, top = found.quad[0]
    right, bottom = found.quad[2]
    assert (top, bottom) == pytest.approx((110, 130), abs=0.5)
    assert (left, right) == pytest.approx((82, 158), abs=1)


def test_a_page_is_looked_at_smaller_until_the_largest_digits_are_small() -> None:
    run = Knowing(quad_at((120, 120), 60, 16, 0))
    located(page(1300, 900), run)
    assert [shape[1:] for shape in run.shapes] == [(1312, 928), (672, 480), (352, 256), (192, 128), (96, 64)]


def test_a_large_page_is_shrunk_to_what_is_looked_at_in_time() -> None:
    run = Knowing(quad_at((120, 120), 60, 16, 0))
    located(page(1000, 750).repeat(4, axis=0).repeat(4, axis=1), run)
    assert run.shapes[0][1] * run.shapes[0][2] < 2_500_000


def test_a_number_that_is_seen_at_two_sizes_is_one() -> None:
    def run(pages: NDArray[np.uint8]) -> NDArray[np.float32]:
        scale = pages.shape[2] / PIECE_PX
        seen = np.full((1, CHANNELS, pages.shape[1] // CELL_PX, pages.shape[2] // CELL_PX), -SURE, dtype=np.float32)
        part = map_of([quad_at((128 * scale, 128 * scale), 160 * scale, 40 * scale, 0)])
        seen[0] = part[:, : seen.shape[2], : seen.shape[3]]
        return seen

    (line,) = located(page(), run)
    assert line.height == pytest.approx(40, abs=1)


def test_a_page_is_filled_up_to_sides_that_the_net_takes() -> None:
    filled = padded_page(np.arange(35, dtype=np.uint8)[:, None].repeat(64, axis=1))
    assert filled.shape == (2 * SIDES_PX, 64)
    assert (filled[35:] == 34).all()


def test_a_line_knows_its_corners_with_room() -> None:
    line = TextLine(np.array([10.0, 20.0]), np.array([50.0, 20.0]), 10.0, SURE)
    np.testing.assert_allclose(line.quad(above=0.5, beside=1), [[0, 10], [60, 10], [60, 30], [0, 30]])
    assert (line.scaled(2).height, line.scaled(2).width) == (20, 80)


def seen(start: float, end: float, height: float, score: float, degrees: float = 0.0) -> TextLine:
    """A line from one column to another at the same level, turned about its start."""
    ahead = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
    return TextLine(np.array([start, 100.0]), np.array([start, 100.0]) + (end - start) * ahead, height, score)


@pytest.mark.parametrize(
    ("line", "is_kept"),
    [
        (seen(0, 200, 42, 2.0), True),  # the whole number, of which two digits were seen
        (seen(0, 200, 42, 0.9), False),  # less sure than its part
        (seen(0, 90, 42, 3.0), False),  # hardly longer
        (seen(0, 200, 42, 3.0, degrees=30), False),  # of another direction
        (seen(0, 200, 90, 1.6), True),  # digits of which a stroke was seen
        (seen(0, 200, 90, 1.4), False),  # not sure enough: the other may be small print in it
    ],
)
def test_a_line_takes_the_place_of_what_is_a_part_or_a_stroke_of_it(line: TextLine, is_kept: bool) -> None:
    part, beside = seen(0, 80, 40, 1.0), seen(400, 460, 20, 1.0)
    found = with_smaller([part, beside], [line])
    assert [id(each) for each in found] == [id(each) for each in ([beside, line] if is_kept else [part, beside])]


def test_a_line_that_covers_nothing_is_kept_as_well() -> None:
    assert with_smaller([seen(0, 80, 40, 1.0)], [far := seen(200, 300, 40, 0.5)])[1] is far
