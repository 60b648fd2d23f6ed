"""Choose the strokes of one digit, and leave out lines, frames, specks and what reaches in from the border."""

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from digitkit.errors import BlankPicture
from digitkit.pictures.ink import Ink, inner_of

Mask = NDArray[np.uint8]  # (H, W), 1 where the ink is

MIN_CONTRAST = 24  # grey levels between ink and paper; less is noise or blank paper
MIN_PART_PX = 16  # pixels of ink in the smallest digit, on the picture at its working size
MIN_HEIGHT = 0.12  # least height of a digit, as a share of the picture's; lower parts are dashes and dots
LINE_WIDTH = 0.1  # as a share of the picture's side: what is thinner, and long, is a cell's border or an underline, not a stroke
LINE_LENGTH, LINE_BAND = 0.75, 0.2  # a line's least length and greatest distance from the border, as shares of the picture's sides
CORNER = 0.07  # greatest distance of a slanted frame's corner from that of its bounding box, as a share of the picture's longer side
PEER = 0.3  # least ink of a neighbouring digit, as a share of the main stroke's
COMPANY_AREA = 0.04  # least ink of another stroke of the same digit, as a share of the main stroke's; less is a speck
COMPANY_REACH = 0.2  # greatest gap between the main stroke and another of the same digit, as a share of the main one's longer side


