"""Pictures without any digit to read: photos, screenshots, diagrams, noise, codes."""

import io
from collections.abc import Iterator

import cv2
import numpy as np
from matplotlib import cbook
from matplotlib.figure import Figure
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from digitkit.contract import Picture
from digitkit.pictures.codec import encode_png
from training.augment.synthetic import NO_DIGIT
from training.data.mnist import Split
from training.evaluate.exams.exam import Exam
from training.evaluate.ladders.drawing import RUNG, levels, log_uniform, painted

Colours = NDArray[np.uint8]  # (H, W, 3)

CROP_PX = 32  # side of the pictures of CIFAR
WHOLE_PX = (48, 96, 200, 480)  # longer sides that whole photos are shrunk to
DRAWN = 60  # screenshots and diagrams, which take long to draw
PICTURES_GOAL, NOISE_GOAL = 0.02, 0.01
WORDS = (
    "File Edit View Help",
    "Settings",
    "Search the web",
    "Name  Size  Modified",
    "README.md",
    "Are you sure?",
    "Save as",
    "Inbox",
    "OK",
)


def photos(_: Split, draw: Generator) -> Iterator[Exam]:
    """Crops of photos that scikit-image and matplotlib bring, and the whole photos, also mirrored."""
    shots = photographs()
    crops = [_encoded(crop(shots[draw.integers(len(shots))], draw)) for _ in range(2 * RUNG)]
    yield _none("photos", f"crops, {CROP_PX} px: accepted", crops, PICTURES_GOAL)
    whole = [_encoded(turned) for shot in shots for side in WHOLE_PX for turned in (_fit(shot, side), _fit(shot, side)[:, ::-1])]
    yield _none("photos", "whole: accepted", whole, PICTURES_GOAL)


def screens(_: Split, draw: Generator) -> Iterator[Exam]:
    """Windows with text and buttons, and diagrams of several kinds."""
    yield _none("screenshots", "accepted", [_encoded(window(draw)) for _ in range(DRAWN)], PICTURES_GOAL)
    yield _none("diagrams", "accepted", [diagram(draw) for _ in range(DRAWN)], PICTURES_GOAL)


def noises(_: Split, draw: Generator) -> Iterator[Exam]:
    """Noise of three kinds, and blocks and bars as machines read them."""
    for kind, drawn in {"uniform": uniform, "gaussian": gaussian, "salt and pepper": salt}.items():
        yield _none("noise", f"{kind}: accepted", [encode_png(drawn(_size(draw), draw)) for _ in range(RUNG)], NOISE_GOAL)
    for kind, drawn_code in {"QR-like blocks": blocks, "bars": bars}.items():
        yield _none("codes", f"{kind}: accepted", [encode_png(drawn_code(draw)) for _ in range(RUNG)], NOISE_GOAL)


def _none(name: str, part: str, files: list[bytes], goal: float) -> Exam:
    return Exam(name, part, files, np.full(len(files), NO_DIGIT), goal, is_error=True)


def photographs() -> list[Colours]:
    """The photos that the two packages bring, in colour."""
    shots = [
        data.astronaut(), data.brick(), data.camera(), data.cat(), data.clock(), data.coffee(), data.coins(), data.grass(), data.gravel(),
        data.hubble_deep_field(), data.immunohistochemistry(), data.moon(), data.retina(), data.rocket(),
    ]  # fmt: skip
    shots.append(np.asarray(Image.open(cbook._get_data_path("sample_data/grace_hopper.jpg"))))
    return [np.asarray(shot if shot.ndim == 3 else np.repeat(shot[:, :, None], 3, axis=2), dtype=np.uint8) for shot in shots]


def crop(shot: Colours, draw: Generator) -> Colours:
    """A square of a photo of a tenth to all of its shorter side, shrunk to CROP_PX."""
    side = int(draw.uniform(0.1, 1) * min(shot.shape[:2]))
    top, left = (int(draw.integers(0, whole - side + 1)) for whole in shot.shape[:2])
    return np.asarray(cv2.resize(shot[top : top + side, left : left + side], (CROP_PX, CROP_PX), interpolation=cv2.INTER_AREA))


