"""What stands in the machine-readable zones of passports and cards."""

from numpy.random import Generator

from training.lines.numbers import digits, letters, mixed

COUNTRIES = ("UTO", "USA", "GBR", "FRA", "POL", "COL", "NOR", "ITA", "ESP", "AUT", "CHE", "SWE", "NLD", "D<<", "BEL", "PRT", "IRL", "RUS",
             "CHN", "JPN", "KOR", "IND", "CAN", "AUS", "NZL", "BRA", "ARG", "MEX", "ZAF", "TUR", "UKR", "ROU", "HUN", "CZE", "SVK", "HRV",
             "SVN", "EST", "LTU", "LVA", "FIN", "DNK", "ISL", "GRC", "ISR", "EGY", "MAR", "IDN", "PHL", "SGP", "GTO", "XOM")  # fmt: skip


def passport_line(draw: Generator) -> str:
    """A line of the machine-readable zone of a passport or card, or a part of it.

    Source of the layouts: ICAO Doc 9303, parts 4 to 6; runs of digits, capitals and fillers without any are drawn as well.
    """
    way, country = draw.random(), COUNTRIES[draw.integers(len(COUNTRIES))]
    if way < 0.35:
        line = _document(draw) + country + _days(draw)
        line = (line + _optional(int(draw.choice([7, 14])), draw)).ljust(int(draw.choice([35, 43])), "<") + digits(1, draw)
    elif way < 0.55:
        line = (_days(draw) + country + _optional(11, draw)).ljust(29, "<") + digits(1, draw)
    elif way < 0.65:
        line = (letters(1, draw, "IAC") + ("<" if draw.random() < 0.7 else letters(1, draw)) + country + _document(draw)).ljust(30, "<")
    else:
        line = _runs(draw)
    first = int(draw.integers(0, 8)) if draw.random() < 0.3 else 0
    return line[first:] if draw.random() < 0.8 else line[first : first + int(draw.integers(8, 20))]


def _document(draw: Generator) -> str:
    """A document's number of nine places and its check digit."""
    count = int(draw.choice([0, 1, 2, 3], p=[0.45, 0.2, 0.25, 0.1]))
    number = letters(count, draw) + digits(int(draw.integers(6, 10)) - count, draw)
    return number.ljust(9, "<") + digits(1, draw)


def _days(draw: Generator) -> str:
    """A day of birth, a sex and a last day, both days with check digits."""
    return f"{digits(6, draw)}{digits(1, draw)}{letters(1, draw, 'MF<')}{digits(6, draw)}{digits(1, draw)}"


def _optional(room: int, draw: Generator) -> str:
    """What a state adds: mostly nothing, or a number."""
    return "<" * room if draw.random() < 0.55 else mixed(draw).translate(str.maketrans(" -", "<<"))[:room].ljust(room, "<")


def _runs(draw: Generator) -> str:
    """Runs of digits, capitals and fillers, 30 to 44 characters."""
    count = int(draw.choice([30, 36, 44]))
    runs: list[str] = []
    while sum(map(len, runs)) < count:
        way, size = draw.random(), int(draw.integers(1, 10))
        runs.append(digits(size, draw) if way < 0.5 else letters(size % 4 + 1, draw) if way < 0.75 else "<" * size)
    line = "".join(runs)[:count]
    return line[: int(count * 0.6)].ljust(count - 1, "<") + digits(1, draw) if draw.random() < 0.4 else line
