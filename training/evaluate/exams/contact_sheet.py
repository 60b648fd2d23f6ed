"""Contact sheets: what failed, each picture beside the canvas that was read of it, over its truth, answer and score."""

import re
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from digitkit.contract import Picture
from digitkit.errors import DigitError
from digitkit.pictures.codec import encode_png
from digitkit.readers.digits.digit import LABELS
from training.evaluate.exams.exam import ExamResult
from training.evaluate.picture_reader import PictureReader

SIDE, CAPTION_PX, GAP_PX = 96, 18, 6  # of a tile's two pictures, of the line under them, between tiles
COLUMNS, MOST = 8, 120  # tiles beside one another, and in all
PAPER, EMPTY = 255, 128


def write_sheets(results: Iterable[ExamResult], reader: PictureReader, folder: Path) -> None:
    """Leave a contact sheet of each exam that had failures, and of no other, in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for result in results:
        file = folder / f"{re.sub('[^a-z0-9.]+', '-', f'{result.exam.name} {result.exam.part}'.lower())}.png"
        file.unlink(missing_ok=True)  # that of weights before, which may have failed where these do not
        if result.failed.any():
            file.write_bytes(contact_sheet(result, reader))


def contact_sheet(result: ExamResult, reader: PictureReader) -> bytes:
    """A PNG file of the pictures that failed, at most MOST of them, evenly taken."""
    failed = np.flatnonzero(result.failed)
    shown = failed[np.linspace(0, len(failed) - 1, min(len(failed), MOST)).astype(int)]
    tiles = [_tile(result.exam.files[i], _caption(result, i), reader) for i in shown]
    tiles += [np.full_like(tiles[0], PAPER)] * (-len(tiles) % COLUMNS)
    return encode_png(np.vstack([np.hstack(tiles[start : start + COLUMNS]) for start in range(0, len(tiles), COLUMNS)]))


def _caption(result: ExamResult, i: int) -> str:
    truth, digit, score = int(result.exam.truths[i]), int(result.readings.digits[i]), float(result.readings.scores[i])
    return f"{truth if truth < len(LABELS) else 'none'} read {f'{digit}, {score:.3f}' if digit >= 0 else 'refused'}  #{i}"


def _tile(file: bytes, caption: str, reader: PictureReader) -> Picture:
    """A picture, its canvas and a caption."""
    tile = Image.new("L", (2 * SIDE + 2 * GAP_PX, SIDE + CAPTION_PX + GAP_PX), PAPER)
    tile.paste(Image.fromarray(_square(reader, file)), (0, 0))
    tile.paste(Image.fromarray(reader.canvas(file)).resize((SIDE, SIDE), Image.Resampling.NEAREST), (SIDE, 0))
    ImageDraw.Draw(tile).text((2, SIDE + 2), caption, fill=0, font=ImageFont.load_default(12))
    return np.asarray(tile)


def _square(reader: PictureReader, file: bytes) -> Picture:
    """The picture as large as it fits into a square of SIDE, plain where it cannot be decoded."""
    square = np.full((SIDE, SIDE), EMPTY, dtype=np.uint8)
    try:
        picture = reader.picture(file)
    except DigitError:
        return square
    scale = SIDE / max(picture.shape)
    width, height = (max(1, round(side * scale)) for side in picture.shape[::-1])
    square[:height, :width] = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST)
    return square
