"""Simulated photos and scans of strokes: paper, lines, neighbouring digits, light, shadow, a lens, a scanner, a codec."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitkit.contract import Picture

Ink = NDArray[np.float32]  # (H, W), 0 paper to 1 ink

SIDES_PX = (34, 110)  # sides of a photo's page, from and to
DIGIT = (0.4, 0.92)  # a digit's longer side as a share of the page's shorter one, from and to
STRETCH = 0.25  # a digit's width is scaled by 1 - STRETCH to 1 + STRETCH
SCAN_PX = (12, 40)  # a scan's longer side, from and to


def photographed(signs: Sequence[Picture], draw: Generator) -> Picture:
    """A photo of a cell of paper with the first of `signs` in it, and perhaps fragments of the others at its border.

    Args:
        signs: strokes, bright on dark; none for an empty cell.
        draw: the source of everything random in it.
    """
    height = int(draw.integers(*SIDES_PX))
    width = int(np.clip(height * draw.normal(1, 0.1), *SIDES_PX))
    ink = np.zeros((height, width), dtype=np.float32)
    if signs:
        _write(ink, signs[0], draw)
    for neighbour in signs[1:]:
        _cut_in(ink, neighbour, draw)
    if draw.random() < 0.6:
        _rule(ink, draw)
    return _expose(ink, draw)


def scanned(sign: Picture, draw: Generator) -> Picture:
    """A scan cropped tightly to its strokes: of any size, perhaps stretched to a square, perhaps black and white."""
    x, y, width, height = cv2.boundingRect(sign)
    side = int(draw.integers(*SCAN_PX))
    is_square = draw.random() < 0.5
    across = side if is_square else max(2, round(side * width / max(width, height)))
    down = side if is_square else max(2, round(side * height / max(width, height)))
    scan = cv2.resize(sign[y : y + height, x : x + width], (across, down), interpolation=cv2.INTER_AREA)
    if draw.random() < 0.5:
        scan = np.where(scan > draw.integers(60, 180), 255, 0).astype(np.uint8)
    margin = int(draw.choice([0, 0, 1, 4]))
    page = cv2.copyMakeBorder(scan, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=0)
    return np.asarray(255 - page if draw.random() < 0.5 else page, dtype=np.uint8)


def _write(ink: Ink, sign: Picture, draw: Generator) -> None:
    """Put the sign about the middle of the page."""
    digit = _sized(sign, draw.uniform(*DIGIT) * min(ink.shape), draw)
    room = np.array(ink.shape) - digit.shape
    top, left = np.clip(np.round(room * draw.normal(0.5, 0.15, size=2)), 0, np.maximum(room, 0)).astype(int)
    _paste(ink, digit, top, left)


def _cut_in(ink: Ink, neighbour: Picture, draw: Generator) -> None:
    """Let a fragment of a neighbour reach in from the left or the right border."""
    digit = _sized(neighbour, draw.uniform(*DIGIT) * min(ink.shape), draw)
    seen = int(min(digit.shape[1], ink.shape[1] * draw.uniform(0.02, 0.12)))
    top = int(draw.integers(0, max(1, ink.shape[0] - digit.shape[0])))
    if seen and draw.random() < 0.5:
        _paste(ink, digit[:, -seen:], top, 0)
    elif seen:
        _paste(ink, digit[:, :seen], top, ink.shape[1] - seen)


def _sized(sign: Picture, longer: float, draw: Generator) -> Ink:
    """The sign's strokes, cropped, about `longer` pixels on their longer side."""
    x, y, width, height = cv2.boundingRect(sign)
    scale = longer / max(width, height)
    across = max(1, round(width * scale * draw.uniform(1 - STRETCH, 1 + STRETCH)))
    size = (across, max(1, round(height * scale)))
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    strokes = cv2.resize(sign[y : y + height, x : x + width], size, interpolation=kind)
    return np.multiply(strokes, 1 / 255, dtype=np.float32)


def _paste(ink: Ink, digit: Ink, top: int, left: int) -> None:
    place = ink[top : top + digit.shape[0], left : left + digit.shape[1]]
    np.maximum(place, digit[: place.shape[0], : place.shape[1]], out=place)


def _rule(ink: Ink, draw: Generator) -> None:
    """Draw the lines of a cell, on some of its sides, a little slanted; or an underline."""
    height, width = ink.shape
    page = np.zeros_like(ink)
    for upright in (False, False, True, True):
        if draw.random() < 0.5:
            continue
        side, along = (width, height) if upright else (height, width)
        off = abs(draw.normal(0, 0.06)) * side
        start = off if draw.random() < 0.5 else side - 1 - off
        ends = [(start, 0.0), (start + draw.normal(0, 0.03) * along, float(along))]
        (x0, y0), (x1, y1) = ends if upright else [(y, x) for x, y in ends]
        cv2.line(page, (round(x0), round(y0)), (round(x1), round(y1)), draw.uniform(0.4, 1), int(draw.integers(1, 2 + side // 25)))
    np.maximum(ink, page, out=ink)


def _expose(ink: Ink, draw: Generator) -> Picture:
    """The picture that a camera takes of ink on paper, dark on light or, one in four, the other way round."""
    height, width = ink.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    light = 1 + draw.normal(0, 0.12) * x + draw.normal(0, 0.12) * y
    if draw.random() < 0.35:
        angle = draw.uniform(0, 2 * np.pi)
        edge = (np.cos(angle) * x + np.sin(angle) * y - draw.uniform(-0.8, 0.8)) / draw.choice([0.02, 0.1, 0.5])
        light = light * (1 - draw.uniform(0.15, 0.6) / (1 + np.exp(np.clip(-edge, -30, 30))))
    contrast = 1 - draw.uniform(0.15, 0.95) * ink * (1 if draw.random() < 0.5 else _texture(ink.shape, 0.3, draw))
    photo = draw.uniform(90, 250) * light * contrast
    if draw.random() < 0.5:
        photo = photo * _texture(ink.shape, 0.06, draw)
    photo = photo + draw.normal(0, draw.uniform(0, 6), size=ink.shape).astype(np.float32)
    if draw.random() < 0.6:
        photo = cv2.GaussianBlur(photo, (0, 0), draw.uniform(0.3, 0.02 * height + 0.5))
    picture = np.clip(photo, 0, 255).astype(np.uint8)
    if draw.random() < 0.3:
        coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(draw.integers(30, 90))])[1]
        picture = np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), dtype=np.uint8)
    return np.asarray(255 - picture if draw.random() < 0.25 else picture, dtype=np.uint8)


def _texture(shape: tuple[int, ...], depth: float, draw: Generator) -> Ink:
    """A cloudy factor about 1: coarse noise, made smooth."""
    coarse = draw.normal(1, depth, size=(max(2, shape[0] // 5), max(2, shape[1] // 5))).astype(np.float32)
    return np.asarray(cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_LINEAR), dtype=np.float32)
