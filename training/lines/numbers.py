"""What is written in lines: numbers in the patterns that people, tills and offices write, and what stands around them."""

import re
from collections.abc import Callable

import numpy as np
from numpy.random import Generator

SEPARATORS = ".,-/: "
ALPHABET = "0123456789" + SEPARATORS + "*"
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"  # capitals without those that fonts draw as digits
# Letters about as often as English has them, those among them that look like digits: i, l, o.
COMMON = "eeeeeettttaaaaooooiiiinnnnsssrrrrhhhlllldddcccuuummwwffggyyppbbvkjxqz"
CURRENCIES = ("$", "€", "£", "¥", "EUR ", "USD ", "RM ", "Rs. ", "CHF ", "R$ ", "S$", "US$ ", "$ ", "€ ")
UNITS = ("kg", "g", "kWh", "m3", "km", "mm", "cm", "ml", "l", "V", "A", "W", "%", "°C", "bar", "h", "EUR", "€", "$", "pcs", "x", "mg", "Hz")
WORDS = ("TOTAL", "Total", "SUBTOTAL", "CASH", "CHANGE", "Tax", "GST", "QTY", "No.", "Nr.", "NO:", "Ref", "INV", "Invoice", "Date:",
         "Tel:", "Fax", "Page", "Room", "Table", "Order", "ID:", "Lot", "LOT", "EXP", "BBE", "SN", "S/N", "Art.", "Item", "Amount",
         "Balance", "Due", "Account", "VAT", "Bill", "Receipt", "Code", "Serial", "Model", "Net", "Weight", "Seat", "Gate", "Flight",
         "ZIP", "Box", "Unit")  # fmt: skip
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
SPACED = 0.35  # the share of days whose slashes have room around them
GROUPED = 0.45  # the share of long amounts whose thousands are set apart

# What print puts around a number, which is the 0 here.
PUNCTUATED = (*3 * ("0%",), *2 * ("(0)",), *2 * ("0)",), "(0", "#0", "$0", "0;", "0?", "'0", '0"', "*0", "0*", "[0]", "0+", "<0", ">0",
              "(0%)", "0'", "~0", "&0")  # fmt: skip

Pattern = Callable[[Generator], str]


def as_text(written: str) -> str:
    """What a reader of numbers makes of it: digits and separators as they are, any other sign a star."""
    return re.sub(r"[^0-9.,\-/: ]", "*", written).strip()


def digits(count: int, draw: Generator) -> str:
    """Digits at random, at times with one of them repeated: rows of zeros and ones are what a reader miscounts."""
    found = draw.integers(0, 10, size=count)
    way = draw.random()
    if way < 0.2 and count > 1:
        start = int(draw.integers(count))
        found[start : start + int(draw.integers(2, 6))] = 0 if way < 0.12 else draw.integers(10)
    return "".join(map(str, found))


def whole(draw: Generator) -> str:
    """A whole number of one to twelve digits, short ones more often, with leading zeros at times."""
    return digits(min(12, 1 + int(draw.exponential(3.2))), draw)


def amount(draw: Generator) -> str:
    """An amount of money, with or without thousands set apart and cents."""
    count = 1 + int(draw.integers(0, 6))
    number = _unpadded(digits(count, draw))
    if draw.random() < 0.25:
        kept = int(draw.integers(1, len(number) + 1))
        number = number[:kept] + "0" * (len(number) - kept)
    mark, point = (",", "."), (".", ",")
    thousands, decimal = (mark, point)[draw.integers(2)]
    if len(number) > 3 and draw.random() < GROUPED:
        number = grouped(number, thousands if draw.random() < 0.85 else " ")
    if draw.random() < 0.45:
        number += decimal + ("00" if draw.random() < 0.3 else digits(2, draw))
    return number


def grouped(number: str, mark: str) -> str:
    """Digits with a mark between each three, counted from the right."""
    return re.sub(r"(?<=\d)(?=(\d{3})+$)", mark, number)


def price(draw: Generator) -> str:
    return f"{_unpadded(digits(int(draw.integers(1, 4)), draw))}.{digits(2, draw)}"


def decimal(draw: Generator) -> str:
    sign = "-" if draw.random() < 0.15 else ""
    return f"{sign}{_unpadded(digits(int(draw.integers(1, 5)), draw))}{'.,'[draw.integers(2)]}{digits(int(draw.integers(1, 4)), draw)}"


