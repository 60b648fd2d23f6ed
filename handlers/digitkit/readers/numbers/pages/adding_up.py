"""Of the ways to read the fields of a sum, the likeliest ones together that add up."""

from collections.abc import Sequence
from decimal import Decimal
from heapq import nlargest
from typing import Final, NamedTuple

from digitkit.readers.numbers.number import Number

FOLLOWED: Final = 200  # amounts that are followed at once, the likeliest ones: so a sum of many fields takes no longer than their number


class FieldReading(NamedTuple):
    """A way to read a field, and what it is worth."""

    number: Number
    amount: Decimal


class Combination(NamedTuple):
    """A way to read some fields.

    Attributes:
        numbers: of each of them, in order.
        likely: how likely all of it is right, 0 to 1.
        together: the same of all combinations of the same amount that were followed.
    """

    numbers: tuple[Number, ...]
    likely: float
    together: float


def adding_up(total: Sequence[FieldReading], items: Sequence[Sequence[FieldReading]]) -> Combination | None:
    """The likeliest way to read the total and its items, in this order, in which they add up; None where none does."""
    ways = {Decimal(): Combination((), 1.0, 1.0)}
    for readings in items:
        ways = _extended(ways, readings)
    agreeing = [
        Combination((reading.number, *way.numbers), way.likely * reading.number.confidence, way.together * reading.number.confidence)
        for reading in total
        if (way := ways.get(reading.amount)) is not None
    ]
    best = max(agreeing, key=_likely, default=None)
    return None if best is None else best._replace(together=sum(way.together for way in agreeing))


def _extended(ways: dict[Decimal, Combination], readings: Sequence[FieldReading]) -> dict[Decimal, Combination]:
    """The likeliest combinations with one more item, by their amounts."""
    longer: dict[Decimal, Combination] = {}
    for amount, way in ways.items():
        for number, worth in readings:
            likely, together = way.likely * number.confidence, way.together * number.confidence
            known = longer.get(amount + worth)
            if known is None or likely > known.likely:
                longer[amount + worth] = Combination((*way.numbers, number), likely, together + (known.together if known else 0.0))
            else:
                longer[amount + worth] = known._replace(together=known.together + together)
    kept = nlargest(FOLLOWED, longer, key=lambda amount: longer[amount].likely)
    return {amount: longer[amount] for amount in kept}


def _likely(way: Combination) -> float:
    return way.likely
