"""Writers whose digits are those of a font that was once written by hand, each time bent a little otherwise."""

import cv2
import numpy as np
from numpy.random import Generator

from digitkit.contract import Picture
from training.glyphs.faces import letter
from training.glyphs.written_fonts import written_fonts
from training.lines.hands_of_mnist import BENT, BENT_ANEW, bent
from training.lines.manner import Manner
from training.lines.strip import ROW_PX, Sign

PEN_PX = (2.0, 7.5)  # the strokes' width, from and to
SLANTED = 0.18  # standard deviation of how far a writer leans otherwise than the font
STRETCHED = 0.16  # standard deviation of the logarithm of how wide all digits are
ROOM_PX = 8  # around a digit, for a broader pen
INK = 127


class FontHand:
    """One writer: a font, a pen, a slant, a manner and a bend that all digits share."""

    def __init__(self, draw: Generator) -> None:
        fonts = written_fonts()
        self.font = fonts[draw.integers(len(fonts))]
        self.manner, self.bend = Manner(draw), draw.normal(0, BENT, size=(5, 2))
        self.bend[1, 0] += draw.normal(0, SLANTED)
        self.stretch = float(np.exp(draw.normal(0, STRETCHED)))
        self.uneven = draw.uniform(0.02, 0.12)
        self.pen = draw.uniform(*PEN_PX)

    def digit(self, digit: int, draw: Generator) -> Sign:
        """The strokes of a digit of this hand, about ROW_PX tall."""
        cut = letter(str(digit), self.font)
        assert cut is not None, self.font
        height = self.manner.tall[digit] * ROW_PX * float(np.exp(draw.normal(0, self.uneven)))
        scale = height / len(cut.strokes)
        across = min(scale * self.stretch * self.manner.wide[digit] ** 0.5, 2 * ROW_PX / cut.strokes.shape[1])
        large = cv2.resize(cut.strokes, None, fx=across, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
        strokes = bent(_drawn_by(self.pen, np.asarray(large, dtype=np.uint8)), self.bend + draw.normal(0, BENT_ANEW, size=(5, 2)))
        x, y, width, tall = cv2.boundingRect((strokes > INK).astype(np.uint8))
        strokes = strokes[y : y + tall, x : x + width]
        return Sign(strokes, round((ROW_PX - len(strokes)) * draw.uniform(0.2, 1.1)))


def _drawn_by(pen: float, strokes: Picture) -> Picture:
    """Strokes grown or shrunk until they are about as broad as a pen; none shrinks to less than two pixels."""
    page = cv2.copyMakeBorder(strokes, ROOM_PX, ROOM_PX, ROOM_PX, ROOM_PX, cv2.BORDER_CONSTANT, value=0)
    ink = float(page.max()) / 2  # a hairline is grey where it is thinner than a pixel
    inside, outside = (cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3) for mask in (page > ink, page <= ink))
    ridge = inside[(inside > 0) & (inside >= cv2.dilate(inside, np.ones((3, 3), dtype=np.uint8)))]
    thin, half = np.quantile(ridge, [0.1, 0.5])
    grown = max(pen / 2 - half, 1.0 - thin)
    return np.asarray(np.clip(255 * (inside - outside + grown + 0.5), 0, 255), dtype=np.uint8)
