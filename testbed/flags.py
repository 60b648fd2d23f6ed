"""Types of flags that several commands take; each raises argparse's own error, which names what came and what is accepted."""

import argparse
import math


def positive(text: str) -> int:
    """A whole number from 1 on; raises argparse's own error for anything else."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def positive_list(text: str) -> tuple[int, ...]:
    """Whole numbers from 1 on, separated by commas, for example 1,2."""
    return tuple(positive(part) for part in text.split(","))


def names(text: str) -> tuple[str, ...]:
    """Names separated by commas; "" stands for no name."""
    return tuple(text.split(",")) if text else ()


def rate(text: str) -> float:
    """Requests a second; 0 stands for a rate that the command has to find."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of requests a second; 0 means that the rate is to be found")
    return value
