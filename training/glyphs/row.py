"""Rows that are set sign by sign, each as near to the ink before it as a hand or a font sets it."""

from typing import NamedTuple

import cv2
import numpy as np

from digitkit.contract import Picture

ROW_PX = 48  # the height of full-height digits in a row that is drawn sign by sign
ROOM_PX = 30  # above and below them, for what rises over or hangs under the line
INKED = 90  # grey level from which a pixel counts as ink when signs are set close
NEAR_PX = 3  # signs keep their distance also from ink this many rows above or below
OVERHANG = 0.45  # how far a sign may reach over or under its neighbour, as a share of the narrower one's width
NOWHERE = 10_000  # columns away: a row without ink keeps nobody off


class Sign(NamedTuple):
    """The strokes of one sign, uint8 (H, W), bright on dark, cropped, and how many pixels their top is below that of digits."""

    strokes: Picture
    top: int


class Setter:
    """Sets signs one after the other, each as far from the ink before it as it is told, and keeps the ink of all.

    Attributes:
        page: the ink of all signs, uint8 (ROW_PX + 2 * ROOM_PX, W), bright on dark.
        top, first, right: the row where the last sign begins, and the columns where the first one begins and the last one ends.
    """

    def __init__(self, count: int) -> None:
        self.page = np.zeros((ROW_PX + 2 * ROOM_PX, (count + 4) * 3 * ROW_PX), dtype=np.uint8)
        self.edge = np.full(len(self.page), -NOWHERE, dtype=np.int32)  # the last column with ink of each row
        self.top, self.first, self.right, self.width = 0, NOWHERE, ROW_PX, 0

    def put(self, sign: Sign, gap_px: float) -> int:
        """Set a sign `gap_px` to the right of the nearest ink, over it where that is negative; the column where it begins."""
        height, width = sign.strokes.shape
        top = int(np.clip(ROOM_PX + sign.top, 0, max(0, len(self.page) - height)))
        strokes = sign.strokes[: len(self.page) - top]
        rows = np.s_[top : top + len(strokes)]
        inked = strokes > INKED
        has_ink = inked.any(axis=1)
        first = np.where(has_ink, inked.argmax(axis=1), NOWHERE)
        last = np.where(has_ink, width - 1 - inked[:, ::-1].argmax(axis=1), -NOWHERE)
        near = cv2.dilate(self.edge.astype(np.float32)[:, None], np.ones((2 * NEAR_PX + 1, 1), dtype=np.uint8))[rows, 0]
        nearest = int((near - first).max())
        left = max(nearest + 1, self.right - round(OVERHANG * min(width, self.width))) + round(gap_px)
        left = int(max(left, self.right - self.width + 1, 1))
        place = self.page[rows, left : left + width]
        np.maximum(place, strokes[:, : place.shape[1]], out=place)
        self.edge[rows] = np.maximum(self.edge[rows], left + last)
        self.top, self.first, self.right, self.width = top, min(self.first, left), max(self.right, left + width), width
        return left

    def skip(self, px: float) -> None:
        """Leave empty room, as between groups of digits."""
        self.right += round(px)
        self.edge[:] = self.right
        self.width = 0
