"""The pieces of pages that the finder is trained on, in memory, and the text maps that are true of them."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from digitkit.pictures.text_map import BELOW, CELL_PX, CHANNELS, COSINE, FAR, HEIGHT, LEFT, RIGHT, SCORE, SINE, USUAL_PX
from training.data import mnist
from training.drawn.parts import Columns, draw_parts
from training.pages.page_composing import PIECE_PX, PageComposer

PART = 1_000  # pieces of one file
CELLS = PIECE_PX // CELL_PX
MIDDLE, NEAR = 0.3, 0.4  # cells up to so many heights off a number's middle line lie in its middle; those up to NEAR are not judged
INSET = 0.25  # heights from either end of a number to the first cell in its middle
MOST_INSET = 0.3  # the same as a share of its width, where that is less
SEEN_PX, JUDGED_PX = (6.0, 52.0), (5.0, 64.0)  # digits of these heights are to be found; beyond the others they are no numbers
TURNED = 0.15  # the share of pieces that a pass turns by quarters, none among them
UNKNOWN = -1.0  # the score of a cell that is not judged


class Pieces(torch.utils.data.Dataset[tuple[Tensor, Tensor]]):
    """N pieces.

    Attributes:
        pictures: uint8 (N, PIECE_PX, PIECE_PX).
        quads, faint: of each, float32 (M, 4, 2) and bool (M,).
    """

    def __init__(self, parts: list[Path]) -> None:
        columns = [np.load(part) for part in parts]
        self.pictures = torch.from_numpy(np.concatenate([part["pictures"] for part in columns]))
        counts, quads, faint = (np.concatenate([part[name] for part in columns]) for name in ("counts", "quads", "faint"))
        ends = np.cumsum(counts)[:-1]
        self.quads, self.faint = np.split(quads, ends), np.split(faint, ends)

    def __len__(self) -> int:
        return len(self.pictures)

    def take(self, chosen: Tensor, quarters: Sequence[int] = ()) -> tuple[Tensor, Tensor]:
        """Pieces and their text maps, each turned by so many quarters."""
        places = [*zip(chosen.tolist(), quarters or [0] * len(chosen), strict=True)]
        maps = [truth_of(quarter_turned(self.quads[i], quarter), self.faint[i]) for i, quarter in places]
        pictures = [torch.rot90(self.pictures[i], quarter) for i, quarter in places]
        return torch.stack(pictures), torch.from_numpy(np.stack(maps))

    def steps(self, size: int) -> int:
        return math.ceil(len(self) / size)

    def batches(self, size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        """One pass over the pieces in an order drawn from the seed, each in one of the two polarities, some turned by quarters."""
        draw = torch.Generator().manual_seed(seed)
        for chosen in torch.randperm(len(self), generator=draw).split(size):
            quarters = torch.randint(0, 4, (len(chosen),), generator=draw) * (torch.rand(len(chosen), generator=draw) < TURNED)
            pictures, maps = self.take(chosen, quarters.tolist())
            is_inverted = torch.rand(len(pictures), 1, 1, generator=draw) < 0.5
            yield torch.where(is_inverted, 255 - pictures, pictures), maps


def quarter_turned(quads: NDArray[np.float32], quarters: int) -> NDArray[np.float32]:
    """Corners in a piece that is turned by quarters, counter-clockwise."""
    for _ in range(quarters):
        quads = np.stack([quads[..., 1], PIECE_PX - quads[..., 0]], axis=-1)
    return quads


def truth_of(quads: NDArray[np.float32], faint: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The text map of numbers with these corners, its score 1 in a number's middle, 0 elsewhere and UNKNOWN where nobody is to say."""
    found = np.zeros((CHANNELS, CELLS, CELLS), dtype=np.float32)
    for quad, is_faint in zip(quads, faint, strict=True):
        start, end = (quad[0] + quad[3]) / 2, (quad[1] + quad[2]) / 2
        height = float(np.linalg.norm(quad[3] - quad[0]) + np.linalg.norm(quad[2] - quad[1])) / 2
        width = float(np.linalg.norm(end - start))
        if JUDGED_PX[0] <= height <= JUDGED_PX[1] and width >= 1:
            is_wanted = SEEN_PX[0] <= height <= SEEN_PX[1] and not is_faint
            _mark(found, quad, start, (end - start) / width, height, width / height, is_wanted=is_wanted)
    return found


def _mark(
    found: NDArray[np.float32], quad: NDArray[np.float32], start: NDArray[np.float32], ahead: NDArray[np.float32],
    height: float, length: float, *, is_wanted: bool,
) -> None:  # fmt: skip
    """Write one number into a text map: its middle line begins at `start` and goes `ahead` for `length` heights."""
    low = np.clip(np.floor(quad.min(axis=0) / CELL_PX).astype(int), 0, CELLS)
    high = np.clip(np.ceil(quad.max(axis=0) / CELL_PX).astype(int) + 1, 0, CELLS)
    y, x = np.mgrid[low[1] : high[1], low[0] : high[0]]
    off_x, off_y = CELL_PX * (x + 0.5) - start[0], CELL_PX * (y + 0.5) - start[1]
    along, below = (ahead[0] * off_x + ahead[1] * off_y) / height, (ahead[0] * off_y - ahead[1] * off_x) / height
    cell = CELL_PX / height
    inset = max(0.0, min(INSET, MOST_INSET * length, (length - 1.1 * cell) / 2))  # a cell has room in it at the least
    is_along = (along >= inset) & (along <= length - inset)
    part = found[:, low[1] : high[1], low[0] : high[0]]
    part[SCORE][is_along & (np.abs(below) <= NEAR) & (part[SCORE] == 0)] = UNKNOWN
    if is_wanted:
        is_middle = is_along & (np.abs(below) <= max(MIDDLE, cell / 2))
        values = {
            SCORE: 1, HEIGHT: np.log2(height / USUAL_PX), COSINE: ahead[0], SINE: ahead[1],
            BELOW: below, LEFT: np.minimum(along, FAR), RIGHT: np.minimum(length - along, FAR),
        }  # fmt: skip
        for channel, value in values.items():
            part[channel][is_middle] = np.broadcast_to(value, is_middle.shape)[is_middle]


def draw_pieces(folder: Path, count: int, seed: int, *, data_root: Path, is_validation: bool = False) -> Pieces:
    """`count` pieces; the arguments are those of draw_parts."""
    return Pieces(draw_parts(folder, count, seed, _drawn, data_root=data_root, is_validation=is_validation, part=PART))


def _drawn(split: mnist.Split, seed: tuple[int, int], count: int) -> Columns:
    composer = PageComposer(split, seed)
    pieces = [composer.piece() for _ in range(count)]
    return {
        "pictures": np.stack([piece.picture for piece in pieces]),
        "counts": np.array([len(piece.quads) for piece in pieces], dtype=np.int64),
        "quads": np.concatenate([piece.quads for piece in pieces]),
        "faint": np.concatenate([piece.is_faint for piece in pieces]),
    }
