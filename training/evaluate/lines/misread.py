"""Contact sheets of what was misread: each picture over its truth, what was read and how sure that is."""

import re
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from digitkit.contract import Picture
from digitkit.pictures.codec import encode_png
from training.evaluate.lines.number_exam import NumberExam, NumberReadings

TILE_PX, CAPTION_PX = (300, 56), 34  # width and height of a tile's picture, and of the two lines under it
COLUMNS, MOST = 4, 120  # tiles beside one another, and in all
PAPER = 255


def write_misread(exam: NumberExam, readings: NumberReadings, is_wrong: NDArray[np.bool_], folder: Path) -> None:
    """Leave a sheet of at most MOST of an exam's misread pictures, evenly taken, in a folder; none where all are read right."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{re.sub('[^a-z0-9]+', '-', exam.name.lower())}.png"
    file.unlink(missing_ok=True)  # that of weights before, which may have failed where these do not
    failed = np.flatnonzero(is_wrong)
    if not len(failed):
        return
    shown = failed[np.linspace(0, len(failed) - 1, min(len(failed), MOST)).astype(int)]
    tiles = [
        _tile(exam.files[i], f"{exam.truths[i] or 'no number'}  #{i}", f"{readings.texts[i] or 'nothing'}  {readings.confidences[i]:.3f}")
        for i in shown
    ]
    tiles += [np.full_like(tiles[0], PAPER)] * (-len(tiles) % COLUMNS)
    file.write_bytes(encode_png(np.vstack([np.hstack(tiles[start : start + COLUMNS]) for start in range(0, len(tiles), COLUMNS)])))


def _tile(file: bytes, truth: str, read: str) -> Picture:
    width, height = TILE_PX
    tile = Image.new("L", (width + 6, height + CAPTION_PX), PAPER)
    picture = cv2.imdecode(np.frombuffer(file, dtype=np.uint8), cv2.IMREAD_GRAYSCALE)
    if picture is not None:
        scale = min(width / picture.shape[1], height / picture.shape[0])
        size = [max(1, round(side * scale)) for side in picture.shape[::-1]]
        tile.paste(Image.fromarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST)), (0, 0))
    pen, font = ImageDraw.Draw(tile), ImageFont.load_default(13)
    pen.text((2, height), truth, fill=0, font=font)
    pen.text((2, height + 16), read, fill=0, font=font)
    return np.asarray(tile)
