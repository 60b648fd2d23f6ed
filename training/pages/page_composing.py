"""Pieces of pages, with and without numbers, as a camera or a scanner takes them, and where their numbers are."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitkit.contract import Picture
from training.data.mnist import Split
from training.lines.handwriting import Writing
from training.lines.papers import behind, stains
from training.lines.wear import worn
from training.pages.leaf import LEAF_PX, Leaf
from training.pages.page_layouts import form, running_text, strewn, table, wordy
from training.pages.page_singles import lone, stacked
from training.scenes.crops import cropped_photo
from training.scenes.nothing import nothing
from training.scenes.sheet import Field

PIECE_PX = 256  # the sides of a piece
TEXT, TABLES, FORMS, STREWN, LONE, STACKED, WORDS = 0.17, 0.13, 0.13, 0.28, 0.09, 0.03, 0.12  # the kinds' shares; the rest is nothing
PHOTO, PRINTED, STAINED = 0.45, 0.12, 0.2  # the shares of grounds: a photo under strewn numbers; print, stains under all
UPRIGHT, QUARTERS, SKEWED = 0.62, 0.14, 0.16  # the shares of pages that lie nearly level, turned by quarters, by up to 45 degrees
LEVEL = 2.0  # standard deviation of the tilt of those that lie nearly level, in degrees
BENT = 0.04  # standard deviation of how far perspective moves a corner, as a share of a piece's side
LEAST_SEEN = 0.15  # a number of which less is in the piece is no part of the truth
CONTRAST = 0.25  # of ink, by which noise is measured
FAXED = 0.16  # the share of pieces in black and white, as faxes and old scans are
FAINT = 4.0  # standard deviation of the greys of a number, as they are or blurred against noise, below which nobody sees it


class DrawnPiece(NamedTuple):
    """A piece of a page, and the truth about it.

    Attributes:
        picture: uint8 (PIECE_PX, PIECE_PX), in either polarity.
        quads: float32 (M, 4, 2) x, y, of each number that is seen in part or whole: top left, top right, bottom right, bottom left, top
            and bottom those of its digits, left and right those of all that it is written together with.
        is_faint: bool (M,), of each whether nobody could see it.
    """

    picture: Picture
    quads: NDArray[np.float32]
    is_faint: NDArray[np.bool_]


class PageComposer:
    """Draws pieces of pages one after the other, all from one seed."""

    def __init__(self, train: Split, seed: int | tuple[int, ...]) -> None:
        self.writing, self.draw = Writing(train), np.random.default_rng(seed)

    def piece(self) -> DrawnPiece:
        draw, way = self.draw, self.draw.random()
        if way < TEXT:
            running_text(leaf := self._leaf(), draw)
        elif (way := way - TEXT) < TABLES:
            table(leaf := self._leaf(), draw)
        elif (way := way - TABLES) < FORMS:
            form(leaf := self._leaf(), draw, self.writing)
        elif (way := way - FORMS) < STREWN:
            strewn(leaf := self._leaf(photo_share=PHOTO), draw, self.writing)
        elif (way := way - STREWN) < LONE:
            lone(leaf := self._leaf(), draw, self.writing)
        elif (way := way - LONE) < STACKED:
            stacked(leaf := self._leaf(photo_share=PHOTO), draw)
        elif way - STACKED < WORDS:
            wordy(leaf := self._leaf(photo_share=PHOTO / 2), draw)
        else:
            return self._nothing()
        return self._taken(leaf)

    def _leaf(self, *, photo_share: float = 0.0) -> Leaf:
        """Empty paper, or a photo to write on."""
        draw, shape = self.draw, (LEAF_PX, LEAF_PX)
        if draw.random() < photo_share and (photo := cropped_photo(*shape, draw)) is not None:
            low, high = np.sort(draw.random(2)) if draw.random() < 0.5 else (0.0, 1.0)
            return Leaf(np.asarray(low + (high - low) * photo / 255, dtype=np.float32), draw)
        page, way = np.full(shape, draw.uniform(0.45, 1), dtype=np.float32), draw.random()
        if way < PRINTED:
            page += np.float32(draw.uniform(0.03, 0.2)) * behind(shape, 20, draw)
        elif way < PRINTED + STAINED:
            page += stains(shape, 20, draw)
        return Leaf(page, draw)

    def _taken(self, leaf: Leaf) -> DrawnPiece:
        draw = self.draw
        matrix = turned(degrees_of(draw), draw)
        page = np.asarray(cv2.warpPerspective(leaf.grey, matrix, (PIECE_PX, PIECE_PX), borderMode=cv2.BORDER_REPLICATE), dtype=np.float32)
        quads = np.zeros((0, 4, 2), dtype=np.float32)
        if leaf.quads:
            placed = np.asarray(cv2.perspectiveTransform(np.concatenate(leaf.quads)[None], matrix), dtype=np.float32).reshape(-1, 4, 2)
            quads = placed[[seen_of(quad) >= LEAST_SEEN for quad in placed]]
        least_px = float(np.linalg.norm(quads[:, 3] - quads[:, 0], axis=1).min()) if len(quads) else 12.0
        return told(worn(page, max(6.0, least_px), CONTRAST, draw, binary=FAXED)[0], quads)

    def _nothing(self) -> DrawnPiece:
        """A photo, a pattern or empty paper."""
        picture = np.asarray(cv2.resize(nothing(self.draw), (PIECE_PX, PIECE_PX), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
        page: Field = np.multiply(picture, 1 / 255, dtype=np.float32)
        return told(worn(page, 12.0, CONTRAST, self.draw)[0], np.zeros((0, 4, 2), dtype=np.float32))


def degrees_of(draw: Generator) -> float:
    """How a page lies: nearly level, turned by quarters, skewed, or anyhow."""
    way = draw.random()
    if way < UPRIGHT:
        return float(draw.normal(0, LEVEL))
    if way < UPRIGHT + QUARTERS:
        return float(draw.normal(0, LEVEL)) + 90 * int(draw.integers(1, 4))
    return float(draw.uniform(-45, 45) if way < UPRIGHT + QUARTERS + SKEWED else draw.uniform(0, 360))


def turned(degrees: float, draw: Generator) -> NDArray[np.float64]:
    """The matrix (3, 3) from a leaf to the piece in its middle, turned and seen in perspective."""
    half, angle = PIECE_PX / 2, np.deg2rad(degrees)
    piece = np.array([[0, 0], [PIECE_PX, 0], [PIECE_PX, PIECE_PX], [0, PIECE_PX]], dtype=np.float64)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = (piece - half) @ turn.T + LEAF_PX / 2
    if draw.random() < 0.5:
        corners = corners + draw.normal(0, BENT, size=(4, 2)) * PIECE_PX
    return np.asarray(cv2.getPerspectiveTransform(corners.astype(np.float32), piece.astype(np.float32)), dtype=np.float64)


def seen_of(quad: NDArray[np.float32]) -> float:
    """The share of a quad that lies in the piece, by the places of a grid on it."""
    u, v = np.linspace(0, 1, 9, dtype=np.float32)[:, None, None], np.linspace(0, 1, 5, dtype=np.float32)[:, None]
    places = (1 - v) * ((1 - u) * quad[0] + u * quad[1]) + v * ((1 - u) * quad[3] + u * quad[2])
    return float(((places >= 0) & (places < PIECE_PX)).all(axis=2).mean())


def told(picture: Picture, quads: NDArray[np.float32]) -> DrawnPiece:
    """A piece at its full size, which a picture of few pixels has lost, and which of its numbers are faint."""
    if picture.shape != (PIECE_PX, PIECE_PX):
        picture = np.asarray(cv2.resize(picture, (PIECE_PX, PIECE_PX), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
    soft, faint = cv2.GaussianBlur(picture, (0, 0), 1), []
    for quad in quads:
        (left, top), (right, bottom) = np.clip(quad.min(axis=0), 0, None).astype(int), quad.max(axis=0).astype(int) + 1
        own = slice(top, bottom), slice(left, right)
        faint.append(min(float(picture[own].std()), float(soft[own].std())) < FAINT)  # what is blurred takes in what stands beside it
    return DrawnPiece(picture, quads, np.array(faint, dtype=np.bool_))
