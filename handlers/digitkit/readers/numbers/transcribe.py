"""From grey pictures to the numbers that stand in them: the way that every served picture goes.

The net looks at the whole picture first. Where its text is small or leans, the part around it is looked at again, closer and level,
up to twice, and a line that is not sure in other ways still. What is read between words and other signs is a number each.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from math import inf, log
from typing import Final

import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Picture
from digitkit.documents.document import document_of
from digitkit.errors import DigitError, Overloaded, too_late
from digitkit.pictures.line import ALPHABET, BLANK, FRAME_PX, OTHER, STRIP_PX, LineRun
from digitkit.readers.numbers.apart import ends
from digitkit.readers.numbers.beam import told
from digitkit.readers.numbers.choose import Choice, choices, confidences
from digitkit.readers.numbers.formats.format import Format
from digitkit.readers.numbers.lattice import lattice
from digitkit.readers.numbers.looks import SLICE_PX, Look, look_at_all
from digitkit.readers.numbers.number import UNSURE, Character, Number, Quad, SeenPage, Transcript, View, as_quad
from digitkit.readers.numbers.opinions import SURER, reads_something, surest
from digitkit.readers.numbers.strips import closer_view, text_line, weights_of
from digitkit.readers.numbers.weighing import confidence_of, weighed

CLOSER: Final = 2  # most times that a picture is looked at again
# Columns of strips that are read to the end before the next ones are looked at: a batch of usual lines, or eight of the longest.
TURN_PX: Final = 2 * SLICE_PX
WIDEST: Final = 0.7  # of a character, in heights of its line
OTHERS: Final = 8  # likeliest ways to read a number that are told to what weighs it against others


@dataclass(frozen=True, slots=True)
class Asked:
    """What the model takes of one picture.

    Attributes:
        picture: grey.
        view: all of it, as a strip.
        form: what is known of its numbers.
    """

    picture: Picture
    view: View
    form: Format


@dataclass(frozen=True, slots=True)
class Terms:
    """When a number is accepted.

    Attributes:
        min_confidence: from which confidence on, 0 to 1.
        temperature: the number that logarithms of probabilities are divided by to be calibrated.
    """

    min_confidence: float
    temperature: float = 1.0

    @property
    def accepted_from(self) -> float:
        """The logarithm of the probability, as the net tells it, from which on a number is accepted."""
        return self.temperature * log(self.min_confidence) if self.min_confidence else -inf


def transcribe(inputs: Sequence[Asked], run: LineRun, terms: Terms, deadline: float = inf) -> list[Transcript | DigitError]:
    """The numbers of each picture, in order, or why it is refused.

    Args:
        run: the net.
        deadline: as digitkit.reader.Recogniser.read takes it.
    """
    return [each for turn in turns(inputs) for each in _transcribe_turn(turn, run, terms, deadline)]


def turns(inputs: Sequence[Asked]) -> Iterator[list[Asked]]:
    """The pictures in parts of up to TURN_PX columns: what was read in time is not given up for what stands behind it."""
    turn, columns = list[Asked](), 0
    for asked in inputs:
        width = asked.view.strip.shape[1]
        if turn and columns + width > TURN_PX:
            yield turn
            turn, columns = [], 0
        turn.append(asked)
        columns += width
    if turn:
        yield turn


def _transcribe_turn(inputs: Sequence[Asked], run: LineRun, terms: Terms, deadline: float) -> list[Transcript | DigitError]:
    looks = look_at_all([asked.view for asked in inputs], run, deadline)
    again = [*range(len(inputs))]
    for _ in range(CLOSER):
        near = {i: view for i in again if (view := _closer(inputs[i].picture, looks[i])) is not None}
        found = look_at_all([*near.values()], run, deadline)
        for i, look in zip(near, found, strict=True):
            if not isinstance(look, Look) or reads_something(look):
                looks[i] = look
        again = [*near]
    best = surest(looks, run, deadline, max(SURER, terms.accepted_from))
    return [_told(look, asked, terms, deadline) for look, asked in zip(best, inputs, strict=True)]


def _told(look: Look | Overloaded, asked: Asked, terms: Terms, deadline: float) -> Transcript | Overloaded:
    if isinstance(look, Look):
        return numbers_in(look, asked, terms) if time.perf_counter() <= deadline else too_late()
    return look


def _closer(picture: Picture, look: Look | DigitError) -> View | None:
    if not isinstance(look, Look):
        return None
    return closer_view(picture, look.view, look.extents, look.frames[:, BLANK])


def numbers_in(look: Look, asked: Asked, terms: Terms) -> Transcript:
    """The numbers that a look shows, from left to right."""
    frames = look.frames
    is_other = frames.argmax(axis=1) == ALPHABET.index(OTHER)
    parts = [part[~is_other[part]] for part in np.split(np.arange(len(frames)), np.flatnonzero(is_other))]
    numbers = [number for part in parts if len(part) for number in _numbers_at(look, part[told(frames[part])], asked.form, terms)]
    height, width = asked.picture.shape
    return Transcript(tuple(numbers), (SeenPage(1, width, height),), document_of(asked.picture))


def _numbers_at(look: Look, kept: NDArray[np.int64], form: Format, terms: Terms) -> list[Number]:
    """The numbers at frames between which there is nothing else: all of them are one where that obeys a format, or has no room in it."""
    places = ends(look.frames[kept])
    if not places or form.rules:
        found = weighed(look.frames[kept], form, terms.temperature)
        if not places or (found is not None and found[0].obeys):
            others = cache(partial(_others, look, kept, form, terms))
            return [] if found is None else [replace(_number(look, kept, found, form, terms), others=others)]
    return [number for part in np.split(kept, places) for number in _numbers_at(look, part, form, terms)]


def _number(look: Look, kept: NDArray[np.int64], weighed_choice: tuple[Choice, float], form: Format, terms: Terms) -> Number:
    """A choice that was made at the frames `kept`, with its places in the picture and its confidences."""
    choice, confidence = weighed_choice
    found = lattice(look.frames[kept], choice.read)
    own = slice(choice.start, choice.start + len(choice.text))
    centres = np.interp(found.centres, np.arange(len(kept)), kept)[own]
    slope, top, bottom = text_line(look.extents, weights_of(look.frames[:, BLANK]))
    edges = edges_of(centres * FRAME_PX + FRAME_PX / 2, (bottom - top) * STRIP_PX)
    line = (slope / FRAME_PX * STRIP_PX, (top - slope / 2) * STRIP_PX, (bottom - slope / 2) * STRIP_PX)
    characters = tuple(
        Character(sign, sure, quad_of(look.view, start, end, line), float(centre))
        for sign, sure, start, end, centre in zip(
            choice.text, confidences(found, choice.read, terms.temperature)[own], edges[:-1], edges[1:], centres, strict=True
        )
    )
    reason = form.reason_against(choice.text) or ("" if confidence >= terms.min_confidence else UNSURE)
    quad = quad_of(look.view, float(edges[0]), float(edges[-1]), line)
    return Number(choice.text, form.value(choice.text), confidence, reason, quad, characters, view=look.view)


def _others(look: Look, kept: NDArray[np.int64], form: Format, terms: Terms) -> list[Number]:
    """The likeliest ways to read the number at the frames `kept` that agree with its format and its witness."""
    found = choices(look.frames[kept], form.agreeing(), OTHERS)
    return [_number(look, kept, (choice, confidence_of(choice, terms.temperature)), form, terms) for choice in found]


def edges_of(centres: NDArray[np.float64], height: float) -> NDArray[np.float64]:
    """Where characters begin and end, (L + 1,): half way between their middles (L,), in columns of a strip.

    Args:
        height: of the line, in pixels of the strip; the first and the last character are no wider than WIDEST of it.
    """
    between = (centres[1:] + centres[:-1]) / 2
    reach = WIDEST * height / 2
    half = min(reach, float(np.median(np.diff(centres))) / 2) if len(centres) > 1 else reach
    return np.concatenate([[centres[0] - half], between, [centres[-1] + half]])


def quad_of(view: View, start: float, end: float, line: tuple[float, float, float]) -> Quad:
    """The corners, in the picture, of what stands between two columns of a strip on a line of (slope, top, bottom) in its pixels."""
    slope, top, bottom = line
    corners = [(x, edge + slope * x, 1.0) for x, edge in ((start, top), (end, top), (end, bottom), (start, bottom))]
    return as_quad(np.array(corners) @ view.to_picture.T)
