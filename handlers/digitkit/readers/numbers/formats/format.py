"""A format: the rules that a number must obey, parsed from what a request says.

Rules are joined by ";": luhn;length=16 is a number of 16 digits whose last one is right.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache, partial
from typing import Final, TypeAlias

from digitkit.errors import BadRequest
from digitkit.readers.numbers.formats.amounts import USUAL_DECIMALS, decimals_of, exact_amount, is_amount, plain_forms, worth
from digitkit.readers.numbers.formats.calendar_dates import ORDERS, is_date, is_time
from digitkit.readers.numbers.formats.checksums import checker, has_right_check, has_right_mrz_check
from digitkit.readers.numbers.formats.pattern import matches, parse_pattern
from digitkit.readers.numbers.number import BREAKS_FORMAT, BREAKS_WORDS, digits_of

LONGEST: Final = 200  # characters of a format
CODE: Final = re.compile("[A-Z]{3}")  # of a currency, in ISO 4217
COUNTRY: Final = re.compile("[A-Z]{2}")  # ISO 3166
SPAN: Final = re.compile(r"(\d{1,3})(?:-(\d{1,3}))?")
ACCEPTED: Final = (
    "integer, amount, amount=EUR, date, date=DMY, date=MDY, date=YMD, time, length=8, length=6-8, luhn, isbn, ean, mrz, iban=DE, "
    "stdnum=nl.bsn or another module of python-stdnum, pattern=[0-9]{2}-[0-9]{4}, or several of them joined by ;"
)

Rule: TypeAlias = Callable[[str], bool]  # whether a number's text obeys it


@dataclass(frozen=True, slots=True)
class Format:
    """What is known of a number beforehand.

    Attributes:
        rules: all of which its text must obey; none where nothing is known.
        decimals: of an amount, None for any number of them.
        witnessed: the amount that it is by another witness, as its words on a cheque; None where there is none.
    """

    rules: tuple[Rule, ...] = ()
    decimals: int | None = None
    witnessed: Decimal | None = None

    def is_obeyed_by(self, text: str) -> bool:
        return all(rule(text) for rule in self.rules)

    def witnessed_by(self, amount: Decimal) -> "Format":
        """The same with a witness; amounts have the usual decimals where nothing else is known."""
        return replace(self, witnessed=amount, decimals=USUAL_DECIMALS if self.decimals is None else self.decimals)

    def agreeing(self) -> "Format":
        """The format of numbers that are worth what the witness says, too."""
        return replace(self, rules=(*self.rules, self.agrees))

    def agrees(self, text: str) -> bool:
        """Whether a text can be worth what the witness says, where there is one."""
        return self.witnessed is None or self.witnessed in map(Decimal, plain_forms(text, self.decimals))

    def reason_against(self, text: str) -> str:
        """Why a text is none of this format, one of REASONS; "" where it is."""
        if not self.is_obeyed_by(text):
            return BREAKS_FORMAT
        return "" if self.agrees(text) else BREAKS_WORDS

    def value(self, text: str) -> int | float | None:
        """What a text is worth, None where that is ambiguous or no number."""
        return worth(text, self.decimals)

    def amount(self, text: str) -> Decimal | None:
        """The same with all its decimals, however many digits it has."""
        return exact_amount(text, self.decimals)


@lru_cache(maxsize=256)
def parse_format(text: str) -> Format:
    """The format that a text describes, none for ""; raises BadRequest."""
    if len(text) > LONGEST:
        raise BadRequest(f"the format has {len(text)} characters, the limit is {LONGEST}")
    rules, decimals = [], None
    for i, part in enumerate(text.split(";") if text else [], start=1):
        name, _, given = part.strip().partition("=")
        rule = _rule(name, given)
        if rule is None:
            raise BadRequest(f"rule {i} of the format, of {len(part)} characters, is none that is known; there are {ACCEPTED}")
        rules.append(rule)
        decimals = {"integer": 0, "amount": decimals_of(given)}.get(name, decimals)
    return Format(tuple(rules), decimals)


def _rule(name: str, given: str) -> Rule | None:
    """The rule of a name and what is given with it; None where there is none."""
    match name, given:
        case "integer", "":
            return partial(is_amount, decimals=0)
        case "amount", currency if currency == "" or CODE.fullmatch(currency):
            return partial(is_amount, decimals=decimals_of(currency))
        case "date", order if order in ("", *ORDERS):
            return partial(is_date, order=order)
        case "time", "":
            return is_time
        case "length", span if found := SPAN.fullmatch(span):
            return partial(has_length, least=int(found[1]), most=int(found[2] or found[1]))
        case "iban", country if COUNTRY.fullmatch(country):
            return _checked("iban", country)
        case (("luhn" | "isbn" | "ean"), ""):
            return _checked(name)
        case "mrz", "":
            return has_right_mrz_check
        case "stdnum", module:
            return _checked(module)
        case "pattern", written if (pattern := parse_pattern(written)) is not None:
            return partial(matches, pattern=pattern)
    return None


def _checked(module: str, prefix: str = "") -> Rule | None:
    found = checker(module)
    return None if found is None else partial(has_right_check, module=found, prefix=prefix)


def has_length(text: str, least: int, most: int) -> bool:
    """Whether a text has as many digits."""
    return least <= len(digits_of(text)) <= most
