"""The side of a peer's program: pictures come in, each with its length before it, and lines of JSON go out."""

import json
import sys
from collections.abc import Callable

LENGTH_BYTES = 4  # before each picture: how many bytes it has, the most significant byte first


def answer(version: str, read: Callable[[bytes], str]) -> None:
    """Say which version reads, then what it reads in each picture, until there are no more.

    What an engine prints of its own accord goes to the standard error, as it would break the lines.
    """
    pictures, answers = sys.stdin.buffer, sys.stdout
    sys.stdout = sys.stderr
    print(json.dumps({"version": version}), file=answers, flush=True)
    while length := pictures.read(LENGTH_BYTES):
        print(json.dumps({"text": read(pictures.read(int.from_bytes(length)))}), file=answers, flush=True)
