"""Where one number ends and the next begins on a line, though nothing but room is between them: `552.65 13,816.25`, `27, 1984`."""

import re
from typing import Final

import numpy as np

from digitkit.pictures.line import ALPHABET, BLANK
from digitkit.readers.numbers.number import DIGITS, Frames

# What no group of digits follows as a part of the same number: an amount, a time, or a day of three parts.
COMPLETE: Final = re.compile(r"\d[.,:]\d|\d[./-]\d{1,2}[./-]\d")
MARKED: Final = re.compile(r"\d[.,:]\d")
THOUSANDS: Final = re.compile(r"\d{3}[.,]\d")  # the last group of an amount whose thousands are set apart
SHORT: Final = 3  # digits of a group before it, at most


def ends(frames: Frames) -> list[int]:
    """The frames, of (T, 18), at which there is room between two numbers, by what is likeliest at each frame."""
    classes = frames.argmax(axis=1)
    told = np.flatnonzero((classes != BLANK) & (np.diff(classes, prepend=BLANK) != 0))
    text = "".join(ALPHABET[i] for i in classes[told])
    return [int(told[place]) for place in places_apart(text)]


def places_apart(text: str) -> list[int]:
    """The spaces of a text, by their places, that stand between two numbers.

    Groups of digits are one number, as on a card, and so are those with a separator beside the space, as in `12. 5. 1984` or `118 / 76`.
    """
    found = []
    for room in re.finditer(" +", text):
        before, after = text[: room.start()].rpartition(" ")[2], text[room.end() :].partition(" ")[0]
        if are_apart(before, after):
            found.append(room.start())
    return found


def are_apart(before: str, after: str) -> bool:
    """Whether two texts without spaces, with room between them, are two numbers or parts of them."""
    if not any(sign in DIGITS for sign in before) or not after or after[0] not in DIGITS:
        return False
    if before[-1] in ",:":
        return True
    if before[-1] not in DIGITS:
        return False
    if COMPLETE.search(before):
        return True
    return bool(MARKED.search(after)) and not (len(before) <= SHORT and THOUSANDS.match(after))
