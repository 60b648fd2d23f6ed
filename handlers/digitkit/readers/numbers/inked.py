"""Which parts of a page hold ink: what is blank is not worth a net's time, and on many pages that is most of them."""

from collections.abc import Iterator
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Picture
from digitkit.pictures.text_map import SIDES_PX

BLOCK_PX: Final = SIDES_PX  # the side of the squares that are blank or inked
GRAIN_PX: Final = 4  # the side of the squares whose mean counts as one grey, so that grain fades and strokes stay
STROKE_PX: Final = 20  # what is wider is no stroke of a digit that a net is to see at this size, but a shadow, or the paper's own edge
# Grey levels by which a stroke differs from what is beside it: at least twice as many as on a page's plainest blocks, within these bounds.
FAINTEST, GRAINIEST = 6.0, 24.0
PLAINEST: Final = 10  # percent of a page's blocks, which are taken for paper
ROOM: Final = 1  # blocks around ink that are shown with it, so that nothing near it looks different for being cut

Part: TypeAlias = tuple[slice, slice]  # rows and columns of a page, in pixels


def inked_parts(page: Picture) -> list[Part]:
    """The rectangles that hold all of a page's ink with room around it, none of which overlap; none where the page is blank.

    Args:
        page: whose sides are multiples of BLOCK_PX.
    """
    kernel = np.ones((2 * ROOM + 1,) * 2, dtype=np.uint8)
    near = np.asarray(cv2.dilate(_is_inked(page).astype(np.uint8), kernel), dtype=np.bool_)
    return [(_in_pixels(rows), _in_pixels(columns)) for rows, columns in _cut(near)]


def _is_inked(page: Picture) -> NDArray[np.bool_]:
    """Which blocks of a page hold ink, (H / BLOCK_PX, W / BLOCK_PX)."""
    height, width = page.shape
    small = np.asarray(cv2.resize(page, (width // GRAIN_PX, height // GRAIN_PX), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    side = BLOCK_PX // GRAIN_PX
    kernel = np.ones((STROKE_PX // GRAIN_PX,) * 2, dtype=np.uint8)
    strokes = cv2.subtract(cv2.morphologyEx(small, cv2.MORPH_CLOSE, kernel), cv2.morphologyEx(small, cv2.MORPH_OPEN, kernel))
    contrast = strokes.reshape(height // BLOCK_PX, side, width // BLOCK_PX, side).max(axis=(1, 3))
    return np.asarray(contrast >= np.clip(2 * np.percentile(contrast, PLAINEST), FAINTEST, GRAINIEST))


def _in_pixels(blocks: slice) -> slice:
    return slice(BLOCK_PX * blocks.start, BLOCK_PX * blocks.stop)


def _cut(mask: NDArray[np.bool_], top: int = 0, left: int = 0) -> Iterator[Part]:
    """The rectangles that a mask falls into along rows and columns without any True (the recursive X-Y cut of Nagy and Seth, 1984)."""
    for rows in _runs(np.asarray(mask.any(axis=1))):
        for columns in _runs(np.asarray(mask[rows].any(axis=0))):
            within = mask[rows, columns]
            if within.shape == mask.shape:
                yield slice(top, top + mask.shape[0]), slice(left, left + mask.shape[1])
            else:
                yield from _cut(within, top + rows.start, left + columns.start)


def _runs(is_in: NDArray[np.bool_]) -> list[slice]:
    """The runs of True in a row of truths."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_in, [False]]).astype(np.int8)))
    return [slice(start, stop) for start, stop in edges.reshape(-1, 2).tolist()]
