"""How commands that start a server end: with one sentence on what went wrong, and never with that server left running."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from digitkit.artifacts.card import CardError
from testbed.pictures import PicturesError

EXIT_FAILED = 3  # what was measured is not as it should be; 1 is a mistake


@contextmanager
def ending(prog: str, *foreseen: type[Exception]) -> Iterator[None]:
    """Turn Ctrl-C, SIGTERM and foreseen exceptions into an exit with one sentence, after whatever was started has been ended.

    Args:
        prog: the command's name, with which the sentence begins.
        foreseen: exceptions beside those of files, connections, cards and pictures.
    """
    caught: tuple[type[Exception], ...] = (OSError, CardError, PicturesError, *foreseen)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # asyncio ends its tasks in order on SIGINT alone
    try:
        yield
    except caught as err:
        sys.exit(f"{prog}: {err}")
    except KeyboardInterrupt:
        sys.exit(f"{prog}: told to end")
