"""From grey pictures to predictions, with the eye: the way that every served picture goes.

A picture that is a canvas is read as it is. Any other has up to three canvases: those of the rules (canvas.py), which cut out the
ink that differs from the paper, and that of the eye, which tells the digit's ink from other ink. The likeliest one is read.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from math import inf
from typing import NamedTuple

import numpy as np

from digitkit.contract import Picture, Run
from digitkit.errors import BlankPicture, DigitError, Overloaded, too_late
from digitkit.pictures.eye import Eye, Sight, see
from digitkit.pictures.ink import check_contrast
from digitkit.pictures.look import box_of
from digitkit.readers.digits.canvas import CROP_SIDE_PX, as_canvas, centre, fit, narrowed, to_canvases
from digitkit.readers.digits.classify import EVEN, classify
from digitkit.readers.digits.digit import SIDE_PX, Canvas, Prediction

SLICE = 64  # pictures that are looked at between two looks at the clock
STRETCHED = 0.95  # a digit that fills this share of a small square crop, both ways, was stretched to it


class Given(NamedTuple):
    """What the model takes of one picture.

    Attributes:
        canvases: that the rules found, none where they found no ink.
        picture: to be looked at; None for a canvas, at which there is nothing to look.
        refusal: why the rules found no ink; it is the answer unless the eye sees a digit.
    """

    canvases: list[Canvas]
    picture: Picture | None = None
    refusal: BlankPicture | None = None


def prepare(picture: Picture) -> Given:
    """What the model takes of a grey picture.

    Raises:
        BlankPicture: the picture is of one grey level, or nearly so.
    """
    canvas = as_canvas(picture)
    if canvas is not None:
        return Given([canvas])
    check_contrast(picture)
    try:
        return Given(to_canvases(picture), picture)
    except BlankPicture as err:
        return Given([], picture, err)


def recognise(inputs: Sequence[Given], run: Run, eye: Eye, min_score: float, deadline: float = inf) -> list[Prediction | DigitError]:
    """The prediction of each picture, in order, or why it has none.

    Args:
        run, min_score: as classify takes them.
        eye: as eye_net.load or eye_ort.load gives it.
        deadline: as digitkit.reader.Recogniser.read takes it.
    """
    if all(given.picture is None for given in inputs):
        return [*classify([given.canvases for given in inputs], run, min_score)]
    seen = iter(see_in_time([given.picture for given in inputs if given.picture is not None], eye, deadline))
    sights = [None if given.picture is None else next(seen) for given in inputs]
    refusals = [refusal_of(given, sight) for given, sight in zip(inputs, sights, strict=True)]
    asked = [i for i, refusal in enumerate(refusals) if refusal is None]
    shown = [doubted(inputs[i], sights[i]) for i in asked]
    canvases = [candidates(inputs[i], sight) for i, sight in zip(asked, shown, strict=True)]
    predictions = iter(classify(canvases, run, min_score, shown))
    return [next(predictions) if refusal is None else refusal for refusal in refusals]


def see_in_time(pictures: Sequence[Picture], eye: Eye, deadline: float) -> list[Sight | Overloaded]:
    """What is seen in each picture; after the deadline the rest are refused."""
    sights: list[Sight | Overloaded] = []
    for start in range(0, len(pictures), SLICE):
        part = pictures[start : start + SLICE]
        if time.perf_counter() > deadline:
            sights += [too_late()] * len(part)
        else:
            sights += see(part, eye)
    return sights


def refusal_of(given: Given, sight: Sight | Overloaded | None) -> DigitError | None:
    """Why a picture gets no prediction: there was no time, or neither the rules nor the eye found a digit."""
    if isinstance(sight, Overloaded):
        return sight
    is_found = sight is not None and sight.one >= EVEN and sight.has_ink
    return None if is_found else given.refusal


def doubted(given: Given, sight: Sight | Overloaded | None) -> Sight | None:
    """The sight of a picture that is read; where the rules found no ink, one digit is half as likely."""
    if not isinstance(sight, Sight):
        return None
    return sight if given.refusal is None else replace(sight, none=1 - sight.one / 2)


def candidates(given: Given, sight: Sight | None) -> list[Canvas]:
    """The canvases of a picture, one or more."""
    if given.picture is None or sight is None or not sight.has_ink:
        return given.canvases or [np.zeros((SIDE_PX, SIDE_PX), dtype=np.uint8)]
    return [*given.canvases, seen_canvas(sight, given.picture)]


def seen_canvas(sight: Sight, picture: Picture) -> Canvas:
    """The canvas of the ink that the eye saw."""
    x, y, width, height = box_of(sight.ink)
    digit = sight.ink[y : y + height, x : x + width]
    is_square_crop = picture.shape[0] == picture.shape[1] <= CROP_SIDE_PX
    if is_square_crop and min(width, height) >= STRETCHED * len(sight.ink):
        digit = narrowed(digit)
    return centre(fit(digit))
