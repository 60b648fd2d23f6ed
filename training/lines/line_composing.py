"""Pictures of one line that holds a number, drawn by hand, in print, on displays, drums and plates, or of nothing at all."""

from collections import deque
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Picture
from training.data.mnist import Split
from training.lines import displays, drums, in_print, plates
from training.lines.handwriting import Writing
from training.lines.papers import behind, ruled, stains
from training.lines.pose import Pose, posed
from training.lines.strip import Span, Strip, as_share, paint, scaled_share
from training.lines.wear import worn
from training.scenes.nothing import nothing
from training.scenes.sheet import Field, cloudy, log_uniform

WRITTEN, PRINTED, SHOWN, TURNED, PLATED, LETTERS = 0.39, 0.21, 0.16, 0.1, 0.05, 0.06  # the kinds' shares; the rest is nothing
PRINT_BY_HAND, PRINT_BEHIND = 0.35, 0.1  # the shares of written and of other rows with print behind
RULED, NEIGHBOURED, GRAINY = 0.3, 0.28, 0.2  # the shares of rows with rules, with parts of other lines, with uneven ink
KEPT = 8  # rows that are kept to be other rows' neighbours
RISING = 1.6  # standard deviation of how steep a hand writes, in degrees
PHOTOS = 0.5  # the share of pictures of nothing that are photos and patterns; the others are empty paper
LEAST_INK, STRONG_INK = 0.17, 1.0  # the difference of ink from its ground, from and to


class DrawnLine(NamedTuple):
    """A picture with one line, and the truth about it.

    Attributes:
        picture: uint8 (H, W), 12 to 200 px high, dark on light or light on dark.
        text: of digits, the separators ".,-/: " and a star for any other sign; "" where nothing is written.
        quad: (4, 2) x, y, the text's corners in pixels: top left, top right, bottom right, bottom left, its top and bottom those
            of full-height digits; where nothing is written the picture's own.
    """

    picture: Picture
    text: str
    quad: NDArray[np.float32]


