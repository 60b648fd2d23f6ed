"""Sums: which field of a template the others add up to, as a request says, in exact decimals.

A sum is a witness of what its fields are worth, as words are of an amount: the likeliest readings together that add up win over likelier
ones that do not, and are surer than each alone.
"""

import re
import time
from collections.abc import Container, Mapping, Sequence, Set
from dataclasses import replace
from decimal import Decimal
from typing import Final, NamedTuple

from digitkit.errors import BadRequest
from digitkit.readers.numbers.formats.format import Format
from digitkit.readers.numbers.number import BREAKS_SUM, UNSURE, CheckedSum, Number, ReadField
from digitkit.readers.numbers.pages.adding_up import Combination, FieldReading, adding_up
from digitkit.readers.numbers.weighing import EVEN, confirmed

LONGEST: Final = 3000  # characters of all sums: those of the longest template fit in
WRITTEN: Final = re.compile(r"\s*([\w-]+)\s*=\s*([\w-]+(?:\s*\+\s*[\w-]+)*)\s*", re.ASCII)
ACCEPTED: Final = "total=net+tax, several of them joined by ;"


class Sum(NamedTuple):
    """What a request says: the field `total` is what the fields `items` add up to."""

    total: str
    items: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of all its fields, the total first."""
        return (self.total, *self.items)


def parse_sums(text: str, fields: Container[str]) -> tuple[Sum, ...]:
    """The sums that a text names, as total=net+tax, of these fields; raises BadRequest."""
    if len(text) > LONGEST:
        raise BadRequest(f"the sums have {len(text)} characters, the limit is {LONGEST}")
    sums = []
    for i, part in enumerate(text.split(";"), start=1):
        written = WRITTEN.fullmatch(part)
        if written is None:
            raise BadRequest(f"sum {i}, of {len(part)} characters, is none; a sum is {ACCEPTED}")
        named = Sum(written[1], tuple(item.strip() for item in written[2].split("+")))
        if not all(field in fields for field in (named.total, *named.items)):
            raise BadRequest(f"sum {i} names a field that the template does not have")
        sums.append(named)
    return tuple(sums)


def check_sums(
    sums: Sequence[Sum], fields: Mapping[str, ReadField], forms: Mapping[str, Format], *, min_confidence: float, until: float
) -> tuple[dict[str, ReadField], tuple[CheckedSum, ...]]:
    """Fields as their sums bear witness to them, and whether each sum holds.

    Those of a sum that holds are surer. Those of one that does not are read otherwise, where that makes it hold and is likely enough; else
    one of them is misread or wrong on the paper, and none is accepted.

    Args:
        fields: as they were read; those on pages that were not read are missing.
        forms: of all fields.
        min_confidence: from which on a number is accepted.
        until: by time.perf_counter(), after which no field is read otherwise.
    """
    read = dict(fields)
    fixed = {name for each in sums if _check(each, read, forms).holds for name in each.names}
    for each in sums:
        holds = _check(each, read, forms).holds
        if holds is None or not (holds or time.perf_counter() <= until):
            continue
        found = _agreeing(each, read, forms, fixed)
        if found is not None and (sure := confirmed(found.likely, found.together)) >= EVEN:
            read |= {
                name: read[name]._replace(number=_surer(number, read[name].page, sure, min_confidence))
                for name, number in zip(each.names, found.numbers, strict=True)
            }
            fixed |= {*each.names}
    checked = tuple(_check(each, read, forms) for each in sums)
    doubtful = {name for each in checked if each.holds is False for name in (each.total, *each.items)}
    return {name: _doubted(each) if name in doubtful else each for name, each in read.items()}, checked


def _agreeing(asked: Sum, fields: Mapping[str, ReadField], forms: Mapping[str, Format], fixed: Set[str]) -> Combination | None:
    """The likeliest way to read the fields of a sum in which they add up; those that are fixed, or in it twice, are read as they are."""
    kept = fixed | {name for name in asked.names if asked.names.count(name) > 1}
    total, *items = (_readings(fields[name], forms[name], is_fixed=name in kept) for name in asked.names)
    return adding_up(total, items)


def _readings(read: ReadField, form: Format, *, is_fixed: bool) -> list[FieldReading]:
    """The ways to read a field that are worth one amount each, as it was read first."""
    numbers = [] if read.number is None else [read.number]
    if numbers and not is_fixed:
        numbers += [other for other in numbers[0].others() if other.text != numbers[0].text]
    return [FieldReading(each, amount) for each in numbers if (amount := form.amount(each.text)) is not None]


def _surer(number: Number, page: int, confidence: float, min_confidence: float) -> Number:
    """A number that is at least as sure as the sum that it is in."""
    sure = max(number.confidence, confidence)
    reason = "" if number.reason == UNSURE and sure >= min_confidence else number.reason
    return replace(number, confidence=sure, reason=reason, page=page)


def _check(asked: Sum, fields: Mapping[str, ReadField], forms: Mapping[str, Format]) -> CheckedSum:
    total, *items = (_amount(fields.get(name), forms[name]) for name in asked.names)
    known = [item for item in items if item is not None]
    amount = sum(known, Decimal()) if len(known) == len(items) else None
    return CheckedSum(*asked, amount, None if amount is None or total is None else amount == total)


def _amount(read: ReadField | None, form: Format) -> Decimal | None:
    return None if read is None or read.number is None else form.amount(read.number.text)


def _doubted(read: ReadField) -> ReadField:
    number = read.number
    return read if number is None else read._replace(number=replace(number, reason=number.reason or BREAKS_SUM))
