"""Things that people make without a digit in them: screens, text in small letters, charts, ruled paper, empty frames and cells.

Each takes a height and a width and returns float32 (height, width), 0 to 1.
"""

from functools import cache
from itertools import pairwise

import cv2
import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFont

from training.augment.fonts import fonts
from training.scenes.patterns import Field, gradient

LETTERS = "ACDEFHKLMNRTUVWXYacdefhkmnrtuvwxyacdefhmnrtuacdehmnrtu"  # none that could be taken for a digit
PAGES = 10  # pages of text that a process keeps and cuts up
PAGE_PX = 640
LINE_PX = 26
MOST_RULES = 14


def text_lines(height: int, width: int, draw: Generator) -> Field:
    """Lines of words in small letters, cut out of a page: several letters are always in sight."""
    page = _page(int(draw.integers(PAGES)))
    scale = draw.uniform(4, 14) / LINE_PX * max(1.0, min(height, width) / 60)
    down, across = min(PAGE_PX, round(height / scale)), min(PAGE_PX, round(width / scale))
    top, left = draw.integers(0, PAGE_PX - down + 1), draw.integers(0, PAGE_PX - across + 1)
    part = page[top : top + down, left : left + across]
    return 1 - np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA), dtype=np.float32)


def screen(height: int, width: int, draw: Generator) -> Field:
    """A window of a program: boxes, bars, buttons and lines of text."""
    field = np.full((height, width), draw.uniform(0.6, 1), dtype=np.float32)
    for _ in range(draw.integers(2, 7)):
        top, left = draw.uniform(0, 0.8) * height, draw.uniform(0, 0.8) * width
        bottom, right = top + draw.uniform(0.08, 0.6) * height, left + draw.uniform(0.1, 0.8) * width
        corners = (round(left), round(top)), (round(right), round(bottom))
        cv2.rectangle(field, *corners, draw.uniform(0, 1), -1 if draw.random() < 0.6 else int(draw.integers(1, 3)))
    for _ in range(draw.integers(0, 3)):
        down, across = max(6, round(height * draw.uniform(0.15, 0.5))), max(6, round(width * draw.uniform(0.2, 0.8)))
        row, column = draw.integers(0, height - down + 1), draw.integers(0, width - across + 1)
        field[row : row + down, column : column + across] *= text_lines(down, across, draw)
    return field


