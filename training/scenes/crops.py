"""Crops of photos, textures and clip art that show no digit, at any scale."""

from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from PIL import Image

from digitkit.contract import Picture
from training.scenes.sources import pictures

LONGEST_PX = 512  # photos are kept at this size: a large one takes a tenth of a second to decode
CLIP_ART_PX = 256  # clip art, of which there is more
SMALLEST_PX = 16  # side of the smallest crop, before it is enlarged


def cropped_photo(height: int, width: int, draw: Generator) -> Picture | None:
    """A crop of one of the machine's pictures, uint8 (height, width); None where it has none."""
    paths = _paths()
    if not paths:
        return None
    picture = _loaded(paths[draw.integers(len(paths))])
    longest = min(picture.shape[0] / height, picture.shape[1] / width)
    scale = max(longest * draw.random(), SMALLEST_PX / max(height, width))
    down, across = min(picture.shape[0], round(height * scale) + 1), min(picture.shape[1], round(width * scale) + 1)
    top, left = draw.integers(0, picture.shape[0] - down + 1), draw.integers(0, picture.shape[1] - across + 1)
    kind = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture[top : top + down, left : left + across], (width, height), interpolation=kind), dtype=np.uint8)


@cache
def _paths() -> tuple[Path, ...]:
    return pictures()


@cache
def _loaded(path: Path) -> Picture:
    """A picture as grey levels, its transparent parts white, shrunk to what is kept of it."""
    longest = CLIP_ART_PX if path.suffix == ".png" else LONGEST_PX
    with Image.open(path) as file:
        file.draft("RGB", (longest, longest))
        file.thumbnail((longest, longest))
        layers = file.convert("RGBA")
        paper = Image.new("RGBA", layers.size, "white")
        return np.asarray(Image.alpha_composite(paper, layers).convert("L"))
