"""Types of flags that several commands take; each raises argparse's own error, which names what came and what is accepted."""

import argparse
import math


def positive(text: str) -> int:
    """A flag that counts something; raises argparse's own error for anything but a whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def positive_list(text: str) -> tuple[int, ...]:
    """Several of them with commas between, as 1,2."""
    return tuple(positive(part) for part in text.split(","))


def names(text: str) -> tuple[str, ...]:
    """Names with commas between them; "" is none."""
    return tuple(text.split(",")) if text else ()


def rate(text: str) -> float:
    """Requests a second, or 0 for a rate that is to be looked for."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of requests a second; 0 stands for one to look for")
    return value
