"""What stands on drawn pages: lines of words with numbers among them, and which parts of a line are numbers."""

import re
from typing import NamedTuple

from numpy.random import Generator

from training.lines import numbers

CAPITALISED, CAPITAL, FORMS_WORD = 0.15, 0.12, 0.25  # the shares of words so written, and of those that forms and receipts have
ENDED = 0.12  # the share of words with a mark behind them
# A run of words with digits in each, and nothing but separators between them: "INV-2031", "9558 3578", "118 / 76".
NUMERIC = re.compile(r"\S*\d\S*(?:[ .,\-/:]* \S*\d\S*)*")


class Piece(NamedTuple):
    """A part of a line."""

    text: str
    is_number: bool


def word(draw: Generator) -> str:
    """A word without a digit."""
    if draw.random() < FORMS_WORD:
        return numbers.WORDS[draw.integers(len(numbers.WORDS))]
    letters = numbers.letters(int(draw.integers(1, 10)), draw, numbers.COMMON)
    way = draw.random()
    if way < CAPITAL:
        letters = letters.upper()
    elif way < CAPITAL + CAPITALISED:
        letters = letters.capitalize()
    return letters + (",.:;)"[draw.integers(5)] if draw.random() < ENDED else "")


def words(count: int, number_share: float, draw: Generator) -> str:
    """So many words, a share of them numbers."""
    return " ".join(numbers.in_print(draw) if draw.random() < number_share else word(draw) for _ in range(count))


def label(draw: Generator) -> str:
    """What stands before a number in a form: one to three words."""
    return " ".join(word(draw) for _ in range(int(draw.integers(1, 4)))) + (":" if draw.random() < 0.4 else "")


def pieces(line: str) -> list[Piece]:
    """A line cut into its numbers, each with what it is written together with, and what stands between them."""
    found, at = list[Piece](), 0
    for match in NUMERIC.finditer(line):
        found += [Piece(line[at : match.start()], False), Piece(match[0], True)]
        at = match.end()
    return [piece for piece in [*found, Piece(line[at:], False)] if piece.text]
