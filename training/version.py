"""The flag that gives weights their version, which they keep in card, archive, answers and metrics."""

import argparse

from digitkit.artifacts.card import version_key


def add_version_flag(parser: argparse.ArgumentParser, default: str) -> None:
    """Give `parser` the flag --version, None where it is not given; `default` says in its help what is taken then."""
    parser.add_argument("--version", type=_checked, help=f"of the weights, as 1.1: the model is served under it ({default})")


def next_minor(version: str) -> str:
    """The version that follows: 1.1 after 1.0."""
    major, minor = version_key(version)
    return f"{major}.{minor + 1}"


def _checked(text: str) -> str:
    try:
        version_key(text)
    except ValueError as err:
        raise argparse.ArgumentTypeError(str(err)) from err
    return text
