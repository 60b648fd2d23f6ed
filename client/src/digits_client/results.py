"""What the server reads in a picture, as frozen dataclasses, and how they are read from its JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

from digits_client.errors import Refused, StrangeAnswer, Unavailable, to_error

Point: TypeAlias = tuple[float, float]  # x to the right and y down, in pixels of the page
Quad: TypeAlias = tuple[Point, Point, Point, Point]


@dataclass(frozen=True, slots=True)
class Digit:
    """The one digit of a picture.

    Attributes:
        digit: 0 to 9, the likeliest even where it is not accepted.
        confidence: from 0 to 1, calibrated: of answers with 0.9, nine in ten are right.
        accepted: False if the picture is probably not one digit.
        reason: why it is not accepted: several_digits, no_digit or unsure; "" where it is.
        probabilities: of the digits 0 to 9, in this order.
    """

    digit: int
    confidence: float
    accepted: bool
    reason: str
    probabilities: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Which pixels made the decision.

    Attributes:
        digit: what was read.
        target: the digit that is explained.
        method: how the attributions were found, for example "integrated gradients".
        attributions: 28 rows of 28 numbers from -1 to 1, of the centred digit: above 0 where a pixel speaks for the target.
    """

    digit: int
    target: int
    method: str
    attributions: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Character:
    """One character of a number, with its four corners on the page in pixels."""

    text: str
    confidence: float
    quad: Quad


@dataclass(frozen=True, slots=True)
class Number:
    """A number that stands on a page.

    Attributes:
        text: as it is written there.
        value: what it is worth; None for what is no amount, as a date, or could be two.
        digits: its digits alone.
        confidence: from 0 to 1, that all its characters are right.
        accepted: False if it should not be used without a look at it.
        reason: why not: unsure, breaks_format, breaks_words or breaks_sum; "" where it is accepted.
        page: the page that it stands on, from 1 on.
        quad: its four corners on that page in pixels.
    """

    text: str
    value: str | int | float | None
    digits: str
    confidence: float
    accepted: bool
    reason: str
    page: int
    quad: Quad
    characters: tuple[Character, ...]


@dataclass(frozen=True, slots=True)
class NoNumber:
    """A field of a template in which there is no number, and the four corners of where it was looked for."""

    page: int
    quad: Quad


@dataclass(frozen=True, slots=True)
class CheckedSum:
    """Fields that must add up to another one.

    Attributes:
        amount: what the items add up to; None where one of them is no number, or could be two.
        holds: None where that, or the total, is not known.
    """

    total: str
    items: tuple[str, ...]
    amount: Decimal | None
    holds: bool | None


@dataclass(frozen=True, slots=True)
class PageSize:
    """The width and height in pixels of a page, in which the quads are told."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class NumbersFound:
    """The numbers of a picture or document, in the order in which they are read.

    Attributes:
        pages: the size of each page that was asked for, by its number from 1 on, or the error that it could not be read for.
        fields: of the template, by their names; those on pages that were not read are missing.
        sums: that the template has.
    """

    numbers: tuple[Number, ...]
    pages: Mapping[int, PageSize | Refused | Unavailable]
    fields: Mapping[str, Number | NoNumber]
    sums: tuple[CheckedSum, ...]


def to_digit(told: Any) -> Digit:
    """The digit in the server's JSON object; raises StrangeAnswer."""
    try:
        probabilities = tuple(map(float, told["probabilities"]))
        return Digit(int(told["digit"]), float(told["confidence"]), bool(told["accepted"]), str(told.get("reason", "")), probabilities)
    except (TypeError, KeyError, ValueError) as err:
        raise StrangeAnswer("the answer is no object with digit, confidence, accepted and probabilities") from err


def to_explanation(told: Any) -> Explanation:
    """The explanation in the server's JSON object; raises StrangeAnswer."""
    try:
        rows = tuple(tuple(map(float, row)) for row in told["attributions"])
        return Explanation(int(told["digit"]), int(told["target"]), str(told["method"]), rows)
    except (TypeError, KeyError, ValueError) as err:
        raise StrangeAnswer("the answer is no object with digit, target, method and attributions") from err


def to_numbers(told: Any) -> NumbersFound:
    """The numbers in the server's JSON object; raises StrangeAnswer."""
    try:
        return NumbersFound(
            numbers=tuple(map(_to_number, told["numbers"])),
            pages={int(each["page"]): _to_page(each) for each in told["pages"]},
            fields={str(name): _to_field(each) for name, each in told.get("fields", {}).items()},
            sums=tuple(map(_to_sum, told.get("sums", ()))),
        )
    except (AttributeError, TypeError, KeyError, ValueError, ArithmeticError) as err:
        raise StrangeAnswer("the answer is no object with numbers and pages") from err


def to_list(told: Any, count: int) -> list[Digit | Refused | Unavailable]:
    """What stands in the answer to a list of `count` pictures: in each place the digit, or the error of that picture.

    Raises:
        StrangeAnswer: there are more or fewer.
    """
    listed = told["predictions"] if isinstance(told, dict) and "predictions" in told else told
    objects = listed if isinstance(listed, list) else [listed]
    if len(objects) != count:
        raise StrangeAnswer(f"{len(objects)} answers came for {count} pictures")
    return [to_error(int(each["code"]), each) if is_error(each) else to_digit(each) for each in objects]


def is_error(told: Any) -> bool:
    """Whether a JSON value is an error in the server's form."""
    return isinstance(told, dict) and isinstance(told.get("code"), int) and "type" in told


def _to_number(told: Mapping[str, Any]) -> Number:
    characters = (Character(str(each["text"]), float(each["confidence"]), _to_quad(each["quad"])) for each in told["characters"])
    return Number(
        text=str(told["text"]),
        value=told["value"],
        digits=str(told["digits"]),
        confidence=float(told["confidence"]),
        accepted=bool(told["accepted"]),
        reason=str(told.get("reason") or ""),
        page=int(told["page"]),
        quad=_to_quad(told["quad"]),
        characters=tuple(characters),
    )


def _to_field(told: Mapping[str, Any]) -> Number | NoNumber:
    return _to_number(told) if "text" in told else NoNumber(int(told["page"]), _to_quad(told["quad"]))


def _to_sum(told: Mapping[str, Any]) -> CheckedSum:
    amount, holds = told["amount"], told["holds"]
    known = None if amount is None else Decimal(amount)
    return CheckedSum(str(told["total"]), tuple(map(str, told["items"])), known, None if holds is None else bool(holds))


def _to_page(told: Mapping[str, Any]) -> PageSize | Refused | Unavailable:
    if "error" in told:
        return to_error(int(told["error"]["code"]), told["error"])
    return PageSize(int(told["width"]), int(told["height"]))


def _to_quad(told: Sequence[Sequence[float]]) -> Quad:
    one, two, three, four = ((float(x), float(y)) for x, y in told)
    return one, two, three, four