def _fit(shot: Colours, side: int) -> Colours:
    scale = side / max(shot.shape)
    return np.asarray(cv2.resize(shot, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))


def _encoded(colours: Colours) -> bytes:
    return bytes(cv2.imencode(".png", colours[:, :, ::-1])[1])


def window(draw: Generator) -> Colours:
    """A window with a title bar, lines of text and buttons, as on a desktop."""
    width, height = log_uniform(draw, 160, 900), log_uniform(draw, 120, 700)
    paper, ink = levels(draw)
    image = Image.new("RGB", (width, height), (round(paper),) * 3)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(int(draw.integers(10, 18)))
    colour = tuple(draw.integers(0, 256, 3).tolist())
    pen.rectangle((0, 0, width, 24), fill=colour)
    for top in range(34, height - 30, 26):
        if draw.random() < 0.8:
            pen.text((int(draw.integers(4, width // 2)), top), str(draw.choice(WORDS)), fill=(round(ink),) * 3, font=font)
        if draw.random() < 0.3:
            left = int(draw.integers(0, width - 60))
            pen.rounded_rectangle((left, top, left + 50, top + 20), 4, outline=(round(ink),) * 3, fill=colour)
    return np.asarray(image)


def diagram(draw: Generator) -> bytes:
    """A PNG file of lines, bars, points or a heat map with axes."""
    figure = Figure(figsize=(draw.uniform(1.5, 6), draw.uniform(1.5, 5)), dpi=100)
    axes, values = figure.add_subplot(), draw.normal(size=(3, 12)).cumsum(axis=1)
    kind = draw.integers(4)
    if kind == 0:
        axes.plot(values.T)
    elif kind == 1:
        axes.bar(range(12), np.abs(values[0]))
    elif kind == 2:
        axes.scatter(values[0], values[1], s=draw.uniform(5, 80))
    else:
        axes.imshow(values)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _size(draw: Generator) -> tuple[int, int]:
    return log_uniform(draw, 16, 256), log_uniform(draw, 16, 256)


def uniform(size: tuple[int, int], draw: Generator) -> Picture:
    return draw.integers(0, 256, size, dtype=np.uint8)


def gaussian(size: tuple[int, int], draw: Generator) -> Picture:
    return np.asarray(np.clip(draw.normal(draw.uniform(60, 200), draw.uniform(5, 60), size), 0, 255), dtype=np.uint8)


def salt(size: tuple[int, int], draw: Generator) -> Picture:
    """A plain page with a few to a third of its pixels black or white."""
    page = np.full(size, draw.integers(0, 256), dtype=np.uint8)
    hit = draw.random(size) < draw.uniform(0.01, 0.3)
    page[hit] = draw.choice(np.array([0, 255], dtype=np.uint8), np.count_nonzero(hit))
    return page


def blocks(draw: Generator) -> Picture:
    """Black and white blocks on a square grid with a margin, three corners marked as a QR code's are."""
    cells = int(draw.integers(17, 41))
    code = (draw.random((cells, cells)) < 0.5).astype(np.float32)
    mark = np.pad(np.pad(np.ones((3, 3), dtype=np.float32), 1), 1, constant_values=1)
    code[:7, :7] = code[:7, -7:] = code[-7:, :7] = mark
    module = int(draw.integers(2, 9))
    return painted(np.pad(code, 2).repeat(module, axis=0).repeat(module, axis=1), *levels(draw))


def bars(draw: Generator) -> Picture:
    """A bar code: upright bars and gaps of one to four modules."""
    widths = draw.integers(1, 5, int(draw.integers(20, 60)))
    line = np.repeat(np.arange(len(widths)) % 2, widths * int(draw.integers(1, 4)))
    page = np.pad(np.tile(line, (int(draw.integers(20, 120)), 1)), int(draw.integers(2, 20)))
    return painted(page.astype(np.float32), *levels(draw))
