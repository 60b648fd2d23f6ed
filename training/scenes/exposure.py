"""What a camera, a scanner or a screen makes of a page: light and shadow, a lens, noise, a codec, few pixels."""

import cv2
import numpy as np
from numpy.random import Generator

from digitkit.contract import Picture
from training.scenes.sheet import Field, cloudy

SHRUNK = 0.24  # the share of pictures that their sender made small
BINARY = 0.3  # the share of them in black and white
SHRUNK_PX = (8.0, 32.0)  # the longer side of such a picture, from and to
SOFTNESS = (0.03, 0.1, 0.5)  # widths of a shadow's edge, in halves of the page's side


def exposed(page: Field, draw: Generator) -> Picture:
    """The picture, uint8 (H, W), that is taken of a page's grey levels."""
    dark = draw.uniform(0, 0.35) if draw.random() < 0.6 else 0.0
    bright = draw.uniform(0.5, 1.0) if draw.random() < 0.7 else 1.0
    photo = dark + (bright - dark) * page
    if draw.random() < 0.55:
        photo = photo * light_on(page.shape, draw)
    if draw.random() < 0.35:
        photo = photo + cloudy(page.shape, draw.uniform(0.005, 0.06), draw.uniform(1, 8), draw)
    if draw.random() < 0.03:
        photo = _half_inverted(photo, draw)
    photo = _blurred(photo, draw)
    if draw.random() < 0.6:
        photo = photo + draw.exponential(0.02) * draw.standard_normal(page.shape, dtype=np.float32)
    return _coded(np.clip(255 * photo, 0, 255).astype(np.uint8), draw)


def shrunk(picture: Picture, draw: Generator, *, share: float = SHRUNK) -> Picture:
    """A picture as its sender may have made it smaller, at times to black and white; most are left as they are."""
    scale = draw.uniform(*SHRUNK_PX) / max(picture.shape)
    if draw.random() > share or scale >= 1:
        return picture
    width, height = (max(3, round(side * scale)) for side in picture.shape[::-1])
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if draw.random() < 0.8 else cv2.INTER_LINEAR)
    if draw.random() < BINARY:
        small = np.where(small > (int(small.max()) + int(small.min())) // 2, 255, 0)
    return np.asarray(small, dtype=np.uint8)


def light_on(shape: tuple[int, ...], draw: Generator) -> Field:
    """The light on each pixel, about 1: falling across the page, at times with a shadow or a lamp's reflection."""
    across, down = _coordinates(shape)
    light = 1 + draw.normal(0, 0.15) * across + draw.normal(0, 0.15) * down
    if draw.random() < 0.45:
        angle = draw.uniform(0, 2 * np.pi)
        off = (np.cos(angle) * across + np.sin(angle) * down - draw.uniform(-0.9, 0.9)) / draw.choice(SOFTNESS)
        light = light * (1 - draw.uniform(0.15, 0.7) / (1 + np.exp(np.clip(-off, -30, 30))))
    if draw.random() < 0.08:
        right, low = draw.uniform(-1, 1, size=2)
        light = light + draw.uniform(0.3, 1) * np.exp(-((across - right) ** 2 + (down - low) ** 2) / draw.uniform(0.01, 0.2))
    return np.asarray(light, dtype=np.float32)


def _half_inverted(photo: Field, draw: Generator) -> Field:
    """Inverted beyond a straight edge, as at a table's shaded row."""
    across, down = _coordinates(photo.shape)
    angle = draw.uniform(0, 2 * np.pi)
    return np.where(np.cos(angle) * across + np.sin(angle) * down > draw.uniform(0.3, 1), 1 - photo, photo).astype(np.float32)


def _blurred(photo: Field, draw: Generator) -> Field:
    """Out of focus, smeared by a moving hand, or sharp."""
    longer, way = max(photo.shape), draw.random()
    if way < 0.5:
        return np.asarray(cv2.GaussianBlur(photo, (0, 0), draw.uniform(0.3, 0.015 * longer + 0.4)), dtype=np.float32)
    if way > 0.55:
        return photo
    side = int(draw.integers(3, max(4, longer // 14) + 1))
    path, angle, middle = np.zeros((side, side), dtype=np.float32), draw.uniform(0, np.pi), (side - 1) / 2
    reach = middle * np.array([np.cos(angle), np.sin(angle)])
    ends = [tuple(map(int, np.round(middle + sign * reach))) for sign in (-1, 1)]
    cv2.line(path, ends[0], ends[1], 1.0)
    return np.asarray(cv2.filter2D(photo, -1, path / path.sum(), borderType=cv2.BORDER_REPLICATE), dtype=np.float32)


def _coded(picture: Picture, draw: Generator) -> Picture:
    """With pixels that failed, or after a pass through JPEG; most pictures have neither."""
    way = draw.random()
    if way < 0.05:
        share, place = draw.uniform(0, 0.2), draw.random(picture.shape)
        picture = np.where(place < share / 2, 0, np.where(place > 1 - share / 2, 255, picture)).astype(np.uint8)
    elif way < 0.25:
        coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(draw.integers(25, 90))])[1]
        picture = np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), dtype=np.uint8)
    return picture


def _coordinates(shape: tuple[int, ...]) -> tuple[Field, Field]:
    """Each pixel's place from -1 to 1: from left to right, (1, W), and from top to bottom, (H, 1)."""
    height, width = shape
    return np.linspace(-1, 1, width, dtype=np.float32)[None], np.linspace(-1, 1, height, dtype=np.float32)[:, None]
