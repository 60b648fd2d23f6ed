"""Patterns of a request's own: a small part of regular expressions, matched in time that grows with the text alone.

A request may send any pattern, and an expression of Python's own can take hours for a text of 30 characters. Here a pattern has no
groups, no choices and no endless repeats, and all places where it can be are followed at once.
"""

import re
from collections.abc import Sequence
from typing import Final, TypeAlias

from digitkit.pictures.line import ALPHABET, OTHER
from digitkit.readers.numbers.number import DIGITS

LONGEST: Final = 64  # signs that a pattern may stand for
SIGNS: Final = ALPHABET.replace(OTHER, "")
# A sign, with \ before it where it means something else; \d; [0-9] or [0-35,.]; and how often: {2}, {2,4}, or ? for once or not at all.
TOKEN: Final = re.compile(
    r"(?:(?P<any>\\d)|\\?(?P<sign>[0-9.,:/ -])|\[(?P<set>[0-9.,:/ -]+)\])(?:\{(?P<least>\d{1,2})(?:,(?P<most>\d{1,2}))?\}|(?P<may>\?))?"
)

Pattern: TypeAlias = Sequence[tuple[frozenset[str], bool]]  # the signs that may stand at each place, and whether it may be left out


def parse_pattern(text: str) -> Pattern | None:
    """The places of a pattern; None where it is none."""
    places: list[tuple[frozenset[str], bool]] = []
    start = 0
    while start < len(text):
        token = TOKEN.match(text, start)
        if token is None:
            return None
        signs = frozenset(DIGITS) if token["any"] else frozenset(token["sign"] or "") or _set(token["set"])
        least = int(token["least"]) if token["least"] else 0 if token["may"] else 1
        most = int(token["most"]) if token["most"] else max(least, 1 if token["may"] else least)
        if not signs or most < least or len(places) + most > LONGEST:
            return None
        places += [(signs, False)] * least + [(signs, True)] * (most - least)
        start = token.end()
    return places or None


def _set(text: str) -> frozenset[str]:
    """The signs of what stands in brackets; none where a range goes backwards or is none of digits."""
    found, start = set[str](), 0
    while start < len(text):
        if span := re.compile(r"(\d)-(\d)").match(text, start):
            if span[1] > span[2]:
                return frozenset()
            found |= set(DIGITS[int(span[1]) : int(span[2]) + 1])
            start = span.end()
        else:
            found.add(text[start])
            start += 1
    return frozenset(found)


def matches(text: str, pattern: Pattern) -> bool:
    """Whether all of a text is what a pattern says."""
    places = _reached({0}, pattern)
    for sign in text:
        places = _reached({at + 1 for at in places if at < len(pattern) and sign in pattern[at][0]}, pattern)
    return len(pattern) in places


def _reached(places: set[int], pattern: Pattern) -> set[int]:
    """The places that are reached from others by leaving out what may be left out."""
    reached: set[int] = set()
    for place in places:
        while place not in reached:
            reached.add(place)
            if place < len(pattern) and pattern[place][1]:
                place += 1
    return reached
