"""Check digits, as python-stdnum knows them: of cards, books, articles, bank accounts, and of the numbers of many countries."""

from functools import cache
from importlib import import_module
from itertools import cycle
from pkgutil import walk_packages
from types import ModuleType
from typing import Final

import stdnum

from digitkit.readers.numbers.number import DIGITS, digits_of

SHORTEST: Final = 2  # digits; one digit checks nothing
MRZ_WEIGHTS: Final = (7, 3, 1)  # of a field's signs, from its first one on


@cache
def known() -> frozenset[str]:
    """The modules of python-stdnum by their names, as "nl.bsn"; a request may name these and imports no others."""
    prefix = f"{stdnum.__name__}."
    found = walk_packages(stdnum.__path__, prefix)
    return frozenset(module.name.removeprefix(prefix) for module in found if not module.ispkg)


def checker(name: str) -> ModuleType | None:
    """The module that checks numbers of a kind; None where there is none of this name.

    Nothing is kept of a name that a request made up, however many come; Python keeps the modules themselves.
    """
    if name not in known():
        return None
    module = import_module(f"{stdnum.__name__}.{name}")
    return module if hasattr(module, "is_valid") else None


def has_right_mrz_check(text: str) -> bool:
    """Whether a text is digits of which the last is the check digit of a field in a machine-readable zone.

    Source: ICAO Doc 9303, part 3, section 4.9.
    """
    if len(text) < SHORTEST or set(text) - set(DIGITS):
        return False
    return sum(int(digit) * weight for digit, weight in zip(text[:-1], cycle(MRZ_WEIGHTS), strict=False)) % 10 == int(text[-1])


def has_right_check(text: str, module: ModuleType, prefix: str = "") -> bool:
    """Whether a text's digits are a number of a module's kind.

    Args:
        prefix: what stands before them, as a country's letters before its accounts.
    """
    digits = digits_of(text)
    return len(digits) >= SHORTEST and bool(module.is_valid(prefix + digits))