def date(draw: Generator) -> str:
    """A day in one of the usual orders and with one of the usual marks."""
    day, month, year = int(draw.integers(1, 32)), int(draw.integers(1, 13)), int(draw.integers(1900, 2040))
    mark = "/-.: "[draw.choice(5, p=[0.45, 0.25, 0.24, 0.02, 0.04])]
    if mark == "/" and draw.random() < SPACED:
        mark = " / "
    padded = draw.random() < 0.6
    parts = [f"{part:02d}" if padded else str(part) for part in (day, month)]
    shown = str(year) if draw.random() < 0.55 else f"{year % 100:02d}"
    way = draw.random()
    if way < 0.12:
        return mark.join([str(year), *reversed(parts)])
    if way < 0.2:
        return mark.join(parts)
    return mark.join([*(parts if way < 0.65 else parts[::-1]), shown])


def clock(draw: Generator) -> str:
    seconds = f":{draw.integers(60):02d}" if draw.random() < 0.3 else ""
    return f"{draw.integers(24):{'02d' if draw.random() < 0.7 else 'd'}}:{draw.integers(60):02d}{seconds}"


def stamp(draw: Generator) -> str:
    return f"{date(draw)} {clock(draw)}"


def reading(draw: Generator) -> str:
    """A blood pressure or a fraction, with a slash that has room around it at times."""
    mark = " / " if draw.random() < 0.35 else "/"
    return f"{draw.integers(1, 220)}{mark}{draw.integers(1, 130)}"


def phone(draw: Generator) -> str:
    mark = "- ./"[draw.choice(4, p=[0.5, 0.3, 0.12, 0.08])]
    sizes = ((3, 3, 4), (3, 4), (4, 3, 3), (2, 3, 2, 2), (3, 3, 2, 2), (2, 4, 4), (4, 6))[draw.integers(7)]
    return mark.join(digits(size, draw) for size in sizes)


def postcode(draw: Generator) -> str:
    return digits(5, draw) if draw.random() < 0.8 else f"{digits(5, draw)}-{digits(4, draw)}"


def serial(draw: Generator) -> str:
    """Digits in groups, as on cards, accounts and spare parts."""
    size, count = int(draw.integers(2, 5)), int(draw.integers(2, 5))
    return "- ./"[draw.choice(4, p=[0.4, 0.4, 0.1, 0.1])].join(digits(size, draw) for _ in range(count))


def bar_number(draw: Generator) -> str:
    """The digits under a bar code, or another long number without a mark."""
    return digits(int(draw.choice([8, 12, 13, 13, 13, 14, 10, 16])), draw)


def marked(draw: Generator) -> str:
    """Digits and marks in no order: what no pattern foresees."""
    signs = list("0123456789" * 3 + ".,-/:.,- ")
    return re.sub(r"  +", " ", "".join(draw.choice(signs, size=int(draw.integers(1, 13))))).lstrip() + digits(1, draw)


def labelled(draw: Generator) -> str:
    """A number with letters around it: a word, a currency, a unit, a code of both."""
    way, number = draw.random(), _any(PLAIN, draw)
    if way < 0.2:
        return CURRENCIES[draw.integers(len(CURRENCIES))] + price(draw)
    if way < 0.4:
        return f"{number}{' ' * int(draw.integers(2))}{UNITS[draw.integers(len(UNITS))]}"
    if way < 0.65:
        return f"{_word(draw)}{(' ', ': ', ' ', '-', ' #')[draw.integers(5)]}{number}"
    if way < 0.75:
        mark = " -/"[draw.integers(3)]
        return f"{draw.integers(1, 32):02d}{mark}{MONTHS[draw.integers(12)]}{mark}{draw.integers(10, 40)}"
    if way < 0.85:
        return f"{draw.integers(1, 40)} x {price(draw)}"
    if way < 0.92:
        return f"({digits(3, draw)}) {digits(3, draw)}-{digits(4, draw)}"
    return mixed(draw)


def punctuated(draw: Generator) -> str:
    """A number with a mark at it that is no separator: `25%`, `(12)`, `#627/647`, `3;`."""
    return PUNCTUATED[draw.integers(len(PUNCTUATED))].replace("0", _any(PLAIN, draw))


def in_text(draw: Generator) -> str:
    """A number among words, as in a sentence."""
    number = punctuated(draw) if draw.random() < 0.3 else _any(PLAIN, draw)
    ended = number + (",.:;"[draw.integers(4)] if draw.random() < 0.2 else "")
    return " ".join([*_company(int(draw.integers(0, 3)), draw), ended, *_company(int(draw.integers(1, 3)), draw)])


def _company(count: int, draw: Generator) -> list[str]:
    return [_in_company(draw) for _ in range(count)]


