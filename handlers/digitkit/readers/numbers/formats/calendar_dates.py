"""Whether a text can be a day or a time."""

import re
from datetime import date
from typing import Final

ORDERS: Final = ("DMY", "MDY", "YMD")  # in which day, month and year are written
PARTED: Final = re.compile(r"(\d{1,4})([./ -])(\d{1,2})\2(\d{1,4})")
COMPACT: Final = {order: re.compile("".join(r"(\d{4}|\d\d)" if part == "Y" else r"(\d\d)" for part in order)) for order in ORDERS}
TIME: Final = re.compile(r"([01]?\d|2[0-3])[:.][0-5]\d(?:[:.][0-5]\d)?")
CENTURY: Final = 2000  # of years that are written with two digits


def is_date(text: str, order: str) -> bool:
    """Whether a text names a day that there is, as 5.12.2024, 05/12/24 or 20241205, in one of ORDERS or in any for ""."""
    return any(_is_day(text, each) for each in ORDERS if order in ("", each))


def _is_day(text: str, order: str) -> bool:
    if parted := PARTED.fullmatch(text):
        found = parted.group(1, 3, 4)
    elif compact := COMPACT[order].fullmatch(text):
        found = compact.groups()
    else:
        return False
    parts = dict(zip(order, found, strict=True))
    if len(parts["Y"]) not in (2, 4) or max(len(parts["D"]), len(parts["M"])) > 2:
        return False
    year = int(parts["Y"]) + (CENTURY if len(parts["Y"]) == 2 else 0)
    try:
        date(year, int(parts["M"]), int(parts["D"]))
    except ValueError:
        return False
    return True


def is_time(text: str) -> bool:
    """Whether a text is a time of the day, as 9:05 or 23:59:59."""
    return TIME.fullmatch(text) is not None
