"""Other looks at lines that are not sure: narrower, wider and inverted. Of all looks at a line the one counts whose text is likeliest.

On the development halves a third of the plates that were misread, a fifth of the meters' displays and a tenth of the amounts on cheques
are read right so (docs/experiments.md).
"""

from collections.abc import Iterator, Sequence
from typing import Final

import cv2
import numpy as np

from digitkit.errors import Overloaded
from digitkit.pictures.line import BLANK, STRIP_PX, LineRun
from digitkit.readers.numbers.beam import search, told
from digitkit.readers.numbers.looks import Look, look_at_all
from digitkit.readers.numbers.number import View, digits_of
from digitkit.readers.numbers.strips import LONGEST, padded

SURE: Final = float(np.log(0.9))  # of a text; a line that says likelier things needs no other look
SURER: Final = float(np.log(0.97))  # of a text in another look, at least, for those that are left to be spared
WIDTHS: Final = (0.7, 0.85, 1.2)  # of the strip in other looks, as shares of what it is: the first one alone is often enough


def surest(looks: Sequence[Look | Overloaded], run: LineRun, deadline: float, enough: float = SURER) -> list[Look | Overloaded]:
    """The likeliest look at each line, in order: of those that read a digit and are not sure, from among up to five.

    A line of words alone stays as it is: another look at it could only take a word for a number.

    Args:
        deadline: as look_at_all takes it; what is not looked at again in time stays as it is.
        enough: the logarithm of the probability of a text with which a line is not looked at further.
    """
    unsure = {i: look for i, look in enumerate(looks) if isinstance(look, Look) and reads_something(look) and not is_sure(look)}
    read = {i: likeliest(look) for i, look in unsure.items()}
    best = {i: found for i, (text, found) in read.items() if found < SURE and digits_of(text)}
    ways = {i: others(unsure[i].view) for i in best}
    chosen = [*looks]
    while again := {i: view for i, found in best.items() if found < enough and (view := next(ways[i], None)) is not None}:
        for i, look in zip(again, look_at_all([*again.values()], run, deadline), strict=True):
            if isinstance(look, Look) and reads_something(look) and (found := likeliest(look)[1]) > best[i]:
                best[i], chosen[i] = found, look
    return chosen


def reads_something(look: Look) -> bool:
    """Whether anything but the blank is the likeliest at any frame."""
    return bool((look.frames.argmax(axis=1) != BLANK).any())


def is_sure(look: Look) -> bool:
    """Whether the likeliest class at each frame, one of the ways to its text, is likely enough alone: most lines need no search here."""
    return float(np.log(look.frames.max(axis=1)).sum()) >= SURE


def likeliest(look: Look) -> tuple[str, float]:
    """The likeliest text, and the logarithm of its probability."""
    return search(look.frames[told(look.frames)])[0]


def others(view: View) -> Iterator[View]:
    """The same part of a picture, shown in other ways, the one that tells most first."""
    for share in WIDTHS:
        width = min(LONGEST * STRIP_PX, max(1, round(share * view.width)))
        kind = cv2.INTER_CUBIC if share > 1 else cv2.INTER_AREA
        strip = cv2.resize(view.strip[:, : view.width], (width, STRIP_PX), interpolation=kind)
        yield View(padded(np.asarray(strip, dtype=np.uint8)), width, view.to_picture * (view.width / width, 1, 1))
    yield View(255 - view.strip, view.width, view.to_picture)
