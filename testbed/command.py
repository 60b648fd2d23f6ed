"""How commands that start a server end: with one sentence that says what went wrong, and never with the server left running."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from digitkit.artifacts.card import CardError
from testbed.pictures import PicturesError

EXIT_FAILED = 3  # what was measured misses its goal; 1 means that the command itself failed


@contextmanager
def ending(prog: str, *foreseen: type[Exception]) -> Iterator[None]:
    """Turn Ctrl-C, SIGTERM and expected exceptions into an exit with one sentence, after everything that was started has ended.

    Args:
        prog: the command's name, with which the sentence begins.
        foreseen: expected exceptions, in addition to those of files, connections, cards and pictures.
    """
    caught: tuple[type[Exception], ...] = (OSError, CardError, PicturesError, *foreseen)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # asyncio ends its tasks in order on SIGINT alone
    try:
        yield
    except caught as err:
        sys.exit(f"{prog}: {err}")
    except KeyboardInterrupt:
        sys.exit(f"{prog}: told to end")
