"""What a number is to this reader, and the types at the ends of the pipeline."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from digitkit.documents.document import Document
from digitkit.errors import DigitError
from digitkit.pictures.line import LineRun, Strip

DIGITS: Final = "0123456789"
SEPARATORS: Final = ".,-/: "
# Why a number is not accepted: there is none, the net is not sure enough, no likely reading obeys the format that was asked for or is worth
# what the words beside it say, or the number is in a sum that does not hold.
REASONS = ("no_number", "unsure", "breaks_format", "breaks_words", "breaks_sum")
NO_NUMBER, UNSURE, BREAKS_FORMAT, BREAKS_WORDS, BREAKS_SUM = REASONS

Frames: TypeAlias = NDArray[np.float64]  # (T, 18), the probabilities of the classes at each frame
Extents: TypeAlias = NDArray[np.float32]  # (T, 2), top and bottom of the text at each frame, in shares of a strip's height
Quad: TypeAlias = tuple[tuple[float, float], ...]  # four corners (x, y) from the top left on clockwise, in pixels of the picture


class LineBackend(NamedTuple):
    """A loaded net, and the device or the provider that it runs on."""

    run: LineRun
    place: str


def digits_of(text: str) -> str:
    """The digits of a text alone."""
    return "".join(sign for sign in text if sign in DIGITS)


def as_quad(corners: NDArray[np.floating]) -> Quad:
    """Corners (4, 2) as an answer has them."""
    return tuple((float(x), float(y)) for x, y in corners)


@dataclass(frozen=True, slots=True)
class View:
    """A strip, and where its pixels are in the picture.

    Attributes:
        strip: what the net is shown.
        width: columns of it that show the picture; those behind them repeat the last one.
        to_picture: float64 (2, 3), from a point of the strip, in pixels from its upper left corner, to one of the picture.
    """

    strip: Strip
    width: int
    to_picture: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Character:
    """One character of a number.

    Attributes:
        text: a digit or a separator.
        confidence: how likely it is this character, given the others, 0 to 1.
        quad: where it is.
        frame: the frame of the strip at which it was read, for explanations; no part of an answer.
    """

    text: str
    confidence: float
    quad: Quad
    frame: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class Number:
    """One number.

    Attributes:
        text: as it is written, with its separators.
        value: what it is worth, None where that is ambiguous or no number.
        confidence: how likely all of it is right, 0 to 1.
        reason: one of REASONS where the number is not accepted, else "".
        quad: where it is.
        characters: of `text`, in order.
        page: on which it stands, from 1 on.
        view: the last look at its line, for explanations; None where its text was taken from the file.
        others: the likeliest ways to read it, this one among them, of the same format: found when they are asked for, as a sum does.
    """

    text: str
    value: int | float | None
    confidence: float
    reason: str
    quad: Quad
    characters: tuple[Character, ...]
    page: int = 1
    view: View | None = field(default=None, compare=False, repr=False)
    others: "Callable[[], Sequence[Number]]" = field(default=tuple, compare=False, repr=False)

    @property
    def accepted(self) -> bool:
        return not self.reason

    @property
    def digits(self) -> str:
        """Its digits alone."""
        return digits_of(self.text)


@dataclass(frozen=True, slots=True)
class SeenPage:
    """A page of which numbers were asked.

    Attributes:
        number: of the page, from 1 on.
        width, height: of its picture, in pixels; 0 where it could not be read.
        dpi: pixels to an inch of its paper, None where that is not known.
        rotation: degrees, a multiple of 90, by which its writing is turned clockwise.
        error: why it was not read.
    """

    number: int
    width: int = 0
    height: int = 0
    dpi: float | None = None
    rotation: int = 0
    error: DigitError | None = None


class ReadField(NamedTuple):
    """What stands in a region of a template: the number, None where there is none, and where it was looked for."""

    number: Number | None
    page: int
    quad: Quad


class CheckedSum(NamedTuple):
    """A sum of a template's fields, and whether it holds.

    Attributes:
        total, items: the names of the fields.
        amount: what the items add up to, None where one of them is no number or an ambiguous one.
        holds: None where the amount, or the total, is not known.
    """

    total: str
    items: tuple[str, ...]
    amount: Decimal | None
    holds: bool | None


@dataclass(frozen=True, slots=True)
class Transcript:
    """All numbers of a picture or of a document, in reading order.

    Attributes:
        numbers: none where there is no number.
        pages: those that were asked for, in order.
        document: that was read, for drawings.
        fields: the regions of a template by their names; None where no template was asked for.
        sums: of those fields, as they were asked for.
    """

    numbers: tuple[Number, ...]
    pages: tuple[SeenPage, ...]
    document: Document = field(compare=False, repr=False)
    fields: Mapping[str, ReadField] | None = None
    sums: tuple[CheckedSum, ...] = ()

    @property
    def best(self) -> Number | None:
        """The accepted number with the highest confidence, or the surest one where none is accepted; None where there is none."""
        return max(self.numbers, key=lambda number: (number.accepted, number.confidence), default=None)

    @property
    def reason(self) -> str:
        """Why the picture as a whole has no answer: that its best number is not accepted, or that there is none."""
        return NO_NUMBER if self.best is None else self.best.reason