def mixed(draw: Generator) -> str:
    """Letters and digits in runs of one to five, digits last."""
    runs = [letters(int(draw.integers(1, 5)), draw) if draw.random() < 0.5 else digits(int(draw.integers(1, 6)), draw) for _ in range(3)]
    return ("", "", "-", " ")[draw.integers(4)].join([*runs[: int(draw.integers(1, 4))], digits(int(draw.integers(1, 6)), draw)])


def letters(count: int, draw: Generator, among: str = LETTERS) -> str:
    return "".join(draw.choice(list(among), size=count))


def vehicle_number(draw: Generator) -> str:
    """Seventeen letters and digits, the last six or seven of them digits."""
    count = int(draw.integers(6, 8))
    middle = letters(14 - count, draw, "ABCDEFGHJKLMNPRSTUVWXYZ" + 2 * "0123456789")
    return letters(3, draw, "XWVSJLKTMZ") + middle + digits(count, draw)


def plate(draw: Generator) -> str:
    """A vehicle's number plate in one of many countries' patterns; its letters are all of the alphabet."""
    pattern = ("AAA 000", "AAA 000", "AA 000 AA", "AA 000 AA", "A 000 AA", "AA-000-A", "AA00 AAA", "AAA-0000", "0000 AAA", "A AA 0000",
               "000-AAA", "AAA0A00", "00-00-AA", "AA 0000", "AA 00 AA 0000", "000 AA 00")[draw.integers(16)]  # fmt: skip
    every, before, signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "", []
    for sign in pattern:  # the first letter of a run can be nothing else, so that an O or I after it is known by its company
        signs.append(letters(1, draw, every if before == "A" else LETTERS) if sign == "A" else digits(1, draw) if sign == "0" else sign)
        before = sign
    return "".join(signs)


def words(draw: Generator) -> str:
    """Letters alone, in small letters, in capitals or as a sentence begins."""
    return " ".join(_word(draw) if draw.random() < 0.4 else _in_company(draw) for _ in range(int(draw.integers(1, 4))))


def _in_company(draw: Generator) -> str:
    """Three to nine letters of which the first is no digit's likeness, so that an o, an i or an l after it is known by its company."""
    run = letters(1, draw, "bcdefghkmnprstuvw") + letters(int(draw.integers(2, 9)), draw, COMMON)
    return (run, run, run.capitalize(), run.upper())[draw.integers(4)]


def by_hand(draw: Generator) -> str:
    """What people write by hand."""
    return _any(BY_HAND, draw)


def in_print(draw: Generator) -> str:
    """What is printed."""
    return _any(IN_PRINT, draw)


def on_display(draw: Generator) -> str:
    """What a meter, a clock or a scale shows."""
    way = draw.random()
    if way < 0.4:
        return digits(int(draw.integers(3, 9)), draw)
    if way < 0.55:
        return "0" * int(draw.integers(1, 4)) + digits(int(draw.integers(2, 6)), draw)
    if way < 0.85:
        number = digits(int(draw.integers(1, 7)), draw)
        return f"{'-' if draw.random() < 0.06 else ''}{number}.{digits(int(draw.integers(1, 3)), draw)}"
    return clock(draw) if way < 0.93 else digits(int(draw.integers(1, 3)), draw)


def _word(draw: Generator) -> str:
    return WORDS[draw.integers(len(WORDS))] if draw.random() < 0.7 else letters(int(draw.integers(1, 5)), draw)


def _unpadded(number: str) -> str:
    return number.lstrip("0") or "0"


def _any(patterns: dict[Pattern, float], draw: Generator) -> str:
    shares = np.array(list(patterns.values()))
    return list(patterns)[draw.choice(len(shares), p=shares / shares.sum())](draw)


PLAIN: dict[Pattern, float] = {whole: 0.3, price: 0.2, amount: 0.2, date: 0.1, decimal: 0.1, serial: 0.1}
BY_HAND: dict[Pattern, float] = {
    amount: 0.32, whole: 0.24, date: 0.16, reading: 0.06, postcode: 0.06, phone: 0.04, clock: 0.03, decimal: 0.04, marked: 0.03,
    serial: 0.02,
}  # fmt: skip
IN_PRINT: dict[Pattern, float] = {
    price: 0.16, amount: 0.13, whole: 0.15, date: 0.1, clock: 0.03, stamp: 0.04, decimal: 0.06, phone: 0.04, bar_number: 0.08,
    serial: 0.04, postcode: 0.02, marked: 0.03, labelled: 0.1, punctuated: 0.1, in_text: 0.08,
}  # fmt: skip