class LineComposer:
    """Draws lines one after the other, all from one seed."""

    def __init__(self, train: Split, seed: int | tuple[int, ...]) -> None:
        self.writing, self.draw = Writing(train), np.random.default_rng(seed)
        self.recent: deque[Strip] = deque(maxlen=KEPT)

    def line(self) -> DrawnLine:
        draw, way = self.draw, self.draw.random()
        if way < WRITTEN:
            drawn = self._on_paper(self.writing.row(draw), PRINT_BY_HAND, RISING)
        elif (way := way - WRITTEN) < PRINTED:
            drawn = self._on_paper(in_print.row(draw), PRINT_BEHIND, 0.0)
        elif (way := way - PRINTED) < SHOWN:
            drawn = self._of_panel(displays.display(draw))
        elif (way := way - SHOWN) < TURNED:
            drawn = self._of_panel(drums.counter(draw))
        elif (way := way - TURNED) < PLATED:
            drawn = self._of_panel(plates.plate(draw))
        elif way - PLATED < LETTERS:
            drawn = self._on_paper(in_print.letters_only(draw), PRINT_BEHIND, 0.0)
        else:
            drawn = self._nothing()
        return drawn if draw.random() < 0.5 else drawn._replace(picture=np.asarray(255 - drawn.picture, dtype=np.uint8))

    def _on_paper(self, strip: Strip, print_share: float, rising: float) -> DrawnLine:
        """A strip of ink on paper, among print, rules and parts of other lines."""
        draw = self.draw
        pose = posed(strip.span, rising, draw)
        page, level = self._paper(pose, print_share)
        if self.recent and draw.random() < NEIGHBOURED:
            self._put_neighbours(page, pose, level)
        rules = ruled(pose.quad, pose.shape, pose.digit_px, draw) if draw.random() < RULED else None
        if rules is not None:
            rule_level = level if draw.random() < 0.4 else page.mean() + (level - page.mean()) * draw.uniform(0.2, 1.1)
            page += (np.float32(rule_level) - page) * rules * np.float32(draw.uniform(0.4, 1))
        ink = warped(strip, pose)
        if draw.random() < GRAINY:
            cloud = cloudy(pose.shape, draw.uniform(0.1, 0.45), draw.uniform(1, max(1.5, 0.4 * pose.digit_px)), draw)
            ink = ink * np.clip(1 - np.abs(cloud), 0.2, 1)
        page += (np.float32(level) - page) * ink
        self.recent.append(strip)
        return self._taken(page, strip, pose, abs(level - float(page.mean())))

    def _paper(self, pose: Pose, print_share: float) -> tuple[Field, float]:
        """An empty page, dark ink's or bright ink's, and the level of the ink on it."""
        draw = self.draw
        ground, contrast, way = draw.uniform(0.45, 1), log_uniform(LEAST_INK, STRONG_INK, draw), draw.random()
        page = np.full(pose.shape, ground, dtype=np.float32)
        if way < print_share:
            depth = draw.uniform(0.03, 0.3)
            page += np.float32(depth) * behind(pose.shape, pose.digit_px, draw)
            contrast = max(contrast, 1.3 * depth)
        elif way < print_share + 0.2:
            page += stains(pose.shape, pose.digit_px, draw)
            contrast = max(contrast, 0.2)
        return page, float(max(0.0, ground - contrast))

    def _put_neighbours(self, page: Field, pose: Pose, level: float) -> None:
        """Parts of a line above or below that the picture's border cuts, less than half of it to be seen."""
        draw, quad = self.draw, pose.quad
        other = self.recent[draw.integers(len(self.recent))]
        scale = pose.digit_px / other.span.height * draw.uniform(0.8, 1.1)
        if scale * max(other.picture.shape) < 4:
            return
        ink = scaled_share(other.picture, scale)
        top, base, tall = round(scale * other.span.top), round(scale * other.span.base), scale * other.span.height
        left = round(draw.uniform(-0.3, 0.6) * page.shape[1])
        seen = tall * draw.uniform(0.1, 0.45)
        if draw.random() < 0.55:
            room = float(quad[:2, 1].min()) - 0.06 * pose.digit_px
            paint(page, ink, round(min(seen, room)) - base, left, level)
        if draw.random() < 0.55:
            room = page.shape[0] - float(quad[2:, 1].max()) - 0.12 * pose.digit_px
            paint(page, ink, round(page.shape[0] - min(seen, room)) - top, left, level)

    def _of_panel(self, strip: Strip) -> DrawnLine:
        """A panel on what is around it: a case, a wall, a car."""
        draw, pose = self.draw, posed(strip.span, 0.0, self.draw)
        page = np.full(pose.shape, draw.uniform(0, 1), dtype=np.float32)
        if draw.random() < 0.4:
            page += np.float32(draw.uniform(0.1, 0.6)) * behind(pose.shape, 4 * pose.digit_px, draw)
        cover = warped(strip._replace(picture=np.full_like(strip.picture, 255)), pose)
        page += (warped(strip, pose) - page * cover) if cover.min() < 1 else warped(strip, pose) - page
        return self._taken(page, strip, pose, 2 * float(strip.picture.std()) / 255)

    def _taken(self, page: Field, strip: Strip, pose: Pose, contrast: float) -> DrawnLine:
        picture, scale = worn(page, pose.digit_px, contrast, self.draw)
        return DrawnLine(picture, strip.text, np.asarray(pose.quad * scale, dtype=np.float32))

    def _nothing(self) -> DrawnLine:
        """A photo or a pattern in the shape of a line, or empty paper with what stands around a line."""
        draw = self.draw
        if draw.random() < PHOTOS:
            height = round(log_uniform(16, 90, draw))
            picture = cv2.resize(nothing(draw), (round(height * log_uniform(0.7, 9, draw)), height), interpolation=cv2.INTER_AREA)
            return DrawnLine(np.asarray(picture, dtype=np.uint8), "", whole_of(picture.shape))
        pose = posed(Span(0, 0, 48 * draw.uniform(0.6, 8), 48), 0.0, draw)
        page, level = self._paper(pose, PRINT_BY_HAND)
        if self.recent and draw.random() < NEIGHBOURED:
            self._put_neighbours(page, pose, level)
        if draw.random() < 2 * RULED:
            page += (np.float32(level) - page) * ruled(pose.quad, pose.shape, pose.digit_px, draw)
        picture, _ = worn(page, pose.digit_px, STRONG_INK, draw)
        return DrawnLine(picture, "", whole_of(picture.shape))


def warped(strip: Strip, pose: Pose) -> Field:
    """A strip's ink or grey levels in the picture; it is shrunk first, so that no pixel of it is passed over."""
    scale, picture, matrix = pose.digit_px / strip.span.height, strip.picture, pose.matrix
    if scale < 0.9:
        picture = np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        shrunk = [strip.picture.shape[1] / picture.shape[1], strip.picture.shape[0] / picture.shape[0], 1.0]
        matrix = matrix @ np.diag(shrunk)
    return as_share(np.asarray(cv2.warpPerspective(picture, matrix, pose.shape[::-1], flags=cv2.INTER_LINEAR), dtype=np.uint8))


def whole_of(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The corners of a whole picture."""
    return Span(0, 0, shape[1], shape[0]).corners()