def binarise(ink: Ink, sample: Ink) -> Mask:
    """The mask of the ink, by the threshold that divides `sample` best into two classes (Otsu 1979), or by a least contrast."""
    level, _ = cv2.threshold(sample, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return (ink > max(level, MIN_CONTRAST / 2)).astype(np.uint8)


def find_digit(ink: Ink) -> Mask:
    """The mask of one digit's strokes, without lines, frames, specks and what reaches in from the border.

    A neighbouring digit stays in the mask, so that two digits are not read as one.

    Args:
        ink: uint8 (H, W), as to_ink gives it.
    Returns:
        uint8 (H, W), 1 where the strokes are.
    Raises:
        BlankPicture: nothing stands out from the paper, or nothing but lines and specks does.
    """
    sample = np.ascontiguousarray(ink[inner_of(ink.shape)])
    if sample.size == 0 or sample.max() < MIN_CONTRAST:
        sample = ink
    if sample.max() < MIN_CONTRAST:
        raise BlankPicture(f"no ink: nothing differs from the paper by {MIN_CONTRAST} of 255 grey levels or more")
    strong = binarise(ink, sample)
    parts, main = _parts_and_main(strong)
    company = parts.company(main) if main else []
    if main is None or not has_size(company):
        raise BlankPicture("no ink: only lines, frames or specks are left of the picture")
    mask = _mask_of(parts.labels, [part.label for part in company])
    return mask | _peers_at_lines(strong, parts, main, mask)


def _peers_at_lines(strong: Mask, parts: "Parts", main: "Part", mask: Mask) -> Mask:
    """The mask of neighbouring digits that touch a line or a frame: they are kept, since two digits must not pass as one."""
    if not parts.has_line(inside=PEER * main.area):
        return np.zeros_like(mask)
    freed = Parts(_without_lines(strong))
    strokes = freed.strokes(inside=PEER * main.area)
    peers = [part.label for part in strokes if part.is_peer(main) and not mask[freed.labels == part.label].any()]
    return _mask_of(freed.labels, peers)


def _parts_and_main(strong: Mask) -> tuple["Parts", "Part | None"]:
    """The parts of a mask and the main stroke among them, None where there is none.

    Where the main stroke touches the border, lines are removed first, if that leaves a stroke that is clear of the border.
    """
    parts = Parts(strong)
    main = parts.main()
    if main is not None and not main.touches_border(0):
        return parts, main
    cleaned = Parts(_without_lines(strong))
    rest = cleaned.main()
    if rest is None or rest.is_piece():
        is_frame = main is not None and main.inside < 0.3 * main.area
        return parts, None if is_frame else main
    is_free = not rest.touches_border(2) and (main is None or rest.inside > 0.7 * main.inside)
    return (cleaned, rest) if is_free else (parts, main)


def find_strokes(ink: Ink) -> Mask:
    """The mask of a digit that fills the picture, uint8 (H, W), 1 where strokes are: all ink but specks.

    Raises:
        BlankPicture: nothing stands out from the paper.
    """
    if ink.max() < MIN_CONTRAST:
        raise BlankPicture(f"no ink: nothing differs from the paper by {MIN_CONTRAST} of 255 grey levels or more")
    strong = binarise(ink, ink)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(strong, connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    kept = 1 + np.flatnonzero(areas >= max(MIN_PART_PX, 0.04 * areas.max(initial=0)))
    if not len(kept):
        raise BlankPicture("no ink: only specks are left of the picture")
    return _mask_of(labels, kept.tolist())


def has_size(company: list["Part"]) -> bool:
    """Whether parts together are tall enough for a digit and do not form a dashed line."""
    x, y = min(part.x for part in company), min(part.y for part in company)
    width = max(part.x + part.width for part in company) - x
    height = max(part.y + part.height for part in company) - y
    whole = replace(company[0], x=x, y=y, width=width, height=height)
    return height >= MIN_HEIGHT * whole.page[0] and not whole.is_line()


@dataclass(frozen=True, slots=True)
class Part:
    """A connected component of a mask.

    Attributes:
        label: its number in the labelled mask.
        x, y, width, height: its bounding box in pixels.
        area: how many pixels it has.
        inside: how many of them lie off the band along the picture's border (ink.BORDER_BAND).
        page: height and width of the whole mask.
    """

    label: int
    x: int
    y: int
    width: int
    height: int
    area: int
    inside: int
    page: tuple[int, int]

    def touches_border(self, margin: int) -> bool:
        height, width = self.page
        ends = self.x + self.width + margin >= width or self.y + self.height + margin >= height
        return self.x <= margin or self.y <= margin or ends

    @property
    def weight(self) -> int:
        """How likely it is the digit: three times its ink, or its ink off the border's band alone where it touches the border."""
        return self.inside if self.touches_border(0) else 3 * self.area

    def is_line(self) -> bool:
        """Whether it is a cell's border or an underline: thin, along most of the picture, and off the middle where it is upright as a 1."""
        (height, width), reach = self.page, 0.15
        down = self.is_thin() and self.height > 0.6 * height and self.off_middle > reach
        across = self.height < LINE_WIDTH * height and self.width > 0.6 * width
        return down or across

    def is_piece(self) -> bool:
        """Whether it looks like what is left of an upright line: thin, and near the left or the right border."""
        return self.is_thin() and self.off_middle > 0.33

    def is_thin(self) -> bool:
        return self.width < LINE_WIDTH * self.page[1]

    @property
    def off_middle(self) -> float:
        """The distance of its middle from the picture's, to the left or the right, as a share of the picture's width."""
        width = self.page[1]
        return abs(self.x + self.width / 2 - width / 2) / width

    def belongs_to(self, main: "Part") -> bool:
        """Whether it is kept beside the main stroke: as another stroke of the same digit, near and no speck, or as a neighbouring digit."""
        reach = COMPANY_REACH * max(main.width, main.height)
        is_stroke = self.area > COMPANY_AREA * main.area and max(self._gaps(main)) < reach
        return is_stroke or self.is_peer(main)

    def is_peer(self, main: "Part") -> bool:
        """Whether it is a neighbouring digit: near the main stroke, about as tall, and no mere fragment at the border."""
        return self.inside > PEER * main.area and self.height > 0.7 * main.height and max(self._gaps(main)) < main.height

    def _gaps(self, other: "Part") -> tuple[int, int]:
        """The gaps between the bounding boxes of two parts, in pixels across and down, negative where they overlap."""
        across = max(self.x - (other.x + other.width), other.x - (self.x + self.width))
        down = max(self.y - (other.y + other.height), other.y - (self.y + self.height))
        return across, down


class Parts:
    """The connected parts of a mask: those that can be strokes, and others, which are lines and frames.

    A mask of noise has thousands of parts, few of which can matter. So a Part is made of those alone that are asked for.
    """

    def __init__(self, mask: Mask) -> None:
        _, self.labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        inside = np.bincount(self.labels[inner_of(mask.shape)].ravel(), minlength=len(stats))
        rows = zip(*stats.T.tolist(), inside.tolist(), strict=True)
        self._rows: list[tuple[int, int, int, int, int, int]] = [*rows]  # the fields of a Part from x to inside, by its label
        self._page = (mask.shape[0], mask.shape[1])
        self._judged: dict[int, bool] = {}  # whether a part is a stroke, by its label: telling a frame is expensive

    def strokes(self, *, area: float = 0, inside: float = 0) -> list[Part]:
        """The parts that can be strokes, with this much ink or more, in all and off the border's band."""
        return [part for part in self._with_ink(area, inside) if self._is_stroke(part)]

    def has_line(self, *, inside: float) -> bool:
        """Whether a line or a frame has more than this much ink off the border's band."""
        return any(part.inside > inside and not self._is_stroke(part) for part in self._with_ink(0, inside))

    def main(self) -> Part | None:
        """The stroke that is most likely the digit, by Part.weight; None where none has enough ink.

        A stroke clear of the border is preferred, unless one that touches it has three times as much ink off the border's band.
        """
        candidates = [part for part in self.strokes(area=MIN_PART_PX) if part.weight >= MIN_PART_PX]
        return max(candidates, key=lambda part: part.weight, default=None)

    def company(self, main: Part) -> list[Part]:
        """The main stroke and the parts that are kept beside it.

        Beside a main stroke that is clear of the border, a part that touches the border is kept only as a neighbouring digit.
        """
        reach = max(main.height, COMPANY_REACH * main.width)  # of strokes and of other digits
        left, right, top, bottom = main.x - reach, main.x + main.width + reach, main.y - reach, main.y + main.height + reach
        near = [
            label
            for label, (x, y, width, height, area, _) in enumerate(self._rows)
            if area > COMPANY_AREA * main.area and left < x + width and x < right and top < y + height and y < bottom
        ]
        others = [part for part in self._parts(near) if part != main and part.belongs_to(main) and self._is_stroke(part)]
        if not main.touches_border(0):
            others = [part for part in others if not part.touches_border(0) or part.is_peer(main)]
        return [main, *others]

    def _with_ink(self, area: float, inside: float) -> list[Part]:
        return self._parts([label for label, row in enumerate(self._rows) if row[4] >= area and row[5] >= inside])

    def _parts(self, labels: list[int]) -> list[Part]:
        """Those with these labels, of which 0 is the paper and no part."""
        return [Part(label, *self._rows[label], self._page) for label in labels if label > 0]

    def _is_stroke(self, part: Part) -> bool:
        if part.label not in self._judged:
            self._judged[part.label] = not part.is_line() and not self._is_frame(part)
        return self._judged[part.label]

    def _is_frame(self, part: Part) -> bool:
        """Whether a part is a frame or a piece of one: long, with ink near a corner of its box and little in the picture's middle."""
        height, width = part.page
        if part.width < 0.6 * width and part.height < 0.6 * height:
            return False
        ink = self.labels == part.label
        in_the_middle = np.count_nonzero(ink[height // 4 : height - height // 4, width // 4 : width - width // 4])
        box = ink[part.y : part.y + part.height, part.x : part.x + part.width]
        k = max(2, round(CORNER * max(part.page)))
        has_corner = any(square.any() for square in (box[:k, :k], box[:k, -k:], box[-k:, :k], box[-k:, -k:]))
        return bool(has_corner and in_the_middle < 0.12 * part.area)


def _mask_of(labels: NDArray[Any], kept: list[int]) -> Mask:
    """The mask of the components whose labels are in `kept`; `labels` is (H, W)."""
    is_kept = np.zeros(int(labels.max()) + 1, dtype=np.uint8)
    is_kept[kept] = 1
    return np.take(is_kept, labels)


def _without_lines(strong: Mask) -> Mask:
    """The mask without thin straight lines that come in from the border, horizontal or vertical within a few degrees."""
    upright = _lines(np.ascontiguousarray(strong.T)).T
    lines = cv2.dilate(cv2.bitwise_or(_lines(strong), np.ascontiguousarray(upright)), np.ones((3, 3), dtype=np.uint8))
    return np.asarray(cv2.subtract(strong, lines), dtype=np.uint8)


def _lines(strong: Mask) -> Mask:
    """The mask of horizontal lines longer than LINE_LENGTH, within LINE_BAND of the top or bottom, that reach a side's border."""
    height, width = strong.shape
    wide = np.ones((1, max(3, round(LINE_LENGTH * width))), dtype=np.uint8)
    level = cv2.morphologyEx(cv2.dilate(strong, np.ones((3, 1), dtype=np.uint8)), cv2.MORPH_OPEN, wide)
    level[round(LINE_BAND * height) : height - round(LINE_BAND * height)] = 0
    _, labels, stats, _ = cv2.connectedComponentsWithStats(level, connectivity=8)
    x, across, down = stats[:, cv2.CC_STAT_LEFT], stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]
    is_line = ((x <= 1) | (x + across >= width - 1)) & (down <= LINE_WIDTH * 1.5 * height + 2)
    is_line[0] = False
    return np.asarray(is_line[labels] & (strong > 0), dtype=np.uint8)
