"""How an archive of the reader of numbers is tried before it is published: it must load, and read printed numbers."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from digitkit.contract import Picture
from digitkit.pictures.codec import encode_png
from digitkit.readers.numbers import net, ort
from export.errors import ExportError
from export.packing import answers

COUNT, DIGITS = 20, 5  # printed numbers that are shown, and digits of each
LEAST_RIGHT = 0.9
TEXT_PX = (20, 60)  # from the lowest to the highest print
PAPER, PEN = (180, 250), (0, 90)  # grey levels


def check_weights(weights: Path, data_root: Path) -> None:
    """Raise ValueError where a file holds no net of lines: that message is clearer than an archive that does not answer."""
    (net if weights.suffix == ".pt" else ort).load(weights, device="cpu")


def check_answers(archive: Path, data_root: Path) -> None:
    """Check that the archive, unpacked elsewhere, reads printed numbers; raises ExportError."""
    random = np.random.default_rng(0)
    texts = ["".join(map(str, random.integers(0, 10, DIGITS))) for _ in range(COUNT)]
    found = answers(archive, [encode_png(printed(text, random)) for text in texts])
    read = [[number.get("text") for number in answer.get("numbers", [])] for answer in found]
    right = sum(told == [text] for told, text in zip(read, texts, strict=True))
    print(f"{archive.name} unpacked elsewhere reads {right} of {COUNT} printed numbers right")
    if right < LEAST_RIGHT * COUNT:
        raise ExportError(f"the archive reads {right} of {COUNT} printed numbers right; at least {LEAST_RIGHT * COUNT:.0f} are needed")


def printed(text: str, random: np.random.Generator) -> Picture:
    """A picture of a printed text, dark on light."""
    font = ImageFont.load_default(int(random.integers(*TEXT_PX)))
    left, top, right, bottom = font.getbbox(text)
    margin = (bottom - top) / 2
    page = Image.new("L", (round(right - left + 2 * margin), round(bottom - top + 2 * margin)), int(random.integers(*PAPER)))
    ImageDraw.Draw(page).text((margin - left, margin - top), text, font=font, fill=int(random.integers(*PEN)))
    return np.asarray(page, dtype=np.uint8)
