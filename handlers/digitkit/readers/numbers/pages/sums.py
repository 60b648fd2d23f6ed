"""Sums: which field of a template the others add up to, as a request says, checked in exact decimals."""

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final, NamedTuple

from digitkit.errors import BadRequest
from digitkit.readers.numbers.formats.format import Format
from digitkit.readers.numbers.number import BREAKS_SUM, CheckedSum, ReadField

LONGEST: Final = 3000  # characters of all sums: those of the longest template fit in
WRITTEN: Final = re.compile(r"\s*([\w-]+)\s*=\s*([\w-]+(?:\s*\+\s*[\w-]+)*)\s*", re.ASCII)
ACCEPTED: Final = "total=net+tax, several of them joined by ;"


class Sum(NamedTuple):
    """What a request says: the field `total` is what the fields `items` add up to."""

    total: str
    items: tuple[str, ...]


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
    sums: Sequence[Sum], fields: Mapping[str, ReadField], forms: Mapping[str, Format]
) -> tuple[dict[str, ReadField], tuple[CheckedSum, ...]]:
    """Fields of which those in a sum that does not hold are not accepted, one of them being misread; and whether each sum holds.

    Args:
        fields: as they were read; those on pages that were not read are missing.
        forms: of all fields.
    """
    checked = tuple(_check(each, fields, forms) for each in sums)
    doubtful = {name for each in checked if each.holds is False for name in (each.total, *each.items)}
    return {name: _doubted(read) if name in doubtful else read for name, read in fields.items()}, checked


def _check(asked: Sum, fields: Mapping[str, ReadField], forms: Mapping[str, Format]) -> CheckedSum:
    total, *items = (_amount(fields.get(name), forms[name]) for name in (asked.total, *asked.items))
    known = [item for item in items if item is not None]
    amount = sum(known, Decimal()) if len(known) == len(items) else None
    return CheckedSum(*asked, amount, None if amount is None or total is None else amount == total)


def _amount(read: ReadField | None, form: Format) -> Decimal | None:
    return None if read is None or read.number is None else form.amount(read.number.text)


def _doubted(read: ReadField) -> ReadField:
    number = read.number
    return read if number is None else read._replace(number=replace(number, reason=number.reason or BREAKS_SUM))