def chart(height: int, width: int, draw: Generator) -> Field:
    """Axes with bars, a curve, dots or the sectors of a cake."""
    field = np.ones((height, width), dtype=np.float32)
    left, floor, right, ceiling = 0.1 * width, 0.88 * height, 0.95 * width, 0.08 * height
    thickness = int(draw.integers(1, 2 + min(height, width) // 60))
    cv2.line(field, (round(left), round(ceiling)), (round(left), round(floor)), 0.1, thickness)
    cv2.line(field, (round(left), round(floor)), (round(right), round(floor)), 0.1, thickness)
    count = int(draw.integers(4, 14))
    x = np.linspace(left, right, count + 1)
    y = floor - (floor - ceiling) * np.clip(np.cumsum(draw.normal(0, 0.25, size=count + 1)) + 0.5, 0, 1)
    kind = draw.integers(4)
    if kind == 0:
        for a, b, level in zip(x, x[1:], y, strict=False):
            cv2.rectangle(field, (round(a + 1), round(level)), (round(max(a + 1, b - 2)), round(floor)), draw.uniform(0, 0.7), -1)
    elif kind == 1:
        cv2.polylines(field, [np.stack([x, y], axis=1).round().astype(np.int32)], False, 0.2, thickness, cv2.LINE_AA)
    elif kind == 2:
        for a, level in zip(x, draw.permutation(y), strict=True):
            cv2.circle(field, (round(a), round(level)), thickness + 1, 0.2, -1, cv2.LINE_AA)
    else:
        middle, radius, start = (width // 2, height // 2), round(0.4 * min(height, width)), 0.0
        for share in draw.dirichlet(np.ones(4)):
            cv2.ellipse(field, middle, (radius, radius), 0, start, start + 360 * share, draw.uniform(0, 0.8), -1)
            start += 360 * share
    return field


def ruled(height: int, width: int, draw: Generator) -> Field:
    """Ruled or squared paper: lines across, and upright ones too on squared paper."""
    field = np.ones((height, width), dtype=np.float32)
    pitch = min(height, width) / draw.uniform(1.2, MOST_RULES)
    thickness, level = int(draw.integers(1, 2 + int(pitch) // 10)), draw.uniform(0, 0.85)
    lean = draw.normal(0, 0.02)
    for at in np.arange(draw.uniform(0, pitch), height + pitch, pitch):
        cv2.line(field, (0, round(at)), (width, round(at + lean * width)), level, thickness, cv2.LINE_AA)
    if draw.random() < 0.5:
        for at in np.arange(draw.uniform(0, pitch), width + pitch, pitch):
            cv2.line(field, (round(at), 0), (round(at - lean * height), height), level, thickness, cv2.LINE_AA)
    return field


def frames(height: int, width: int, draw: Generator) -> Field:
    """Empty cells of a form: two to five boxes in a row, or the greater part of one, which whole would be a zero."""
    field = np.ones((height, width), dtype=np.float32)
    count = int(draw.integers(1, 6))
    left = draw.uniform(-0.1, 0.2) * width
    top = draw.uniform(-0.1, 0.3) * height if count > 1 else -0.2 * height
    right, bottom = width * draw.uniform(0.75, 1.1), height * draw.uniform(0.7, 1.1)
    thickness, level = int(draw.integers(1, 2 + min(height, width) // 25)), draw.uniform(0, 0.7)
    gap = draw.choice([0.0, 0.06]) * width
    edges = np.linspace(left, right, count + 1)
    for a, b in pairwise(edges):
        corners = (round(a + gap / 2), round(top)), (round(b - gap / 2), round(bottom))
        cv2.rectangle(field, *corners, level, thickness, cv2.LINE_AA)
    return field


def drums(height: int, width: int, draw: Generator) -> Field:
    """The gaps of a meter's drums: dark windows with bright edges, and between two digits nothing but the drum."""
    field = np.full((height, width), draw.uniform(0.1, 0.5), dtype=np.float32)
    count = int(draw.integers(1, 4))
    edges = np.linspace(draw.uniform(-0.1, 0.1), draw.uniform(0.9, 1.1), count + 1) * width
    top, bottom = draw.uniform(-0.1, 0.25) * height, draw.uniform(0.75, 1.1) * height
    inner, gap = draw.uniform(0, 0.3), width * draw.uniform(0.02, 0.12)
    for a, b in pairwise(edges):
        corners = (round(a + gap / 2), round(top)), (round(b - gap / 2), round(bottom))
        cv2.rectangle(field, *corners, inner, -1)
        cv2.rectangle(field, *corners, draw.uniform(0.4, 1), max(1, round(gap / 4)))
    return field * (0.7 + 0.3 * gradient(height, width, draw))


def folded(height: int, width: int, draw: Generator) -> Field:
    """Paper with creases: each side of a crease has a light of its own."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    field = np.full((height, width), 0.6, dtype=np.float32)
    for _ in range(draw.integers(1, 4)):
        angle = draw.choice([0.0, np.pi / 2, draw.uniform(0, np.pi)]) + draw.normal(0, 0.03)
        off = np.cos(angle) * x + np.sin(angle) * y - draw.uniform(-0.7, 0.7)
        field += draw.normal(0, 0.1) * np.sign(off) + draw.normal(0, 0.25) * np.exp(-np.abs(off) / draw.uniform(0.01, 0.2))
    return np.clip(field, 0, 1)


def shaded(height: int, width: int, draw: Generator) -> Field:
    """Plain paper with one or two shadows over it."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    field = np.full((height, width), draw.uniform(0.6, 1), dtype=np.float32)
    for _ in range(draw.integers(1, 3)):
        angle = draw.uniform(0, 2 * np.pi)
        off = np.cos(angle) * x + np.sin(angle) * y - draw.uniform(-0.8, 0.8) + draw.uniform(0, 0.4) * x * y
        field *= 1 - draw.uniform(0.1, 0.7) / (1 + np.exp(np.clip(-off / draw.choice([0.02, 0.1, 0.4]), -30, 30)))
    return field


@cache
def _page(which: int) -> Field:
    """A page of words in one font, ink 1 on paper 0."""
    draw = np.random.default_rng((which,))
    font = ImageFont.truetype(str(fonts()[draw.integers(len(fonts()))]), 20)
    page = Image.new("L", (PAGE_PX, PAGE_PX))
    for top in range(2, PAGE_PX - LINE_PX, round(LINE_PX * draw.uniform(1, 1.6))):
        words = ("".join(draw.choice(list(LETTERS), size=draw.integers(2, 10))) for _ in range(16))
        ImageDraw.Draw(page).text((int(draw.integers(-20, 40)), top), " ".join(words), fill=255, font=font)
    return np.asarray(page, dtype=np.float32) / np.float32(255)
