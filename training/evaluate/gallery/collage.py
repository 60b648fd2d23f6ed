"""A picture that is put together of lines of print and writing, where each stands is said by the caller."""

from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from digitkit.contract import Picture
from training.data.mnist import Split
from training.glyphs.glyphs import digit_fonts
from training.lines.handwriting import Writing
from training.lines.in_print import typeset
from training.lines.strip import Strip, as_grey, paint, scaled_share
from training.scenes.sheet import Field, cloudy

PRINT, MONOSPACED, MACHINE_READABLE = "DejaVuSans.ttf", "DejaVuSansMono.ttf", "OCRB"
INK, PAPER = 0.15, 0.93  # grey levels, 0 to 1
SHADE = 0.015  # standard deviation of what uneven light adds, as a share of the range
GREYS = 32  # levels that are told apart, so that a picture's file stays small


def font_named(part: str) -> Path:
    """The first font of those that are drawn with whose file's name has this part."""
    return next(font for font in digit_fonts() if part in font.name)


class Collage:
    """A page on which lines are put one after the other, all from one seed."""

    def __init__(self, size: tuple[int, int], train: Split, seed: int, *, ground: float = PAPER, ink: float = INK) -> None:
        """A page of (height, width) pixels."""
        self.page: Field = np.full(size, ground, dtype=np.float32)
        self.ink, self.draw, self.train = ink, np.random.default_rng(seed), train

    @cached_property
    def writing(self) -> Writing:
        """Takes a while, which printed pages do not wait."""
        return Writing(self.train)

    def print(self, text: str, left: int, top: int, tall: int, *, font: str = PRINT, spacing: float = 0.0) -> None:
        """Printed text, its digits `tall` pixels high from `top` on."""
        self.put(typeset(text, font_named(font), self.draw, spacing=spacing), left, top, tall)

    def write(self, text: str, left: int, top: int, tall: int) -> None:
        """The same by hand."""
        self.put(self.writing.free_row(text, self.draw), left, top, tall)

    def put(self, strip: Strip, left: int, top: int, tall: int) -> None:
        """A strip as ink, or a panel with its own ground."""
        scale = tall / strip.span.height
        x, y = round(left - scale * strip.span.left), round(top - scale * strip.span.top)
        if strip.is_panel:
            panel = scaled_share(strip.picture, scale)
            place = self.page[y : y + panel.shape[0], x : x + panel.shape[1]]
            place[:] = panel[: place.shape[0], : place.shape[1]]
        else:
            paint(self.page, scaled_share(strip.picture, scale), y, x, self.ink)

    def rule(self, left: int, top: int, right: int, bottom: int) -> None:
        """A frame, or a line where it has no height."""
        cv2.rectangle(self.page, (left, top), (right, bottom), self.ink, 1, cv2.LINE_AA)

    def picture(self, degrees: float = 0.0) -> Picture:
        """The page as a camera sees it, turned by so many degrees counter-clockwise."""
        height, width = self.page.shape
        shaded = self.page + cloudy((height, width), SHADE, float(min(height, width)), self.draw)
        if degrees % 90:
            turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
            shaded = np.asarray(cv2.warpAffine(shaded, turn, (width, height), borderMode=cv2.BORDER_REPLICATE), dtype=np.float32)
        else:
            shaded = np.rot90(shaded, round(degrees / 90))
        return as_grey(np.asarray(np.round(shaded * GREYS) / GREYS, dtype=np.float32))
