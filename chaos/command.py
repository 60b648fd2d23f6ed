"""How the commands of this folder end: with one sentence on what went wrong, and never with a server left running."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from chaos.questions import NotServed
from deploy.java import JavaError
from deploy.server import ServerError
from digitkit.card import CardError
from loadtest.pictures import PicturesError

PORT = 19_080  # of a server of its own, beside the one that make run started
EXIT_FAILED = 3  # what was measured is not as it should be; 1 is a mistake


@contextmanager
def ending(prog: str) -> Iterator[None]:
    """Turn foreseen exceptions, Ctrl-C and SIGTERM into an exit with one sentence, after whatever was started has been ended."""
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # asyncio ends its tasks in order on SIGINT alone
    try:
        yield
    except (ServerError, JavaError, CardError, PicturesError, NotServed, OSError, requests.RequestException) as err:
        sys.exit(f"{prog}: {err}")
    except KeyboardInterrupt:
        sys.exit(f"{prog}: told to end")
