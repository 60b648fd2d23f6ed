"""Pictures without a number, drawn from a fixed seed: photos, noise, and words of twelve scripts."""

from collections.abc import Iterator

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFont

from digitkit.pictures.codec import encode_png
from training.evaluate.ladders.drawing import levels, log_uniform, painted
from training.evaluate.ladders.no_digits import crop, photographs, uniform
from training.evaluate.ladders.scripts import fonts_with
from training.evaluate.lines.number_exam import NumberExam

GOAL = 0.02
COUNT = 150  # pictures of each kind
WORDS = {
    "Latin": "Grand total including delivery", "Greek": "Σύνολο με την παράδοση", "Cyrillic": "Итого с доставкой",
    "Arabic": "المجموع الكلي", "Hebrew": "סכום כולל", "Devanagari": "कुल योग", "Bengali": "মোট যোগফল", "Tamil": "மொத்தம்",
    "Telugu": "మొత్తం", "Kannada": "ಒಟ್ಟು ಮೊತ್ತ", "Thai": "ยอดรวม", "Georgian": "სულ ჯამი",
}  # fmt: skip


def numberless(seed: int = 0) -> Iterator[NumberExam]:
    """An exam of each kind, in which any accepted number is wrong."""
    draw = np.random.default_rng(seed)
    shots = photographs()
    photos = [encode_png(np.asarray(crop(shots[draw.integers(len(shots))], draw).mean(axis=2), dtype=np.uint8)) for _ in range(COUNT)]
    yield _none("photos", photos)
    yield _none("noise", [encode_png(uniform((log_uniform(draw, 12, 80), log_uniform(draw, 40, 400)), draw)) for _ in range(COUNT)])
    yield _none(f"words of {len(WORDS)} scripts", [file for name in WORDS for file in words(name, draw)])


def words(name: str, draw: Generator) -> list[bytes]:
    """A line of a script in fonts of this machine, none where no font has it."""
    text = WORDS[name]
    fonts = fonts_with("".join(set(text) - {" "}))
    return [encode_png(_line(text, fonts[draw.integers(len(fonts))].as_posix(), draw)) for _ in range(COUNT // len(WORDS)) if fonts]


def _line(text: str, font: str, draw: Generator) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    size = log_uniform(draw, 14, 60)
    face = ImageFont.truetype(font, size)
    words = text.split()
    shown = " ".join(words[: draw.integers(1, len(words) + 1)])
    left, top, right, bottom = (round(side) for side in face.getbbox(shown))
    page = Image.new("L", (right - left + size, bottom - top + size))
    ImageDraw.Draw(page).text((size // 2 - left, size // 2 - top), shown, fill=255, font=face)
    return painted(np.asarray(np.asarray(page) / 255, dtype=np.float32), *levels(draw))


def _none(kind: str, files: list[bytes]) -> NumberExam:
    return NumberExam(f"{kind}: accepted", "drawn", files, [""] * len(files), GOAL)
