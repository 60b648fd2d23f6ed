"""Numbers in the text that a document's file holds of a page: nothing is recognised, every sign is what the file says it is."""

import re
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from digitkit.documents.document import UNSEEN, PageText
from digitkit.readers.numbers.choose import trimmed
from digitkit.readers.numbers.formats.format import Format
from digitkit.readers.numbers.number import DIGITS, Character, Number, Quad

# Signs that files have in the place of the separators of a number, one for one.
AS_WRITTEN: Final = str.maketrans({"\u00a0": " ", "\u2007": " ", "\u202f": " ", "\u2009": " ", "\u2212": "-", "\u2010": "-", "\u2011": "-"})
RUN: Final = re.compile(r"[0-9.,:/ -]*[0-9][0-9.,:/ -]*")
GROUPS: Final = re.compile(r"-?\d+(?: \d+)*(?: ?[.,]\d+)?")  # digits in groups are one number, as 1 234,50; any other space parts two
WORD: Final = re.compile(r"\S+")
APART: Final = 2.5  # how far the middles of two neighbours in a number are apart at most, in heights or widths of the larger


def numbers_in_text(text: PageText, form: Format, page: int) -> list[Number]:
    """The numbers in a page's text, in its order. One beside a sign that cannot be seen is not whole, and left out."""
    signs = text.signs.translate(AS_WRITTEN)
    return [_number(signs, places, text.boxes, form, page) for places in _places(signs, text.boxes)]


def _places(signs: str, boxes: NDArray[np.float32]) -> Iterator[range]:
    """Where the signs of each number stand in a text."""
    for run in RUN.finditer(signs):
        for near in _neighbours(range(*run.span()), signs, boxes):
            for start, end in _pieces(signs[near.start : near.stop]):
                read = trimmed(signs[near.start + start : near.start + end])
                at = signs.find(read, near.start + start)
                if read.startswith("-") and signs[at - 1 : at].isalnum():  # the dash of a code, as in INV-2031, is no minus
                    at, read = at + 1, read[1:]
                places = range(at, at + len(read))
                if any(sign in DIGITS for sign in read) and UNSEEN not in signs[max(0, places.start - 1) : places.stop + 1]:
                    yield places


def _neighbours(run: range, signs: str, boxes: NDArray[np.float32]) -> Iterator[range]:
    """The parts of a run whose signs stand close to one another: cells of a table are parts of their own."""
    written = [i for i in run if signs[i] != " "]
    middles = (boxes[written, :2] + boxes[written, 2:]) / 2
    sizes = (boxes[written, 2:] - boxes[written, :2]).max(axis=1)
    steps = np.linalg.norm(np.diff(middles, axis=0), axis=1)
    far = np.flatnonzero(steps > APART * np.maximum(sizes[1:], sizes[:-1]))
    for part in np.split(np.array(written), far + 1):
        yield range(int(part[0]), int(part[-1]) + 1)


def _pieces(read: str) -> Iterator[tuple[int, int]]:
    """Where the numbers in a run begin and end."""
    if GROUPS.fullmatch(read.strip(" ")):
        yield 0, len(read)
        return
    for word in WORD.finditer(read):
        yield word.span()


def _number(signs: str, places: range, boxes: NDArray[np.float32], form: Format, page: int) -> Number:
    text = signs[places.start : places.stop]
    own = boxes[places.start : places.stop]
    turned = _direction(own)
    characters = tuple(Character(sign, 1.0, _quad(box[np.newaxis], turned)) for sign, box in zip(text, own, strict=True))
    return Number(text, form.value(text), 1.0, form.reason_against(text), _quad(own, turned), characters, page)


def _direction(boxes: NDArray[np.float32]) -> int:
    """How many quarters of a turn, clockwise, signs with these boxes run from left to right."""
    across, down = (boxes[-1, :2] + boxes[-1, 2:] - boxes[0, :2] - boxes[0, 2:]).tolist()
    if abs(across) >= abs(down):
        return 2 if across < 0 else 0
    return 1 if down > 0 else 3


def _quad(boxes: NDArray[np.float32], turned: int) -> Quad:
    """The corners around boxes, the first of them the upper left one of writing that is turned by so many quarters."""
    (left, top), (right, bottom) = boxes[:, :2].min(axis=0).tolist(), boxes[:, 2:].max(axis=0).tolist()
    corners = ((left, top), (right, top), (right, bottom), (left, bottom))
    return corners[turned:] + corners[:turned]
