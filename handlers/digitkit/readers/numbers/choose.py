"""The text of one number: the likeliest one that obeys its format, and how likely it is that all of it is right."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import merge, nlargest
from itertools import combinations, islice, pairwise
from typing import Final

import numpy as np

from digitkit.pictures.line import ALPHABET, OTHER
from digitkit.readers.numbers.beam import LEAST, search
from digitkit.readers.numbers.formats.format import Format
from digitkit.readers.numbers.lattice import Lattice, lattice
from digitkit.readers.numbers.number import DIGITS, SEPARATORS, Frames

WIDE, RARE = 48, 1e-5  # width and least probability of the search for a text that obeys a format which the likeliest one breaks
SINGLES: Final = 24  # exchanged characters that are also tried two at a time
FARTHEST: Final = 10.0  # nats below the likeliest text, a probability of 1 in 20,000: what is less likely was not read but guessed


@dataclass(frozen=True, slots=True)
class Choice:
    """What one number says.

    Attributes:
        text: the number.
        start: how many characters of `read` stand before it.
        read: all that was read at its frames, with separators at the ends.
        log_probability: of the number's text, whatever separators stand at its ends.
        obeys: whether it obeys the format.
    """

    text: str
    start: int
    read: str
    log_probability: float
    obeys: bool


def choose(frames: Frames, form: Format) -> Choice | None:
    """The number at frames (T, 18) between which there is nothing else; None where there is no digit."""
    if not (frames[:, : len(DIGITS)] >= LEAST).any():  # a search follows none
        return None
    found = [(text, logarithm) for text, logarithm in search(frames) if OTHER not in text]
    if not found or not any(sign in DIGITS for sign in found[0][0]):
        return None
    best = trimmed(found[0][0])
    if form.is_obeyed_by(best):
        return _chosen(found[0][0], found, obeys=True)
    return next(_obeying(frames, found, form), None) or _chosen(found[0][0], found, obeys=False)


def choices(frames: Frames, form: Format, most: int) -> list[Choice]:
    """The likeliest numbers at frames (T, 18) that obey a format, up to `most` different ones, the best first."""
    found = [(text, logarithm) for text, logarithm in search(frames) if OTHER not in text]
    if not found or not any(sign in DIGITS for sign in found[0][0]):
        return []
    return [*islice(_obeying(frames, found, form), most)]


def _obeying(frames: Frames, found: list[tuple[str, float]], form: Format) -> Iterator[Choice]:
    """Different numbers that obey a format, the likeliest first, among many texts: those of a wide search, and the best with exchanges."""
    wide = [(text, logarithm) for text, logarithm in search(frames, WIDE, RARE) if OTHER not in text]
    least = found[0][1] - FARTHEST
    seen = set[str]()
    for text, logarithm in merge(wide, _exchanges(frames, found), key=_logarithm, reverse=True):
        if logarithm < least:
            return
        number = trimmed(text)
        if number not in seen and form.is_obeyed_by(number):
            yield _chosen(text, [*wide, (text, logarithm)], obeys=True)
        seen.add(number)


def trimmed(text: str) -> str:
    """A text without the separators at its ends; a minus before a digit stays."""
    bare = text.strip(SEPARATORS)
    before = text[: text.find(bare)]
    return f"-{bare}" if before.endswith("-") and not text.endswith("-") else bare


def _chosen(read: str, found: list[tuple[str, float]], *, obeys: bool) -> Choice:
    """A text as a choice; texts that differ from it in the separators at their ends alone say the same number."""
    text = trimmed(read)
    same = {other: logarithm for other, logarithm in found if trimmed(other) == text}
    return Choice(text, read.find(text), read, float(np.logaddexp.reduce([*same.values()])), obeys)


def _exchanges(frames: Frames, found: list[tuple[str, float]]) -> Iterator[tuple[str, float]]:
    """The likeliest text with one of its characters exchanged, or two, each with the logarithm of its probability, the best first.

    That of two is the sum of what each of them costs, as if they did not touch: so two neighbours never become the same.
    """
    text, logarithm = found[0]
    costs = lattice(frames, text).exchanged - logarithm
    signs = [ALPHABET.index(sign) for sign in text]
    costs[np.arange(len(text)), signs] = -np.inf
    costs[:, ALPHABET.index(OTHER)] = -np.inf
    singles = nlargest(SINGLES, ((float(cost), i, c) for (i, c), cost in np.ndenumerate(costs)))
    ways: list[tuple[float, tuple[tuple[int, int], ...]]] = [(cost, ((i, c),)) for cost, i, c in singles]
    ways += [(a + b, ((i, c), (j, d))) for (a, i, c), (b, j, d) in combinations(singles, 2) if i != j and (abs(i - j), c) != (1, d)]
    for cost, exchanged in sorted(ways, reverse=True):
        written = [*text]
        for i, c in exchanged:
            written[i] = ALPHABET[c]
        if frames_needed(written) <= len(frames):
            yield "".join(written), logarithm + cost


def frames_needed(text: Sequence[str]) -> int:
    """The fewest frames that can say a text: one for each character, and a blank between two equal ones."""
    return len(text) + sum(one == next for one, next in pairwise(text))


def _logarithm(found: tuple[str, float]) -> float:
    return found[1]


def confidences(found: Lattice, text: str, temperature: float) -> list[float]:
    """How likely each character of a text is that one and no other, given the rest, 0 to 1."""
    scaled = found.exchanged / temperature
    logs = scaled - np.logaddexp.reduce(scaled, axis=1, keepdims=True)
    return [float(np.exp(row[ALPHABET.index(sign)])) for row, sign in zip(logs, text, strict=True)]
