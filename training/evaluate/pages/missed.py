"""Contact sheets of pictures in which numbers were missed: what was found in each, over what was wanted and what was read."""

import re
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from digitkit.contract import Picture
from digitkit.pictures.codec import encode_png
from training.evaluate.pages.page_exam import PageExam, PageReading, Wanted, read_right

TILE_PX, CAPTION_PX = 420, 34  # sides of a tile's picture, and the height of the two lines under it
COLUMNS, MOST = 4, 24  # tiles beside one another, and in all
SHOWN = 60  # characters of a line under a picture
PAPER = 255


def write_missed(exam: PageExam, readings: Sequence[PageReading], folder: Path) -> None:
    """Leave a sheet of at most MOST pictures in which numbers were missed, evenly taken, in a folder; none where none was."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{re.sub('[^a-z0-9]+', '-', exam.name.lower())}.png"
    file.unlink(missing_ok=True)  # that of weights before, which may have missed what these do not
    missed = [i for i, wanted in enumerate(exam.wanted) if not all(read_right(wanted, readings[i]))]
    if not missed:
        return
    shown = np.array(missed)[np.linspace(0, len(missed) - 1, min(len(missed), MOST)).astype(int)].tolist()
    tiles = [_tile(exam.files[i], exam.wanted[i], readings[i]) for i in shown]
    tiles += [np.full_like(tiles[0], PAPER)] * (-len(tiles) % COLUMNS)
    file.write_bytes(encode_png(np.vstack([np.hstack(tiles[start : start + COLUMNS]) for start in range(0, len(tiles), COLUMNS)])))


def _tile(file: bytes, wanted: Sequence[Wanted], reading: PageReading) -> Picture:
    tile = Image.new("L", (TILE_PX + 6, TILE_PX + CAPTION_PX), PAPER)
    picture = cv2.imdecode(np.frombuffer(file, dtype=np.uint8), cv2.IMREAD_GRAYSCALE)
    if picture is not None:
        scale = TILE_PX / max(picture.shape)
        size = [max(1, round(side * scale)) for side in picture.shape[::-1]]
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST)
        for each in reading.found:
            cv2.polylines(small, [np.round(scale * each.quad).astype(np.int32)], True, 255 if np.median(small) < 128 else 0, 1, cv2.LINE_AA)
        tile.paste(Image.fromarray(small), (0, 0))
    pen, font = ImageDraw.Draw(tile), ImageFont.load_default(13)
    missed = [each.digits[0] for each, right in zip(wanted, read_right(wanted, reading), strict=True) if not right]
    pen.text((2, TILE_PX), f"missed: {' '.join(missed)}"[:SHOWN], fill=0, font=font)
    pen.text((2, TILE_PX + 16), f"read: {' '.join(number.text for number in reading.numbers)}"[:SHOWN], fill=0, font=font)
    return np.asarray(tile)
