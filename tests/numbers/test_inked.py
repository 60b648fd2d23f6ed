"""Of a page only that is shown to the finder which holds ink."""

from math import inf

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digitkit.pictures.text_map import CELL_PX, CHANNELS, SCORE
from digitkit.readers.numbers.inked import BLOCK_PX, inked_parts
from digitkit.readers.numbers.locate import finder_of, seen
from digitkit.readers.numbers.text_lines import SEEN

PAPER, INK = 225, 60
SHAPE = (20 * BLOCK_PX, 16 * BLOCK_PX)


def sheet(grain: float = 0.0) -> NDArray[np.uint8]:
    """Paper that is darker to the right, with grain."""
    light = np.tile(np.linspace(PAPER, PAPER - 60, SHAPE[1]), (SHAPE[0], 1))
    return np.clip(light + np.random.default_rng(0).normal(0, grain, SHAPE), 0, 255).astype(np.uint8)


def written(page: NDArray[np.uint8], x: int, y: int, text: str = "4711", ink: int = INK) -> NDArray[np.uint8]:
    """The page with a number of about 12 px."""
    return np.asarray(cv2.putText(page.copy(), text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.5, ink, 1, cv2.LINE_AA), dtype=np.uint8)


def holds(page: NDArray[np.uint8], x: int, y: int) -> int:
    """How many of a page's parts hold a point with a block's side around it."""
    return sum(
        rows.start <= max(0, y - BLOCK_PX) and y + BLOCK_PX <= rows.stop and columns.start <= x - BLOCK_PX and x + BLOCK_PX <= columns.stop
        for rows, columns in inked_parts(page)
    )


@pytest.mark.parametrize("grain", [0.0, 3.0, 8.0])
def test_paper_with_shadows_and_grain_is_blank(grain: float) -> None:
    assert inked_parts(sheet(grain)) == []


def test_a_paper_that_ends_on_a_dark_table_has_no_ink_at_its_edge() -> None:
    page = sheet()
    page[:, 400:] = 40
    assert inked_parts(page) == []


@pytest.mark.parametrize("grain", [0.0, 3.0, 8.0])
@pytest.mark.parametrize("ink", [INK, 120])
def test_what_is_written_is_shown_with_room_around_it(grain: float, ink: int) -> None:
    page = written(sheet(grain), 100, 100, ink=ink)
    assert holds(page, 120, 96) == 1
    assert sum(page[part].size for part in inked_parts(page)) < page.size / 4


def test_bright_writing_on_dark_is_ink_too() -> None:
    assert holds(255 - written(sheet(3.0), 100, 100), 120, 96) == 1


def test_a_faint_number_on_clean_paper_is_ink() -> None:
    assert holds(written(np.full(SHAPE, PAPER, dtype=np.uint8), 100, 100, ink=PAPER - 30), 120, 96) == 1


def test_rows_far_from_one_another_are_parts_of_their_own_that_do_not_overlap() -> None:
    page = written(written(written(sheet(), 40, 60), 400, 60), 200, 500)
    shown = np.zeros(SHAPE, dtype=np.uint8)
    for part in inked_parts(page):
        shown[part] += 1
    assert len(inked_parts(page)) == 3
    assert shown.max() == 1


def test_a_blank_page_costs_no_call_of_the_net() -> None:
    def run(pages: NDArray[np.uint8]) -> NDArray[np.float32]:
        raise AssertionError(pages.shape)

    assert finder_of(run)(sheet(3.0)) == []


def test_a_map_of_a_page_has_each_part_where_it_is_and_nothing_beside_it() -> None:
    def run(pages: NDArray[np.uint8]) -> NDArray[np.float32]:
        dark = pages[:, CELL_PX // 2 :: CELL_PX, CELL_PX // 2 :: CELL_PX] < 130
        return np.where(dark[:, None], 5.0, -5.0).astype(np.float32).repeat(CHANNELS, axis=1)

    page = sheet()
    page[200:216, 300:308] = INK
    found = seen(page, run)[SCORE]
    rows, columns = np.nonzero(found > SEEN)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (50, 53, 75, 76)
    assert found.shape == tuple(side // CELL_PX for side in SHAPE)
    assert -inf < found.min() < SEEN
