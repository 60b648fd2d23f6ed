"""Contact sheets of what scenes are made of, for people to look at: python -m training.scenes.contact --out reports/scenes.

What is ugly or mislabelled teaches the eye wrong, and no test sees that.
"""

import argparse
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator

from digitkit.contract import Picture
from digitkit.readers.digits.digit import LABELS
from training.data.mnist import DATA_ROOT, Split, load_train
from training.glyphs import glyphs, signs, spoil
from training.lines.line_composing import LineComposer
from training.pages.page_composing import DrawnPiece, PageComposer
from training.scenes import nothing

CELL_PX = 72
COLUMNS = 20
BACKGROUND = 90  # grey, so that the borders of black and of white pictures are seen
MARGIN_PX = 4
LINE_CELL_PX, LINE_COLUMNS, LINES = (64, 300), 5, 180  # a line's height and width, how many stand side by side, and how many in all
PIECES, PIECE_COLUMNS = 40, 8  # pieces of pages, and how many stand side by side
TEXT_PX = 16  # the height of the text under a line


def sheet(pictures: Iterable[Picture]) -> Picture:
    """Pictures in rows of COLUMNS, each shrunk or enlarged to its cell."""
    cells = [_cell(picture) for picture in pictures]
    cells += [_cell(np.full((1, 1), BACKGROUND, dtype=np.uint8))] * (-len(cells) % COLUMNS)
    return np.concatenate([np.concatenate(cells[i : i + COLUMNS], axis=1) for i in range(0, len(cells), COLUMNS)])


def sheets(train: Split, draw: Generator) -> Iterator[tuple[str, Picture]]:
    """The name and the sheet of MNIST's glyphs, of each other source, each way to spoil, each kind of sign and of nothing."""
    yield "mnist", sheet(glyphs.finished(train.pictures[i], draw) for i in range(10 * COLUMNS))
    for source in glyphs.SOURCES:
        yield source.make.__name__, sheet(glyphs.finished(strokes, draw, source.ways) for strokes in _by_digit(source, draw))
    for way, _ in spoil.PENS:
        yield way.__name__, sheet(way(glyphs.resized(glyphs.cropped(train.pictures[i]), draw), draw) for i in range(5 * COLUMNS))
    for kind in signs.KINDS:
        yield kind.__name__, sheet(glyphs.finished(kind(draw), draw) for _ in range(15 * COLUMNS))
    yield "nothing", sheet(nothing.nothing(draw) for _ in range(15 * COLUMNS))
    composer = LineComposer(train, int(draw.integers(2**31)))
    cells = [line_cell(drawn.picture, drawn.text) for drawn in (composer.line() for _ in range(LINES))]
    yield "lines", np.concatenate([np.concatenate(cells[i : i + LINE_COLUMNS], axis=1) for i in range(0, LINES, LINE_COLUMNS)])
    pages = PageComposer(train, int(draw.integers(2**31)))
    cells = [piece_cell(pages.piece()) for _ in range(PIECES)]
    yield "pages", np.concatenate([np.concatenate(cells[i : i + PIECE_COLUMNS], axis=1) for i in range(0, PIECES, PIECE_COLUMNS)])


def _by_digit(source: glyphs.Maker, draw: Generator) -> Iterator[Picture]:
    """A row of each digit."""
    for digit in LABELS:
        yield from islice((strokes for strokes, label in iter(lambda: source.make(draw), None) if label == digit), COLUMNS)


def _cell(picture: Picture) -> Picture:
    scale = CELL_PX / max(picture.shape)
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    cell = np.full((CELL_PX + MARGIN_PX, CELL_PX + MARGIN_PX), BACKGROUND, dtype=np.uint8)
    cell[: size[1], : size[0]] = small
    return cell


def line_cell(picture: Picture, text: str) -> Picture:
    """A line shrunk or enlarged to its cell, with what is written there below it."""
    height, width = LINE_CELL_PX
    scale = min(height / picture.shape[0], width / picture.shape[1])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    cell = np.full((height + TEXT_PX, width + MARGIN_PX), BACKGROUND, dtype=np.uint8)
    cell[: size[1], : size[0]] = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    cv2.putText(cell, text, (2, height + TEXT_PX - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 255, 1, cv2.LINE_AA)
    return cell


def piece_cell(piece: DrawnPiece) -> Picture:
    """A piece of a page with a frame around each number, a dot where its reading begins; grey where it is faint."""
    cell = piece.picture.copy()
    for quad, is_faint in zip(piece.quads, piece.is_faint, strict=True):
        level = BACKGROUND if is_faint else 255 if np.median(cell) < 128 else 0
        cv2.polylines(cell, [np.round(quad).astype(np.int32)], True, level, 1)
        x, y = np.round(quad[0]).astype(int).tolist()
        cv2.circle(cell, (x, y), 2, level, -1)
    return np.pad(cell, ((0, MARGIN_PX), (0, MARGIN_PX)), constant_values=BACKGROUND)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("reports/scenes"), help="the folder that the sheets are written to")
    parser.add_argument("--data-root", type=Path, default=DATA_ROOT, help="the folder that holds MNIST")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for name, picture in sheets(load_train(args.data_root)[0], np.random.default_rng(args.seed)):
        path = args.out / f"{name.strip('_')}.png"
        cv2.imwrite(str(path), picture)
        print(path)


if __name__ == "__main__":
    main()
